"""Files become a batch."""

from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

from naa_lightning.exceptions import UserError
from naa_lightning.library.images import read_images


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Two uniform images, and what is passed over."""
    for name, grey, size in (("b.png", 51, (9, 6)), ("a.JPG", 255, (4, 8)), (".hidden.png", 0, (5, 5))):
        Image.new("RGB", size, (grey, grey, grey)).save(tmp_path / name)
    (tmp_path / "notes.txt").write_text("no image")
    (tmp_path / "more").mkdir()
    Image.new("RGB", (5, 5)).save(tmp_path / "more" / "c.png")
    return tmp_path


def test_a_folder_is_read_in_the_order_of_names(folder: Path) -> None:
    images = read_images(folder, size=4)
    assert (images.shape, images.dtype) == ((2, 3, 4, 4), torch.float32)
    assert images[:, 0, 0, 0].tolist() == pytest.approx([1.0, 0.2])


@pytest.mark.parametrize("kind", [str, Path])
def test_files_are_read_in_the_order_given(folder: Path, kind: type) -> None:
    several = read_images([kind(folder / "b.png"), kind(folder / "a.JPG")], size=4)
    assert several[:, 0, 0, 0].tolist() == pytest.approx([0.2, 1.0])
    assert torch.equal(read_images(kind(folder / "b.png"), size=4), several[:1])


def test_the_centre_is_kept(tmp_path: Path) -> None:
    pixels = np.zeros((6, 12, 3), dtype=np.uint8)
    pixels[:, 3:9] = np.random.default_rng(0).integers(0, 256, (6, 6, 3))
    Image.fromarray(pixels).save(tmp_path / "wide.png")
    expected = torch.from_numpy(pixels[:, 3:9]).permute(2, 0, 1).float() / 255
    assert torch.equal(read_images(tmp_path, size=6), expected[None])


def test_what_cannot_be_read_is_named(folder: Path, tmp_path_factory: pytest.TempPathFactory) -> None:
    with pytest.raises(UserError, match=r"notes\.txt cannot be read as an image .*; replace or remove it"):
        read_images([folder / "b.png", folder / "notes.txt"])
    with pytest.raises(UserError, match=r"there is no file or folder .*absent\.png"):
        read_images(folder / "absent.png")
    with pytest.raises(UserError, match=r"no images found in .*; it needs files such as \.png"):
        read_images(tmp_path_factory.mktemp("empty"))
    with pytest.raises(UserError, match="`paths` is empty; name files or a folder"):
        read_images([])
    with pytest.raises(ValueError, match="size must be an integer of at least 1, got 0"):
        read_images(folder, size=0)
