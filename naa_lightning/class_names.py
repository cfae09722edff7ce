"""What classes are called, for people."""

from collections import Counter
from collections.abc import Mapping, Sequence


def class_name(names: Sequence[str] | None, index: int) -> str:
    """Name a class so that it cannot be mistaken for another one.

    >>> class_name(["cat", "dog"], 1), class_name(["cat", "dog"], 2), class_name(None, 2)
    ('dog (1)', 'class 2', 'class 2')
    """
    return with_number("" if names is None or not 0 <= index < len(names) else names[index], index)


def short_class_name(names: Sequence[str] | Mapping[int, str] | None, index: int) -> str:
    """Name a class where there is little room.

    >>> short_class_name(["cat", "dog"], 1), short_class_name({7: "7", 9: "dog"}, 7), short_class_name({}, 9)
    ('dog', 'class 7', 'class 9')
    """
    known = names is not None and (index in names if isinstance(names, Mapping) else 0 <= index < len(names))
    name = names[index] if names is not None and known else ""
    return f"class {index}" if _is_number(name, index) else name


def with_number(name: str, index: int) -> str:
    """Write a class's number behind its name, once; a class without a name has its number alone.

    Args:
        name: The name; empty where the class has none.
        index: The class.

    >>> with_number("dog", 1), with_number("", 2), with_number("class 2", 2), with_number("crane (134)", 134)
    ('dog (1)', 'class 2', 'class 2', 'crane (134)')
    """
    if _is_number(name, index):
        return f"class {index}"
    return name if name.endswith(f"({index})") else f"{name} ({index})"


def distinct_names(names: Sequence[str]) -> list[str]:
    """Tell classes of one name apart by their numbers; the other names are left as they are.

    Args:
        names: The names, by class.

    >>> distinct_names(["crane", "heron", "crane"])
    ['crane (0)', 'heron', 'crane (2)']
    """
    told = list(names)
    while shared := {name for name, count in Counter(told).items() if count > 1}:
        told = [with_number(name, index) if name in shared else name for index, name in enumerate(told)]
    return told


def imagenet_ids() -> list[str]:
    """Return the WordNet ids of ImageNet-1k's classes, by class.

    >>> imagenet_ids()[0], imagenet_ids()[281]
    ('n01440764', 'n02123045')
    """
    from timm.data.imagenet_info import ImageNetInfo  # noqa: PLC0415 - takes seconds to load

    imagenet = ImageNetInfo()
    return [imagenet.index_to_label_name(index) for index in range(1000)]


def imagenet_names() -> list[str]:
    """Return the first name that WordNet gives each class of ImageNet-1k, with a number where two have the same.

    >>> names = imagenet_names()
    >>> names[0], names[281], names[134], names[517]
    ('tench', 'tabby', 'crane (134)', 'crane (517)')
    """
    return distinct_names(wordnet_names(imagenet_ids()))


def wordnet_names(ids: Sequence[str]) -> list[str]:
    """Return the first name that WordNet gives what its ids stand for; an id that is not known names itself.

    >>> wordnet_names(["n01440764", "n02085374", "n00000000", "cat"])
    ['tench', 'toy dog', 'n00000000', 'cat']
    """
    from timm.data.imagenet_info import ImageNetInfo  # noqa: PLC0415 - takes seconds to load

    wordnet = ImageNetInfo()

    def name_of(id: str) -> str:
        try:
            return str(wordnet.label_name_to_description(id)).partition(",")[0]
        except KeyError:
            return id

    return [name_of(id) for id in ids]


def usual_names(num_classes: int | None) -> list[str] | None:
    """Return what classes are most probably called of which nothing is known but how many they are.

    Args:
        num_classes: The number of classes; None where it is not known either.

    Returns:
        ImageNet's names for 1,000 classes, else None. They are for people to read: nothing must be refused for them.

    >>> usual_names(10), usual_names(1000)[0]
    (None, 'tench')
    """
    return imagenet_names() if num_classes == 1000 else None


def _is_number(name: str, index: int) -> bool:
    return name.strip() in {"", str(index), f"class {index}"}
