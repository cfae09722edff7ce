"""Files become pixels, or are named."""

from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

from naa_lightning.exceptions import UserError
from naa_lightning.image_file import central_square, is_image, read_image


@pytest.mark.parametrize("mode", ["L", "RGBA", "P", "1"])
def test_every_8_bit_mode_becomes_rgb(tmp_path: Path, mode: str) -> None:
    image = Image.new("RGB", (4, 3), (255, 255, 255)).convert(mode)
    image.save(tmp_path / "a.png")
    assert torch.equal(read_image(tmp_path / "a.png"), torch.full((3, 3, 4), 255, dtype=torch.uint8))


def test_unreadable_files_are_named(tmp_path: Path) -> None:
    Image.effect_noise((64, 64), 50).save(tmp_path / "whole.png")
    whole = (tmp_path / "whole.png").read_bytes()
    middle = len(whole) // 2
    flipped = whole[:middle] + bytes([whole[middle] ^ 255]) + whole[middle + 1 :]
    contents = {"cut.png": whole[:middle], "text.png": b"no image", "empty.png": b"", "flipped.png": flipped}
    for name, content in contents.items():
        (tmp_path / name).write_bytes(content)
        with pytest.raises(UserError, match=rf"{name} cannot be read as an image .*; replace or remove it"):
            read_image(tmp_path / name)
    with pytest.raises(UserError, match=r"absent\.png"):
        read_image(tmp_path / "absent.png")


def test_16_bit_images_are_refused_not_clipped(tmp_path: Path) -> None:
    Image.fromarray(np.full((2, 2), 4000, dtype=np.uint16)).save(tmp_path / "deep.png")
    with pytest.raises(UserError, match=r"deep.png has more than 8 bits per channel"):
        read_image(tmp_path / "deep.png")


@pytest.mark.parametrize("shape", [(40, 60), (61, 40), (9, 7)], ids=["wide", "high", "smaller"])
def test_the_central_square_is_pils_but_for_rounding(shape: tuple[int, int]) -> None:
    pixels = np.random.default_rng(0).integers(0, 256, (*shape, 3), dtype=np.uint8)
    height, width = (16 * side // min(shape) for side in shape)
    resized = Image.fromarray(pixels).resize((width, height), Image.Resampling.BILINEAR)
    left, top = round((width - 16) / 2), round((height - 16) / 2)
    expected = np.asarray(resized.crop((left, top, left + 16, top + 16)), dtype=int)
    square = central_square(torch.from_numpy(pixels).permute(2, 0, 1), 16)
    assert square.dtype == torch.uint8
    assert np.abs(square.permute(1, 2, 0).numpy() - expected).max() <= 1


def test_image_files_are_told_by_their_suffix(tmp_path: Path) -> None:
    for name in ("a.PNG", "b.jpeg", "c.txt"):
        (tmp_path / name).write_bytes(b"")
    (tmp_path / "d.png").mkdir()
    assert [path.name for path in sorted(tmp_path.iterdir()) if is_image(path)] == ["a.PNG", "b.jpeg"]
