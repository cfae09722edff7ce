from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image

from naa_lightning.class_names import class_name
from naa_lightning.data import ImageRecord, check_trainable
from naa_lightning.data.folder import FolderData
from naa_lightning.exceptions import UserError
from tests.data.folders import paint, records, write_csv


def test_csv_gives_order_labels_and_targets(tmp_path: Path) -> None:
    paint(tmp_path, "a.png", "sub/b.jpg")
    write_csv(tmp_path, "\ufefffilename,label,target,note", "sub/b.jpg, 3,,x", "./a.png,0,5,")
    expected = [ImageRecord(0, "sub/b.jpg", 3), ImageRecord(1, "a.png", 0, 5)]
    assert records(tmp_path, "labels.csv") == expected
    assert records(tmp_path, str(tmp_path / "labels.csv")) == expected


@pytest.mark.parametrize(
    ("lines", "message"),
    [
        (["file,class", "a.png,1"], r"labels\.csv lacks the column filename; it has file, class"),
        (["filename,class", "a.png,1"], r"labels\.csv lacks the column label; it has filename, class"),
        (["filename,label", "a.png,1", "b.png,1"], r"labels\.csv, row 2: b\.png is missing from"),
        (["filename,label", "a.png,cat"], r"labels\.csv, row 1: 'cat' is not a class index"),
        (["filename,label", "a.png"], r"labels\.csv, row 1: '' is not a class index"),
        (["filename,label,target", "a.png,1,dog"], r"labels\.csv, row 1: 'dog' is not a class index"),
        ([], r"labels\.csv is empty; write the columns filename, label and a row for each image"),
        (["filename,label"], r"labels\.csv lists no image; write a row for each, below its heads"),
        (
            ["filename,label", "b.png,1", "a.png,1", *(f"c{i}.png,1" for i in range(7))],
            r"labels\.csv lists files that are missing from .*: b\.png \(row 1\), c0\.png \(row 3\), .* and 3 more;",
        ),
        (["filename,label", "a.png,1", "a.png,2"], r"a\.png and a\.png would both be saved"),
    ],
)
def test_csv_mistakes_are_named(tmp_path: Path, lines: list[str], message: str) -> None:
    with pytest.raises(UserError, match=message):
        records(write_csv(paint(tmp_path, "a.png"), *lines), "labels.csv")


def test_missing_folder_missing_csv_and_binary_csv(tmp_path: Path) -> None:
    with pytest.raises(UserError, match=r"`root=.*absent` is not a folder"):
        records(tmp_path / "absent")
    with pytest.raises(UserError, match=r"absent\.csv cannot be read as CSV"):
        records(tmp_path, "absent.csv")
    (tmp_path / "empty.csv").write_bytes(b"")
    with pytest.raises(UserError, match=r"empty\.csv is empty; write the columns filename, label"):
        records(tmp_path, "empty.csv")
    (tmp_path / "binary.csv").write_bytes(b"\xff\xfe\x00")
    with pytest.raises(UserError, match=r"binary\.csv cannot be read as text"):
        records(tmp_path, "binary.csv")


@pytest.mark.parametrize(
    ("files", "labels"),
    [
        (["10/a.png", "2/b.JPG", "2/deep/c.webp"], [10, 2, 2]),
        (["dog/a.bmp", "cat/b.jpeg"], [0, 1]),
        # Great white shark and daisy are the classes 2 and 985 of ImageNet-1k.
        (["n01484850/a.png", "n11939491/b.png"], [2, 985]),
    ],
)
def test_class_folders(tmp_path: Path, files: list[str], labels: list[int]) -> None:
    paint(tmp_path, *files)
    (tmp_path / ".hidden").mkdir()
    (tmp_path / "readme.txt").write_text("not an image")
    found = records(tmp_path)
    assert [record.file for record in found] == sorted(files)
    assert [record.label for record in found] == labels
    assert [record.id for record in found] == list(range(len(files)))


@pytest.mark.parametrize(
    ("files", "names"),
    [
        (["dog/a.png", "cat/b.png", "Eel/c.png"], {"dog/a.png": "dog", "cat/b.png": "cat", "Eel/c.png": "Eel"}),
        (["n01484850/a.png", "n11939491/b.png"], {"n01484850/a.png": "great white shark", "n11939491/b.png": "daisy"}),
        (["10/a.png", "2/b.png"], None),
    ],
)
def test_class_folders_name_their_classes(tmp_path: Path, files: list[str], names: dict[str, str] | None) -> None:
    data = FolderData(root=paint(tmp_path, *files))
    data.setup("predict")
    found = data.class_names
    assert (found is None) == (names is None)
    for record in data.images.records if found is not None else []:
        assert names is not None
        assert class_name(found, record.label) == f"{names[record.file]} ({record.label})"


def test_a_csv_names_no_classes(tmp_path: Path) -> None:
    data = FolderData(root=write_csv(paint(tmp_path, "cat/a.png"), "filename,label", "cat/a.png,0"), csv="labels.csv")
    data.setup("predict")
    assert data.class_names is None


@pytest.mark.parametrize(
    ("files", "message"),
    [
        (["n00000000/a.png"], "class n00000000 is none of ImageNet-1k; .*`class_map=FILE`"),
        (["n01484850/a.png", "shark/b.png"], r"different kinds: n01484850 \(WordNet id\), shark \(name\)"),
        (["1/a.png", "n01484850/b.png"], r"different kinds: 1 \(class index\), n01484850 \(WordNet id\)"),
        (["cat/a.png", "b.png"], r"b\.png lies in no class folder; .*`csv=FILE`.*`labels=predicted`"),
        (["cat/a.png", "cat/a.jpg"], r"cat/a\.jpg and cat/a\.png would both be saved as cat/a\.png"),
        (["cat/a.jpg", "cat/a.png/b.png"], r"cat/a\.jpg would be saved as cat/a\.png, which is the name of a folder"),
        ([], "no images found in"),
    ],
)
def test_class_folder_mistakes_are_named(tmp_path: Path, files: list[str], message: str) -> None:
    with pytest.raises(UserError, match=message):
        records(paint(tmp_path, *files))


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"first_label": 1}, "columns and first_label say how a label file is written, and there is none"),
        ({"columns": {"label": "class"}}, "columns and first_label say how a label file is written, and there is none"),
        ({"csv": "labels.csv", "class_map": "map.json"}, "class_map says which class each class folder is, and csv"),
    ],
)
def test_options_of_other_labels_are_refused(tmp_path: Path, options: dict[str, Any], message: str) -> None:
    paint(tmp_path, "1/a.png", "2/b.png")
    with pytest.raises(ValueError, match=message):
        FolderData(root=tmp_path, **options)


def test_pixels_as_stored(tmp_path: Path) -> None:
    pixels = np.random.default_rng(0).integers(0, 256, (9, 5, 3), dtype=np.uint8)
    (tmp_path / "0").mkdir()
    Image.fromarray(pixels).save(tmp_path / "0" / "a.png")
    image = FolderData(root=tmp_path).load()[0]["image"]
    assert torch.equal((image * 255).round().to(torch.uint8), torch.from_numpy(pixels).permute(2, 0, 1))


def test_resizing_agrees_with_pil(tmp_path: Path) -> None:
    rng = np.random.default_rng(0)
    (tmp_path / "0").mkdir()
    original = Image.fromarray(rng.integers(0, 256, (60, 90, 3), dtype=np.uint8))
    original.save(tmp_path / "0" / "a.png")
    expected = np.asarray(original.resize((30, 20), Image.Resampling.BILINEAR))[:, 5:25].astype(float)
    image = FolderData(root=tmp_path, image_size=20).load()[0]["image"]
    assert image.shape == (3, 20, 20)
    assert np.abs(image.permute(1, 2, 0).numpy() * 255 - expected).max() <= 1.001


def test_two_sizes_in_a_batch_and_image_size(tmp_path: Path) -> None:
    paint(tmp_path, "0/a.png")
    paint(tmp_path, "0/b.png", size=(5, 5))
    stored = FolderData(root=tmp_path, num_workers=0)
    stored.setup("predict")
    with pytest.raises(UserError, match=r"0/a\.png is 6x4, 0/b\.png is 5x5"):
        next(iter(stored.predict_dataloader()))
    resized = FolderData(root=tmp_path, image_size=8, num_workers=2)
    resized.setup("predict")
    assert next(iter(resized.predict_dataloader()))["image"].shape == (2, 3, 8, 8)


def test_image_size_out_of_range(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match=r"image_size must be an integer of at least 1, got 0"):
        FolderData(root=tmp_path, image_size=0)


def named(root: Path, *names: str) -> Path:
    (root.parent / "names.txt").write_text("\n".join(names))
    return root.parent / "names.txt"


@pytest.mark.parametrize("files", [["1/a.png", "0/b.png"], ["dog/a.png", "cat/b.png"]])
def test_a_file_names_the_classes_whatever_class_folders_say(tmp_path: Path, files: list[str]) -> None:
    root = paint(tmp_path / "photos", *files)
    data = FolderData(root=root, train=root, class_names=named(root, "Katze", "Hund"))
    data.setup("fit")
    check_trainable(data, 2, "mine")
    assert data.class_names == ["Katze", "Hund"]


def test_a_file_names_the_classes_of_a_csv(tmp_path: Path) -> None:
    root = write_csv(paint(tmp_path / "photos", "a.png"), "filename,label,target", "a.png,0,2")
    data = FolderData(root=root, csv="labels.csv", class_names=named(root, "cat", "dog"))
    with pytest.raises(
        UserError, match=r"a\.png has the target class 2, counted from 0, and .* names 2 classes, 0 to 1"
    ):
        data.setup("predict")
    data = FolderData(root=root, csv="labels.csv", class_names=named(root, "cat", "dog", "owl"))
    data.setup("predict")
    assert class_name(data.class_names, 2) == "owl (2)"


def test_a_file_names_the_classes_that_are_trained_on(tmp_path: Path) -> None:
    root, train = paint(tmp_path / "root", "0/a.png"), paint(tmp_path / "train", "0/a.png", "1/b.png", "2/c.png")
    data = FolderData(root=root, train=train, class_names=named(root, "cat", "dog"))
    data.setup("fit")
    with pytest.raises(UserError, match=r"2/c\.png has the label 2, counted from 0, and .* names 2 classes"):
        check_trainable(data, 3, "mine")
