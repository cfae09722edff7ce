import pytest

from naa_lightning.class_names import (
    class_name,
    distinct_names,
    imagenet_names,
    short_class_name,
    usual_names,
    with_number,
)


@pytest.mark.parametrize(
    ("names", "index", "short", "full"),
    [
        (["cat", "dog"], 0, "cat", "cat (0)"),
        (["cat", "dog"], 1, "dog", "dog (1)"),
        (["cat", "dog"], 2, "class 2", "class 2"),
        (["cat", "dog"], -1, "class -1", "class -1"),
        ([], 0, "class 0", "class 0"),
        (None, 7, "class 7", "class 7"),
        (tuple("0123456789"), 7, "class 7", "class 7"),
        (tuple("123"), 0, "1", "1 (0)"),
    ],
)
def test_a_class_has_its_name_or_else_its_number(names: list[str] | None, index: int, short: str, full: str) -> None:
    assert short_class_name(names, index) == short
    assert class_name(names, index) == full


def test_imagenets_names_are_the_first_synonyms_in_order() -> None:
    names = imagenet_names()
    assert len(names) == 1000
    assert (names[0], names[2], names[281], names[985]) == ("tench", "great white shark", "tabby", "daisy")
    assert not any("," in name or name != name.strip() or not name for name in names)


@pytest.mark.parametrize(
    ("name", "index", "text"),
    [
        ("dog", 7, "dog (7)"),
        ("", 7, "class 7"),
        (" ", 7, "class 7"),
        ("7", 7, "class 7"),
        ("class 853", 853, "class 853"),
        ("class 853", 3, "class 853 (3)"),
        ("crane (134)", 134, "crane (134)"),
        ("crane (134)", 4, "crane (134) (4)"),
    ],
)
def test_a_number_is_written_once(name: str, index: int, text: str) -> None:
    assert with_number(name, index) == text
    assert with_number(text, index) == text
    assert class_name([""] * index + [name], index) == text


@pytest.mark.parametrize(
    ("names", "told"),
    [
        ([], []),
        (["a", "b"], ["a", "b"]),
        (["a", "b", "a", "a"], ["a (0)", "b", "a (2)", "a (3)"]),
        (["1", "1"], ["1 (0)", "class 1"]),
        (["", ""], ["class 0", "class 1"]),
        (["a (1)", "a", "a"], ["a (1) (0)", "a (1)", "a (2)"]),
        (["class 2", "x", "x", "class 2"], ["class 2 (0)", "x (1)", "x (2)", "class 2 (3)"]),
    ],
)
def test_classes_of_one_name_are_told_apart(names: list[str], told: list[str]) -> None:
    assert distinct_names(names) == told
    assert distinct_names(told) == told
    assert len(set(told)) == len(names)


def test_no_two_of_imagenets_classes_have_one_name() -> None:
    names = imagenet_names()
    assert len(set(names)) == 1000
    assert [names[index] for index in (134, 517, 638, 639)] == [
        "crane (134)",
        "crane (517)",
        "maillot (638)",
        "maillot (639)",
    ]
    assert (short_class_name(names, 134), class_name(names, 134)) == ("crane (134)", "crane (134)")


@pytest.mark.parametrize("count", [None, 10, 999, 1001])
def test_only_a_thousand_classes_are_taken_for_imagenets(count: int | None) -> None:
    assert usual_names(count) is None
    assert usual_names(1000) == imagenet_names()
