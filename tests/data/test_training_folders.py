"""Folders of images to train on."""

from pathlib import Path

import pytest

from naa_lightning.data import ImageRecord, check_trainable
from naa_lightning.data.folder import FolderData
from naa_lightning.exceptions import UserError
from tests.data.folders import files_and_labels, paint, parts, write_csv


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
        (["cat/a.png"], [], ["0/b.png"], r"different kinds: .*cat \(name\)"),
        (["cat/a.png", "b.png"], [], ["cat/c.png"], r"train/b\.png lies in no class folder; move images"),
    ],
)
def test_folders_that_are_no_class_folders_are_refused(
    tmp_path: Path, train: list[str], validation: list[str], attacked: list[str], message: str
) -> None:
    data = parts(tmp_path, train, validation, attacked)
    for listing in (data.load, data.training_images, data.validation_images):
        with pytest.raises(UserError, match=message):
            listing()


@pytest.mark.parametrize(
    ("train", "validation", "attacked", "lacking"),
    [
        (["cat/a.png", "dog/a.png"], ["cat/b.png", "eel/b.png"], ["cat/c.png"], r"eel \(2\)"),
        (["n01484850/a.png"], ["n11939491/b.png"], ["n01484850/c.png"], r"daisy \(1\)"),
    ],
)
def test_every_class_needs_images_to_train_on(
    tmp_path: Path, train: list[str], validation: list[str], attacked: list[str], lacking: str
) -> None:
    data = parts(tmp_path, train, validation, attacked)
    folders = {Path(file).parent.name for file in (*train, *validation, *attacked)}
    data.expect_classes(len(folders))
    data.setup("fit")
    with pytest.raises(UserError, match=rf"has no training image of {lacking}, one of its {len(folders)} classes"):
        check_trainable(data, len(folders), "m")


@pytest.mark.parametrize("names", [("0", "2", "1"), ("n01440764", "n11939491", "n01484850"), ("dog", "eel", "cat")])
def test_there_may_be_fewer_classes_than_those_to_train_on(tmp_path: Path, names: tuple[str, ...]) -> None:
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
