"""Which class of a network a class folder is."""

from pathlib import Path

import pytest
from torchvision.datasets import ImageFolder

from naa_lightning.data.class_order import class_order
from naa_lightning.data.folder import FolderData
from naa_lightning.exceptions import UserError
from tests.data.folders import files_and_labels, paint

NETTE = ["n01440764", "n02102040", "n02979186", "n03000684", "n03028079"]


def folder(root: Path, names: list[str], num_classes: int | None, known: list[str] | None = None) -> FolderData:
    """Class folders with an image each, and what is expected of them."""
    data = FolderData(root=paint(root, *(f"{name}/a.png" for name in names)), num_workers=0)
    if num_classes is not None:
        data.expect_classes(num_classes, known)
    return data


@pytest.mark.parametrize(
    "names",
    [
        ["dog", "cat", "Eel", "_owl"],
        NETTE,
        ["n02085374", "n01440764"],
        ["7", "12", "100"],
        ["1", "2", "10"],
        ["cat", "n01440764", "7"],
        ["0", "1", "2", "3"],
    ],
)
def test_as_many_folders_as_the_network_has_classes_are_counted_as_torchvision_does(
    tmp_path: Path, names: list[str]
) -> None:
    data = folder(tmp_path, names, len(names))
    data.setup("predict")
    expected = [(str(Path(path).relative_to(tmp_path)), label) for path, label in ImageFolder(str(tmp_path)).samples]
    assert files_and_labels(data.images.records) == expected


def test_folders_of_all_class_indices_are_those_classes(tmp_path: Path) -> None:
    names = [str(index) for index in range(12)]
    records = folder(tmp_path, names, 12).load().records
    assert {record.file.partition("/")[0]: record.label for record in records} == {name: int(name) for name in names}


@pytest.mark.parametrize(
    ("names", "num_classes", "known", "labels"),
    [
        (["7", "2"], 10, None, [2, 7]),
        (NETTE, 1000, None, [0, 217, 482, 491, 497]),
        (["owl", "dog"], 3, ["owl", "cat", "dog"], [2, 0]),
        (["dog", "owl"], 2, ["owl", "dog"], [1, 0]),
        (["1", "10"], 3, ["0", "1", "10"], [1, 2]),
    ],
)
def test_fewer_folders_than_classes_say_which_they_are(
    tmp_path: Path, names: list[str], num_classes: int, known: list[str] | None, labels: list[int]
) -> None:
    assert [record.label for record in folder(tmp_path, names, num_classes, known).load().records] == labels


@pytest.mark.parametrize(
    ("names", "num_classes", "known"),
    [
        (["dog", "cat"], 3, None),
        (["dog", "cat", "eel", "owl"], 3, None),
        (["dog", "Cat"], 3, ["cat", "dog", "owl"]),
        (["great_white_shark"], 2, ["great white shark", "owl"]),
        (NETTE, 100, None),
    ],
)
def test_words_that_do_not_say_which_classes_they_are_are_refused(
    tmp_path: Path, names: list[str], num_classes: int, known: list[str] | None
) -> None:
    message = rf"have {len(names)} classes \({sorted(names)[0]}.*the network {num_classes},.*`class_map=FILE`"
    with pytest.raises(UserError, match=message):
        folder(tmp_path, names, num_classes, known).load()


def test_the_folders_of_all_parts_are_counted(tmp_path: Path) -> None:
    paint(tmp_path / "root", "cat/a.png")
    paint(tmp_path / "train", "dog/a.png", "cat/a.png", "owl/a.png")
    data = FolderData(root=tmp_path / "root", train=tmp_path / "train")
    data.expect_classes(3)
    assert files_and_labels(data.training_images().records) == [("cat/a.png", 0), ("dog/a.png", 1), ("owl/a.png", 2)]
    assert files_and_labels(data.load().records) == [("cat/a.png", 0)]


def test_a_folder_without_any_is_told_to_be_empty(tmp_path: Path) -> None:
    with pytest.raises(UserError, match="no images found in the class folders of"):
        folder(tmp_path, [], 3).load()


def test_wordnet_ids_are_shown_by_what_wordnet_calls_them() -> None:
    """Also those beyond ImageNet-1k, and those that nobody knows by their ids."""
    assert class_order(["n01440764", "n02085374"], 2).names == ["tench", "toy dog"]
    assert class_order(["n00000000", "n01440764"], 2).names == ["n00000000", "tench"]


def written(folder: Path, name: str, text: str) -> Path:
    (folder / name).write_text(text, encoding="utf-8")
    return folder / name


MAPS = {
    "map.json": '{"cat": 2, "dog": 0, "owl": "1"}',
    "map.txt": "dog\nowl\n\ncat\n",
    "map.csv": "cat,2\ndog,0\nowl,1\n",
    "floats.csv": "cat,2.0\ndog,0.0\nowl,1.0\n",
    "quoted.txt": 'dog\n"owl"\ncat',
    "heads.csv": "\ufeffFolder;Index\r\ndog;0.0\r\ncat;2\r\nowl;1\r\n",
    "tabs.tsv": "owl\t1\ndog\t0\ncat\t2",
}


@pytest.mark.parametrize("name", MAPS)
def test_a_file_says_which_class_each_folder_is(tmp_path: Path, name: str) -> None:
    root = paint(tmp_path / "root", "dog/a.png", "cat/b.png")
    for num_classes in (2, 3, 1000):
        data = FolderData(root=root, class_map=written(tmp_path, name, MAPS[name]), num_workers=0)
        data.expect_classes(num_classes)
        data.setup("predict")
        assert files_and_labels(data.images.records) == [("cat/b.png", 2), ("dog/a.png", 0)]
        assert data.class_names == ["dog", "owl", "cat"]


def test_several_folders_may_be_one_class(tmp_path: Path) -> None:
    root = paint(tmp_path / "root", "tabby/a.png", "siamese/b.png", "dog/c.png")
    data = FolderData(root=root, class_map=written(tmp_path, "map.json", '{"tabby": 0, "siamese": 0, "dog": 1}'))
    assert [record.label for record in data.load().records] == [1, 0, 0]
    assert data.class_names is None


@pytest.mark.parametrize(
    ("name", "text", "message"),
    [
        ("map.json", '{"cat": 0}', r"map\.json lacks 1 of the data's 2 classes: dog; add them"),
        ("map.json", '{"cat": 0, "dog": "one"}', r"""entry 'dog': 'one' is not a class index"""),
        ("map.json", '{"cat": 0, "cat": 1}', r"entry 'cat' names cat again; remove one"),
        ("map.json", '{"cat": -1}', r"entry 'cat': '-1' is no class; count from 0"),
        ("map.json", '["cat", "dog"]', r"must hold an object from the class folder to its index"),
        ("map.json", '{"cat": 0,', r"cannot be read as JSON"),
        ("map.json", "{}", r"map\.json names no class folder"),
        ("map.csv", "cat,0\ndog,one\n", r"map\.csv, line 2: 'one' is not a class index"),
        ("map.csv", "cat,0\n,1\n", r"map\.csv, line 2 names no folder"),
        ("map.csv", "0,cat\n1,dog\n", r"map\.csv, line 2: 'dog' is not a class index"),
        ("map.csv", "cat,0\ndog,1,2\n", r"map\.csv, line 2 is no row of two cells; write FOLDER,INDEX"),
        ("map.csv", "cat\ndog,1\n", r"map\.csv, line 2 is no row of two cells"),
        ("map.csv", "a,b,c\nd,e,f\n", r"map\.csv, line 1 is no row of two cells"),
        ("map.txt", "dog\ncat\ndog\n", r"map\.txt, line 3 names dog again"),
        ("map.txt", "\n", r"map\.txt names no class folder"),
    ],
)
def test_mistakes_in_such_a_file_are_named(tmp_path: Path, name: str, text: str, message: str) -> None:
    root = paint(tmp_path / "root", "dog/a.png", "cat/b.png")
    with pytest.raises(UserError, match=message) as error:
        FolderData(root=root, class_map=written(tmp_path, name, text)).load()
    assert "\n" not in str(error.value)


def test_a_mistyped_path_of_such_a_file_is_told(tmp_path: Path) -> None:
    root = paint(tmp_path / "root", "dog/a.png", "cat/b.png")
    with pytest.raises(UserError, match=r"`class_map=.*absent\.json` is not a file; correct the path"):
        FolderData(root=root, class_map=tmp_path / "absent.json").load()
