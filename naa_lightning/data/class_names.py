"""What classes are called, for people."""

from collections.abc import Sequence
from itertools import zip_longest

from naa_lightning.exceptions import DataError


def class_name(names: Sequence[str] | None, index: int) -> str:
    """Name a class so that it cannot be mistaken for another one.

    >>> class_name(["cat", "dog"], 1), class_name(["cat", "dog"], 2), class_name(None, 2)
    ('dog (1)', 'class 2', 'class 2')
    """
    short = short_class_name(names, index)
    return short if short == _number(index) else f"{short} ({index})"


def short_class_name(names: Sequence[str] | None, index: int) -> str:
    """Name a class where there is little room.

    >>> short_class_name(["cat", "dog"], 1), short_class_name(["0", "1"], 1)
    ('dog', 'class 1')
    """
    if names is None or not 0 <= index < len(names) or names[index] == str(index):
        return _number(index)
    return names[index]


def imagenet_names() -> list[str]:
    """Return the first name that WordNet gives each class of ImageNet-1k; "crane" and "maillot" are two classes each.

    >>> names = imagenet_names()
    >>> names[0], names[281]
    ('tench', 'tabby')
    """
    from timm.data.imagenet_info import ImageNetInfo  # noqa: PLC0415 - takes seconds to load

    imagenet = ImageNetInfo()
    return [imagenet.index_to_description(index, detailed=False).split(",")[0] for index in range(1000)]


def check_classes(known: Sequence[str] | None, model: str, given: Sequence[str] | None, data: str) -> None:
    """Check that a model and data mean the same classes, as far as both name theirs.

    Args:
        known: Names of the model's classes, by index; None where nothing says them.
        model: The name of the model.
        given: Names of the data's classes, likewise.
        data: The name of the data.

    Raises:
        DataError: They do not.
    """
    if known is None or given is None:
        return
    for index, (of_model, of_data) in enumerate(zip_longest(known, given)):
        if of_model != of_data:
            raise DataError(
                f"{model} was trained on other classes than those of {data}: class {index} is {_or_none(of_model)} for "
                f"the model and {_or_none(of_data)} in the data; choose data with the model's classes, in its order, "
                "or a model trained on these data"
            )


def _or_none(name: str | None) -> str:
    return "none" if name is None else repr(name)


def _number(index: int) -> str:
    return f"class {index}"
