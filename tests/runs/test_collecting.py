"""Adversarial images that are there already are found by their names."""

from pathlib import Path

import pytest
from PIL import Image

from naa_lightning.data import ImageRecord
from naa_lightning.exceptions import UserError
from naa_lightning.runs.stages.collecting import match_files


def folder_with(root: Path, *files: str) -> Path:
    for file in files:
        path = root / file
        path.parent.mkdir(parents=True, exist_ok=True)
        Image.new("RGB", (2, 2)).save(path)
    return root


def records(*files: str) -> list[ImageRecord]:
    return [ImageRecord(7 + number, file, 0) for number, file in enumerate(files)]


def test_files_at_the_same_place_whatever_their_suffix(tmp_path: Path) -> None:
    folder = folder_with(tmp_path, "cats/1.png", "cats/2.JPEG", "dogs/1.bmp", "notes.txt.png")
    clean = records("cats/1.jpg", "cats/2.png", "dogs/1.png", "dogs/2.png")
    assert match_files(folder, clean) == {7: "cats/1.png", 8: "cats/2.JPEG", 9: "dogs/1.bmp"}


def test_files_elsewhere_by_their_name(tmp_path: Path) -> None:
    folder = folder_with(tmp_path, "a.png", "run/adversarial/b.png")
    assert match_files(folder, records("images/a.jpg", "images/b.jpg")) == {7: "a.png", 8: "run/adversarial/b.png"}


def test_a_name_that_several_clean_images_have_says_nothing(tmp_path: Path) -> None:
    folder = folder_with(tmp_path, "1.png")
    assert match_files(folder, records("cats/1.jpg", "dogs/1.jpg")) == {}


def test_hidden_and_other_files_do_not_count(tmp_path: Path) -> None:
    folder = folder_with(tmp_path, ".a.png")
    (folder / "a.csv").write_text("")
    (folder / "a.npy").write_text("")
    assert match_files(folder, records("a.png")) == {}


@pytest.mark.parametrize("files", [("a.png", "a.jpg"), ("x/a.png", "y/a.png")])
def test_two_files_for_one_image_are_refused(tmp_path: Path, files: tuple[str, str]) -> None:
    folder = folder_with(tmp_path, *files)
    first, second = sorted(files)
    with pytest.raises(UserError, match=f"holds {first} and {second} for the clean image a.jpg: remove one"):
        match_files(folder, records("a.jpg"))


def test_a_file_at_the_clean_images_place_wins_over_namesakes(tmp_path: Path) -> None:
    folder = folder_with(tmp_path, "a.png", "thumbnails/a.png")
    assert match_files(folder, records("a.jpg")) == {7: "a.png"}
