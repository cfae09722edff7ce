import pytest

from naa_lightning.data.class_names import class_name, imagenet_names, short_class_name


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
