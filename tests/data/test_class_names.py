from collections.abc import Sequence
from pathlib import Path

import pytest

from naa_lightning.data.class_names import check_classes, read_class_names
from naa_lightning.exceptions import DataError, UserError

READ = {
    "names.txt": "cat\n great  dane \nowl\n\n \n",
    "names": "cat\r\ngreat dane\r\nowl",
    "bom.txt": "\ufeffcat\r\ngreat dane\r\nowl\r\n",
    "list.json": '["cat", "great dane", "owl"]',
    "index.json": '{"0": "cat", "2": "owl", "1": "great dane"}',
    "imagenet_class_index.json": '{"0": ["n1", "cat"], "1": ["n2", "great dane"], "2": ["n3", "owl"]}',
    "bom.json": '\ufeff["cat", ["n2", "great dane"], "owl"]',
    "index.csv": "index,name\n0,cat\n1,great dane\n2,owl\n",
    "order.csv": "Name , Colour,Class\nowl,grey,2\ncat,,0\n\ngreat dane,black,1\n",
    "excel.csv": "\ufeffid;description\r\n0;cat\r\n1;great dane\r\n2;owl\r\n;;\r\n",
    "tabs.CSV": "label\tclass_name\n0\tcat\n1\tgreat dane\n2\towl",
    "plain.csv": "0, cat\n1, great dane\n2, owl",
    "quoted.csv": '"2";"owl"\n"0";"cat"\n"1";"great dane"\n',
    "bars.csv": "CLASS|NAME\n0|cat\n1|great dane\n2|owl",
    "both.csv": "id,class,name\nn1,0,cat\nn2,1,great dane\nn3,2,owl\n",
}


@pytest.mark.parametrize("file", READ)
def test_every_way_of_writing_names_is_read(tmp_path: Path, file: str) -> None:
    (tmp_path / file).write_bytes(READ[file].encode())
    assert read_class_names(tmp_path / file) == ["cat", "great dane", "owl"]
    assert read_class_names(str(tmp_path / file)) == ["cat", "great dane", "owl"]


@pytest.mark.parametrize(
    ("file", "content", "name"),
    [
        ("a.csv", '0;"tench, Tinca tinca"\n', "tench, Tinca tinca"),
        ("a.csv", 'index,name\n0,"tench; or ""Tinca"""\n', 'tench; or "Tinca"'),
        ("a.csv", "0,tench,,\n", None),
        ("a.txt", "0,tench\n", "0,tench"),
        ("a.json", '["Schleie \u00fc"]', "Schleie \u00fc"),
        ("a.txt", "\u732b\n", "\u732b"),
    ],
)
def test_names_may_hold_separators_and_any_letters(tmp_path: Path, file: str, content: str, name: str | None) -> None:
    (tmp_path / file).write_text(content, encoding="utf-8")
    if name is None:
        with pytest.raises(DataError, match="line 1 has the heads '0', 'tench', '', ''; name the column"):
            read_class_names(tmp_path / file)
    else:
        assert read_class_names(tmp_path / file) == [name]


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16", "cp1252"])
def test_names_in_the_encodings_of_spreadsheets_are_read(tmp_path: Path, encoding: str) -> None:
    (tmp_path / "names.csv").write_bytes("Id;Name\r\n0;Bär\r\n1;Löwe\r\n".encode(encoding))
    assert read_class_names(tmp_path / "names.csv") == ["Bär", "Löwe"]


def test_classes_of_one_name_are_told_apart(tmp_path: Path) -> None:
    (tmp_path / "names.txt").write_text("crane\nheron\ncrane\n")
    assert read_class_names(tmp_path / "names.txt") == ["crane (0)", "heron", "crane (2)"]


@pytest.mark.parametrize(
    ("file", "content", "message"),
    [
        ("a.txt", b"", "{file} names no class; write one name per line, the first one of class 0"),
        ("a.csv", b"\n \n", "{file} names no class; write one name per line, the first one of class 0"),
        ("a.json", b"[]", "{file} names no class; write a name for every class, from 0"),
        ("a.json", b"{}", "{file} names no class; write a name for every class, from 0"),
        ("a.csv", b"index,name\n", "{file} names no class; write a name for every class, from 0"),
        ("a.txt", b"cat\n\nowl\n", "{file}, line 2 gives class 1 no name; write one"),
        ("a.txt", b"\ncat\n", "{file}, line 1 gives class 0 no name; write one"),
        ("a.txt", b"\xff\xfec", "{file} cannot be read as text"),
        ("a.txt", b"\x81", "{file} cannot be read as text"),
        ("a.txt", b"c\x00", "{file} cannot be read as text (it holds bytes of zeros)"),
        ("a.json", b'["cat",\n]', "{file} cannot be read as JSON ("),
        ("a.json", b'["cat",\n', "{file} cannot be read as JSON (Expecting value: line 2"),
        ("a.json", b'"cat"', "{file} must hold a list of names, or an object from the class to its name"),
        ("a.json", b"[1]", "{file}, entry '0' is 1; write a name, or [WordNet id, name]"),
        ("a.json", b'["cat", null]', "{file}, entry '1' is null; write a name"),
        ("a.json", b'{"0": ["n1", "cat", "Cat"]}', '{file}, entry \'0\' is ["n1", "cat", "Cat"]; write a name'),
        ("a.json", b'["cat", ""]', "{file}, entry '1' gives class 1 no name; write one"),
        ("a.json", b'{"cat": "0"}', "{file}, entry 'cat': 'cat' is not a class; write an integer from 0"),
        ("a.json", b'{"-1": "cat"}', "{file}, entry '-1': '-1' is not a class"),
        ("a.json", b'{"0": "cat", "0": "owl"}', "{file}, entry '0' names class 0 'owl', which was named 'cat' before"),
        ("a.json", b'{"0": "cat", "2": "owl"}', "{file} names class 2, but not class 1; add its name"),
        ("a.json", b'{"9999999999": "cat"}', "'9999999999' is not a class"),
        (
            "a.csv",
            b"index,name\n1,cat\n2,owl\n",
            "{file} names class 2, but not class 0; add its name, or count from 0 instead of 1",
        ),
        ("a.csv", b"index,name\n0,cat\n0,owl\n", "{file}, line 3 names class 0 'owl', which was named 'cat' before"),
        ("a.csv", b"index,name\n0,cat\none,owl\n", "{file}, line 3: 'one' is not a class; write an integer from 0"),
        ("a.csv", b"index,name\n0,cat\n1\n", "{file}, line 3 gives class 1 no name; write one"),
        ("a.csv", b"0,cat\n,owl\n", "{file}, line 2: '' is not a class"),
        (
            "a.csv",
            b"0,tench\n1,goldfish, Carassius\n",
            "{file}, line 2 has 3 cells, and the first line has 2; put a name that holds ',' in quotes",
        ),
        (
            "a.csv",
            b"number,animal\n0,cat\n",
            "{file}, line 1 has the heads 'number', 'animal'; name the column of classes index, class, label or id, "
            "and that of names name, class_name or description, or leave out the heads and write two columns",
        ),
        ("a.csv", b"cat\nowl\n", "{file}, line 1 has the heads 'cat'; name the column of classes"),
        ("a.csv", b"index,name\n0," + b"x" * 200_000, "{file}, line 2 cannot be read as CSV (field larger"),
    ],
)
def test_what_is_wrong_with_a_file_is_told(tmp_path: Path, file: str, content: bytes, message: str) -> None:
    path = tmp_path / file
    path.write_bytes(content)
    with pytest.raises(DataError) as error:
        read_class_names(path)
    assert message.format(file=path) in str(error.value)
    assert "\n" not in str(error.value)


def test_a_mistyped_path_is_told(tmp_path: Path) -> None:
    for path in (tmp_path / "absent.txt", tmp_path):
        with pytest.raises(DataError, match="is not a file; correct the path") as error:
            read_class_names(path)
        assert str(error.value).startswith(f"`class_names={path}` is not a file")


def disagreement(known: Sequence[str] | None, given: Sequence[str] | None) -> str | None:
    """What is said of a model and data with these classes; None where they pass."""
    try:
        check_classes(known, "mine", given, "folder")
    except UserError as error:
        return str(error)
    return None


@pytest.mark.parametrize(
    ("known", "given", "difference"),
    [
        (None, ["a", "b"], None),
        (["a", "b", "c"], None, None),
        (None, None, None),
        (["a", "b", "c"], ("a", "b", "c"), None),
        (["a", "b", "c"], ["a", "c", "b"], "class 1 is 'b' for the model and 'c' in the data"),
        (["a", "b", "c"], ["a", "b"], "class 2 is 'c' for the model and none in the data"),
        (["a", "b", "c"], ["a", "b", "c", "d"], "class 3 is none for the model and 'd' in the data"),
        (["crane", "a", "crane"], ["crane (0)", "a", "crane (2)"], None),
        (["crane", "a", "crane"], ["crane", "a"], "class 2 is 'crane' for the model and none in the data"),
        (["tench, Tinca tinca", "great_white_shark"], ["tench", "Great white shark, white shark"], None),
        (["tench, Tinca tinca"], ["tinca"], "class 0 is 'tench, Tinca tinca' for the model and 'tinca' in the data"),
        (["a", "b", "c"], [], "class 0 is 'a' for the model and none in the data"),
    ],
)
def test_classes_agree_as_far_as_they_are_known(
    known: Sequence[str] | None, given: Sequence[str] | None, difference: str | None
) -> None:
    expected = difference and (
        f"mine was trained on other classes than those of folder: {difference}; choose data with the model's classes, "
        "in its order, or a model trained on these data"
    )
    assert disagreement(known, given) == expected
