from collections.abc import Sequence

import pytest

from naa_lightning.data.class_names import check_classes, class_name, imagenet_names, short_class_name
from naa_lightning.exceptions import UserError


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
