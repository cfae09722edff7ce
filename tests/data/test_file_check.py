"""All image files are found and opened once, and what is said of those that cannot be used."""

import os
from pathlib import Path

import pytest
from PIL import Image

from naa_lightning.data.folder import FolderData
from naa_lightning.exceptions import UserError
from tests.data.folders import files_and_labels, paint, parts, records


def test_a_file_name_that_is_not_utf_8_is_refused(tmp_path: Path) -> None:
    paint(tmp_path, "cat/a.png")
    (tmp_path / "cat" / "a.png").rename(tmp_path / "cat" / os.fsdecode(b"caf\xe9.png"))
    with pytest.raises(UserError) as error:
        records(tmp_path)
    assert str(error.value) == r"b'cat/caf\xe9.png' is no file name in UTF-8; rename the file"


def test_hidden_files_links_and_other_formats(tmp_path: Path) -> None:
    root, store = tmp_path / "root", tmp_path / "store"
    paint(root, "0/a.tif", "0/.ipynb_checkpoints/a.png", "0/._a.png", "1/b.jfif")
    paint(store, "part/c.gif", "part/.d.png")
    (root / "0" / "linked").symlink_to(store / "part")
    (root / "0" / "loop").symlink_to(root)
    (root / "2").symlink_to(store)
    assert files_and_labels(records(root)) == [
        ("0/a.tif", 0),
        ("0/linked/c.gif", 0),
        ("1/b.jfif", 1),
        ("2/part/c.gif", 2),
    ]


def test_files_are_opened_once_and_what_is_wrong_is_told_at_once(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level("INFO")
    paint(tmp_path, "0/a.png", "0/b.png", "0/c.png", "0/d.png")
    Image.new("RGBA", (6, 4), (0, 0, 0, 9)).save(tmp_path / "0" / "b.png")
    for name in ("readme.txt", "0/notes.txt", "0/Thumbs.db"):
        (tmp_path / name).touch()
    data = FolderData(root=tmp_path)
    data.setup("predict")
    data.check_files()
    assert [record.getMessage() for record in caplog.records] == [
        f"{tmp_path}: 3 files are passed over: .db, .txt",
        "1 of 4 images are transparent in parts: laid over white",
    ]
    (tmp_path / "0" / "c.png").write_bytes(b"")
    (tmp_path / "0" / "d.png").write_bytes((tmp_path / "0" / "d.png").read_bytes()[:45])
    with pytest.raises(UserError, match=r"^2 of 4 images are refused: .*c\.png cannot be .*; .*d\.png cannot be"):
        data.check_files()
    FolderData(root=tmp_path, limit=2).setup("predict")
    few = FolderData(root=tmp_path, limit=2, max_pixels=24)
    few.setup("predict")
    few.check_files()


def test_images_of_too_many_pixels_are_refused_by_their_headers(tmp_path: Path) -> None:
    data = FolderData(root=paint(tmp_path, "0/a.png"), max_pixels=23)
    data.setup("predict")
    with pytest.raises(
        UserError, match=r"a\.png is 6x4, more than 23 pixels; make it smaller, or give `max_pixels=N`$"
    ):
        data.check_files()


def test_files_to_train_on_are_opened_too(tmp_path: Path) -> None:
    data = parts(tmp_path, ["0/a.png"], ["0/b.png"], ["0/c.png"])
    data.setup("fit")
    data.check_training_files()
    for name in ("train/0/a.png", "validation/0/b.png", "attacked/0/c.png"):
        whole = (tmp_path / name).read_bytes()
        (tmp_path / name).write_bytes(b"")
        with pytest.raises(UserError, match=rf"{name} cannot be read"):
            data.check_training_files()
        (tmp_path / name).write_bytes(whole)
