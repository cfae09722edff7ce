"""Label files as spreadsheets, pandas and people write them."""

from pathlib import Path
from typing import Any

import pandas as pd
import pytest

from naa_lightning.data.folder import FolderData
from naa_lightning.data.label_file import Labelling
from naa_lightning.exceptions import UserError
from tests.conftest import shared
from tests.data.folders import files_and_labels, paint

EXPECTED = [("img/0.png", 0), ("img/1.png", 5), ("img/2.png", 0), ("img/3.png", 5)]
TABLE = "filename{0}label\r\nimg\\0.png{0}0\r\nimg\\1.png{0}5\r\nimg\\2.png{0}0\r\nimg\\3.png{0}5\r\n"


def listed(root: Path, **options: Any) -> list[tuple[str, int]]:
    return files_and_labels(FolderData(root=root, csv="labels.csv", **options).load().records)


def images(root: Path, text: str, encoding: str = "utf-8") -> Path:
    """Four images, and a table of them."""
    paint(root, *(file for file, _ in EXPECTED))
    (root / "labels.csv").write_bytes(text.encode(encoding))
    return root


@pytest.mark.parametrize("separator", [",", ";", "\t", "|"])
@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16", "cp1252"])
def test_tables_of_windows_are_read(tmp_path: Path, separator: str, encoding: str) -> None:
    assert listed(images(tmp_path, TABLE.format(separator), encoding)) == EXPECTED


@pytest.mark.parametrize("encoding", ["utf-8", "utf-16", "cp1252"])
def test_names_with_other_letters_are_found(tmp_path: Path, encoding: str, caplog: pytest.LogCaptureFixture) -> None:
    paint(tmp_path, "Bär.png")
    (tmp_path / "labels.csv").write_bytes("filename;label\nBär.png;3\n".encode(encoding))
    with caplog.at_level("INFO"):
        assert listed(tmp_path) == [("Bär.png", 3)]
    said = [line for line in caplog.messages if "is read in the Windows code page 1252" in line]
    assert len(said) == (encoding == "cp1252"), "it is said once, and where it is a guess"


@pytest.mark.parametrize(
    ("frame", "options"),
    [
        (pd.DataFrame({"filename": [file for file, _ in EXPECTED], "label": [0.0, 5.0, 0.0, 5.0]}), {}),
        (
            pd.DataFrame({"File_Name": [file for file, _ in EXPECTED], " Label ": [0, 5, 0, 5], "split": "val"}),
            {"columns": {"filename": "file_name", "label": "Label"}},
        ),
        (
            pd.DataFrame({"filename": "other.png", "path": [file for file, _ in EXPECTED], "label": [1, 6, 1, 6]}),
            {"columns": {"filename": "path"}, "first_label": 1},
        ),
    ],
)
def test_tables_of_pandas_are_read(tmp_path: Path, frame: pd.DataFrame, options: dict[str, Any]) -> None:
    assert listed(images(tmp_path, frame.to_csv(index=False)), **options) == EXPECTED
    assert listed(images(tmp_path, frame.to_csv()), **options) == EXPECTED


def test_quotes_hide_separators(tmp_path: Path) -> None:
    paint(tmp_path, "a,b;c.png")
    (tmp_path / "labels.csv").write_text('"label"|"file, or ""name"""\n3|"a,b;c.png"\n|\n')
    assert listed(tmp_path, columns={"filename": 'file, or "name"'}) == [("a,b;c.png", 3)]


def test_a_backslash_in_the_name_of_a_file_that_is_there_is_left(tmp_path: Path) -> None:
    paint(tmp_path, "a\\b.png", "a/b.jpg")
    (tmp_path / "labels.csv").write_text("filename,label\na\\b.png,1\na\\b.jpg,2\n")
    assert listed(tmp_path) == [("a\\b.png", 1), ("a/b.jpg", 2)]


def test_classes_may_be_named(tmp_path: Path) -> None:
    rows = zip(EXPECTED, ("cat", "great dane", "cat", "great dane"), strict=True)
    root = images(tmp_path, "filename,label\n" + "".join(f"{file},{name}\n" for (file, _), name in rows))
    (tmp_path / "names.txt").write_text("cat\na\nb\nc\nd\ngreat dane\n")
    assert listed(root, class_names=tmp_path / "names.txt") == EXPECTED
    (tmp_path / "names.txt").write_text("cat\na\nb\nc\nd\ngreat danes\n")
    with pytest.raises(
        UserError, match=r"row 2: 'great dane' is none of the 6 .* \(did you mean 'great danes'\?\); .*`class_names"
    ):
        listed(root, class_names=tmp_path / "names.txt")
    with pytest.raises(UserError, match=r"row 1: 'cat' is not a class index; .*`class_names=FILE`"):
        listed(root)


@pytest.mark.parametrize(
    ("names", "text", "expected"),
    [
        (["20", "30", "50"], "20", 0),  # no class has this number
        (["20", "30", "50"], "2", 2),
        (["0", "1", "2"], "2", 2),
        (["2", "1", "0"], "2", "2 is what class 0 is called, and the number of class 2; count from `first_label=2` if"),
        (["1", "2", "3"], "2", "2 is what class 1 is called, and the number of class 2; count from `first_label=1` if"),
        (["2", "0", "1"], "0", "0 is what class 1 is called, and the number of class 0; call classes otherwise"),
        (None, "1,000", "'1,000' is not a class index"),  # a thousand or one
        (None, "1.000", "'1.000' is not a class index"),
        (None, "1.000000", 1),
        (None, "5,00", 5),
        (None, "5.", 5),
    ],
)
def test_numbers_that_may_mean_two_classes_are_refused(names: list[str] | None, text: str, expected: int | str) -> None:
    labelling = Labelling(names=names)
    if isinstance(expected, int):
        assert labelling.class_of(text, "labels.csv, row 1") == expected
    else:
        with pytest.raises(UserError, match=f"^labels.csv, row 1: {expected}"):
            labelling.class_of(text, "labels.csv, row 1")


@pytest.mark.parametrize(
    ("heads", "expected"), [("label,Label", 3), ("Label,label", 0), ("LABEL,Label", "lacks the column label")]
)
def test_a_column_is_the_one_of_the_same_letters(tmp_path: Path, heads: str, expected: int | str) -> None:
    paint(tmp_path, "a.png")
    (tmp_path / "labels.csv").write_text(f"filename,{heads}\na.png,3,0\n")
    if isinstance(expected, int):
        assert listed(tmp_path) == [("a.png", expected)]
    else:
        with pytest.raises(UserError, match=expected):
            listed(tmp_path)


def test_labels_and_targets_may_count_from_1(tmp_path: Path) -> None:
    root = images(tmp_path, "filename,label,target\nimg/0.png,1,6\nimg/1.png,6,\nimg/2.png,1,2\nimg/3.png,6,1\n")
    records = FolderData(root=root, csv="labels.csv", first_label=1).load().records
    assert [(record.label, record.target_class) for record in records] == [(0, 5), (5, None), (0, 1), (5, 0)]


def test_other_targets_are_found(tmp_path: Path) -> None:
    root = images(tmp_path, "filename,label,target,aim\nimg/0.png,0,1,2\n")
    for columns, target in (({}, 1), ({"target": "AIM"}, 2)):
        assert FolderData(root=root, csv="labels.csv", columns=columns).load().records[0].target_class == target


@pytest.mark.parametrize(
    ("text", "options", "message"),
    [
        ("filename,label\nimg/0.png,0.5\n", {}, r"row 1: '0\.5' is not a class index; write an integer$"),
        ("filename,label\nimg/0.png,nan\n", {}, r"row 1: 'nan' is not a class index; write an integer, or say"),
        ("filename,label\nimg/0.png,0\n", {"first_label": 1}, r"row 1: the label 0 is less than `first_label=1`"),
        ("filename,label\nimg/0.png,0\n", {"columns": {"label": "y"}}, r"lacks the column y; it has filename, label;"),
        ("filename,label\nimg/0.png,0\n", {"columns": {"target": "y"}}, r"lacks the column y; it has filename, label;"),
        ("file;y\nimg/0.png;0\n", {}, r"lacks the column filename; it has file, y; .*`columns={filename:HEAD}`"),
        ("filename,label\nimg/0.png,0\nimg/0.png,3\n", {}, r"img/0\.png and img/0\.png would both be saved"),
    ],
)
def test_what_does_not_tell_a_class_is_refused(
    tmp_path: Path, text: str, options: dict[str, Any], message: str
) -> None:
    with pytest.raises(UserError, match=message):
        listed(images(tmp_path, text), **options)


def test_an_unknown_column_is_told(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match=r"there is no column columns\.lable; did you mean label\?"):
        FolderData(root=tmp_path, columns={"lable": "y"})


@pytest.mark.parametrize(
    ("file", "options"),
    [
        ("labels.csv", {}),
        ("back.csv", {}),
        ("float.csv", {}),
        ("utf16.csv", {}),
        ("cols.csv", {"columns": {"filename": "file_name", "label": "label"}}),
        ("names.csv", {"class_names": "".join(f"digit{index}\n" for index in range(10))}),
    ],
)
def test_tables_of_real_users_are_read(tmp_path: Path, file: str, options: dict[str, Any]) -> None:
    if "class_names" in options:
        (tmp_path / "names.txt").write_text(options["class_names"])
        options = {"class_names": tmp_path / "names.txt"}
    data = FolderData(root=shared("field/excel-csv"), csv=file, **options)
    assert files_and_labels(data.load().records) == EXPECTED
