import os
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

from naa_lightning.class_names import class_name
from naa_lightning.data import ImageRecord, check_trainable
from naa_lightning.data.folder import FolderData
from naa_lightning.exceptions import UserError


def paint(root: Path, *files: str, size: tuple[int, int] = (6, 4)) -> Path:
    for value, file in enumerate(files):
        (root / file).parent.mkdir(parents=True, exist_ok=True)
        Image.new("RGB", size, (value, 0, 0)).save(root / file)
    return root


def write_csv(root: Path, *lines: str) -> Path:
    (root / "labels.csv").write_text("\n".join(lines) + "\n", encoding="utf-8")
    return root


def records(root: Path, csv: str | None = None) -> list[ImageRecord]:
    return list(FolderData(root=root, csv=csv).load().records)


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
    with pytest.raises(UserError, match=r"binary\.csv cannot be read as CSV"):
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
        (["n00000000/a.png"], "class folder n00000000 is no ImageNet-1k class"),
        (["n01484850/a.png", "shark/b.png"], r"different kinds: n01484850 \(WordNet id\), shark \(name\)"),
        (["1/a.png", "n01484850/b.png"], r"different kinds: 1 \(class index\), n01484850 \(WordNet id\)"),
        (["cat/a.png", "b.png"], r"b\.png lies in no class folder; .*`csv=FILE`"),
        (["cat/a.png", "cat/a.jpg"], r"cat/a\.jpg and cat/a\.png would both be saved as cat/a\.png"),
        (["cat/a.jpg", "cat/a.png/b.png"], r"cat/a\.jpg would be saved as cat/a\.png, which is the name of a folder"),
        ([], "no images found in"),
    ],
)
def test_class_folder_mistakes_are_named(tmp_path: Path, files: list[str], message: str) -> None:
    with pytest.raises(UserError, match=message):
        records(paint(tmp_path, *files))


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


def parts(root: Path, train: list[str], validation: list[str], attacked: list[str]) -> FolderData:
    """Images to train on, to validate on where there are any, and to attack."""
    for name, files in (("train", train), ("validation", validation), ("attacked", attacked)):
        (root / name).mkdir()
        paint(root / name, *files)
    return FolderData(
        root=root / "attacked",
        train=root / "train",
        validation=root / "validation" if validation else None,
        num_workers=0,
    )


def files_and_labels(records: Sequence[ImageRecord]) -> list[tuple[str, int]]:
    return [(record.file, record.label) for record in records]


def test_three_folders(tmp_path: Path) -> None:
    data = parts(tmp_path, ["dog/b.png", "cat/a.png", "cat/deep/c.png"], ["cat/d.png", "dog/e.png"], ["dog/f.png"])
    (tmp_path / "attacked" / "cat").mkdir()
    data.limit = 1
    data.setup("fit")
    assert files_and_labels(data.training_images().records) == [
        ("cat/a.png", 0),
        ("cat/deep/c.png", 0),
        ("dog/b.png", 1),
    ]
    assert files_and_labels(data.validation_images().records) == [("cat/d.png", 0), ("dog/e.png", 1)]
    assert files_and_labels(data.images.records) == [("dog/f.png", 1)]
    assert data.class_names == ["cat", "dog"]
    check_trainable(data, 2, "m")
    # `paint` colours the files of a folder by their rank.
    assert [round(float(data.training_images()[i]["image"].max() * 255)) for i in range(3)] == [1, 2, 0]
    assert next(iter(data.train_dataloader()))["image"].shape == (3, 3, 4, 6)


def test_without_a_validation_folder_all_of_root_validates(tmp_path: Path) -> None:
    data = parts(tmp_path, ["0/a.png", "1/b.png"], [], ["0/c.png", "1/d.png"])
    data.limit = 1
    data.setup("fit")
    assert files_and_labels(data.validation_images().records) == [("0/c.png", 0), ("1/d.png", 1)]
    assert len(data.images) == 1


def test_without_a_training_folder_there_is_nothing_to_train_on(tmp_path: Path) -> None:
    data = FolderData(root=paint(tmp_path, "0/a.png"))
    with pytest.raises(UserError, match=r"^folder has no training images: give `train=FOLDER`$"):
        data.train_dataloader()


def test_paths_are_relative_to_the_working_directory(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    parts(tmp_path, ["cat/a.png"], ["cat/b.png"], ["cat/c.png"])
    monkeypatch.chdir(tmp_path)
    data = FolderData(root="attacked", train="train", validation="validation", num_workers=0)
    assert [record.file for record in data.training_images().records] == ["cat/a.png"]
    assert [record.file for record in data.validation_images().records] == ["cat/b.png"]


@pytest.mark.parametrize(
    ("train", "validation", "attacked", "message"),
    [
        (
            ["cat/a.png", "dog/a.png"],
            ["cat/b.png", "eel/b.png"],
            ["cat/c.png"],
            r"`train` lacks eel; `validation` lacks dog; `root` lacks dog, eel; give all folders the same",
        ),
        (["0/a.png"], [], ["0/b.png", "1/b.png"], r"class folders differ: `train` lacks 1;"),
        (["n01484850/a.png"], ["n11939491/b.png"], ["n01484850/c.png"], r"differ: `train` lacks n11939491;"),
        (["cat/a.png"], [], ["0/b.png"], r"different kinds: .*cat \(name\)"),
        (["cat/a.png", "b.png"], [], ["cat/c.png"], r"train/b\.png lies in no class folder; move images"),
    ],
)
def test_folders_whose_classes_differ_are_refused(
    tmp_path: Path, train: list[str], validation: list[str], attacked: list[str], message: str
) -> None:
    data = parts(tmp_path, train, validation, attacked)
    for listing in (data.load, data.training_images, data.validation_images):
        with pytest.raises(UserError, match=message):
            listing()


@pytest.mark.parametrize("names", [("0", "2", "1"), ("n01440764", "n11939491", "n01484850")])
def test_indices_and_wordnet_ids_may_be_fewer_than_those_to_train_on(tmp_path: Path, names: tuple[str, ...]) -> None:
    train, validation, attacked = [[f"{name}/a.png" for name in part] for part in (names, names[1:], names[:1])]
    data = parts(tmp_path, train, validation, attacked)
    labels = {Path(record.file).parent.name: record.label for record in data.training_images().records}
    assert [record.label for record in data.load().records] == [labels[names[0]]]
    assert {record.label for record in data.validation_images().records} == {labels[name] for name in names[1:]}


def test_one_index_written_in_two_ways_is_one_class(tmp_path: Path) -> None:
    data = parts(tmp_path, ["00/a.png", "01/b.png"], [], ["1/c.png"])
    assert [record.label for record in data.load().records] == [1]


@pytest.mark.parametrize(("folders", "names"), [(["1", "0"], None), (["dog", "cat"], ["cat", "dog"])])
def test_training_folders_beside_a_csv(tmp_path: Path, folders: list[str], names: list[str] | None) -> None:
    parts(tmp_path, [f"{folder}/a.png" for folder in folders], [], ["c.png"])
    write_csv(tmp_path / "attacked", "filename,label", "c.png,1")
    data = FolderData(root=tmp_path / "attacked", csv="labels.csv", train=tmp_path / "train")
    data.setup("fit")
    assert files_and_labels(data.training_images().records) == [
        (f"{name}/a.png", i) for i, name in enumerate(sorted(folders))
    ]
    assert data.validation_images().records == data.images.records == [ImageRecord(0, "c.png", 1)]
    assert data.class_names == names
    write_csv(tmp_path / "attacked", "filename,label", "c.png,2")
    with pytest.raises(UserError, match=r"c\.png has the label 2.* 2 classes permit 0 to 1"):
        check_trainable(data, 2, "m")


def test_an_empty_training_class_is_named(tmp_path: Path) -> None:
    data = parts(tmp_path, ["cat/a.png"], [], ["cat/b.png", "dog/b.png"])
    (tmp_path / "train" / "dog").mkdir()
    with pytest.raises(UserError, match=r"train/dog holds no image to train on; add some, or remove the class$"):
        check_trainable(data, 2, "m")


def test_missing_and_empty_folders(tmp_path: Path) -> None:
    root, absent, empty = paint(tmp_path / "root", "0/a.png"), tmp_path / "absent", tmp_path / "empty"
    with pytest.raises(UserError, match=r"`train=.*absent` is not a folder"):
        FolderData(root=root, train=absent).load()
    with pytest.raises(UserError, match=r"`validation=.*absent` is not a folder"):
        FolderData(root=root, validation=absent).load()
    (empty / "0").mkdir(parents=True)
    with pytest.raises(UserError, match=r"no images found in .*empty; they need files such as"):
        FolderData(root=root, train=empty).training_images()
    with pytest.raises(UserError, match=r"no images found in .*empty; they need files such as"):
        FolderData(root=root, validation=empty).validation_images()


def test_training_batches_need_one_size(tmp_path: Path) -> None:
    paint(tmp_path / "root", "0/a.png")
    paint(tmp_path / "train", "0/a.png")
    paint(tmp_path / "train", "0/b.png", size=(5, 5))
    stored, resized = (
        FolderData(root=tmp_path / "root", train=tmp_path / "train", image_size=size, num_workers=0)
        for size in (None, 3)
    )
    with pytest.raises(UserError, match=r"images differ in size: .*`image_size=N`"):
        next(iter(stored.train_dataloader()))
    assert next(iter(resized.train_dataloader()))["image"].shape == (2, 3, 3, 3)
    assert next(iter(resized.val_dataloader()))["image"].shape == (1, 3, 3, 3)


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
