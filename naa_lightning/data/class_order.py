"""Which class of a network each class of data is, and what it is called."""

import re
from collections.abc import Mapping, Sequence
from typing import NamedTuple

from naa_lightning.class_names import distinct_names, imagenet_ids, imagenet_names, wordnet_names
from naa_lightning.exceptions import DataError

_SHOWN = 3


class ClassOrder(NamedTuple):
    """The class of a network that each class of data is.

    Attributes:
        indices: The network's class by what the data call theirs.
        names: What the network's classes are called, by index; None where the data do not tell.
    """

    indices: Mapping[str, int]
    names: Sequence[str] | None


def class_order(found: Sequence[str], num_classes: int | None = None, known: Sequence[str] | None = None) -> ClassOrder:
    """Tell which class of a network each class of data is by what it is called.

    - Names of the network's own classes are those.
    - As many classes as the network tells apart are counted in the order of the data, which is the sorted one of class
      folders, as torchvision's ImageFolder has it; but the integers from 0 to the last class are the classes that they
      say.
    - Fewer or more are the classes that they say where they are integers, and have their place in ImageNet-1k where
      they are WordNet ids and the network tells 1,000 classes apart. Other names do not tell.

    Args:
        found: What the classes of the data are called, in the order of the data.
        num_classes: The number of classes that the network tells apart; None where that is not known, and the data's
            classes are all there are.
        known: What the network's classes are called, by index; None where that is not known.

    Raises:
        DataError: The names do not tell.

    >>> class_order(["10", "2"]).indices, class_order(["10", "2"], num_classes=2).indices
    ({'10': 10, '2': 2}, {'10': 0, '2': 1})
    >>> class_order(["n01440764", "n15075141"], num_classes=2).indices
    {'n01440764': 0, 'n15075141': 1}
    >>> class_order(["n01440764", "n15075141"], num_classes=1000).indices
    {'n01440764': 0, 'n15075141': 999}
    >>> class_order(["dog"], num_classes=3, known=["cat", "dog", "owl"]).indices
    {'dog': 1}
    """
    if known is not None and set(found) <= set(known):
        return ClassOrder({name: known.index(name) for name in found}, known)
    in_order = {name: index for index, name in enumerate(found)}
    kinds = {_kind(name): name for name in found}
    numbers = {name: int(name) for name in found} if kinds.keys() == {"class index"} else {}
    if len(found) == num_classes:
        if set(numbers.values()) == set(range(num_classes)):
            return ClassOrder(numbers, None)
        return ClassOrder(in_order, distinct_names(wordnet_names(found)))
    if len(kinds) > 1:
        mixed = ", ".join(f"{name} ({kind})" for kind, name in kinds.items())
        raise DataError(f"classes are of different kinds: {mixed}; rename them, or {_remedy()}")
    if numbers:
        return ClassOrder(numbers, None)
    if "WordNet id" in kinds and num_classes in {None, 1000}:
        places = {name: index for index, name in enumerate(imagenet_ids())}
        for name in found:
            if name not in places:
                raise DataError(f"the class {name} is none of ImageNet-1k; rename it, or {_remedy()}")
        return ClassOrder({name: places[name] for name in found}, imagenet_names())
    if num_classes is None or not found:
        return ClassOrder(in_order, distinct_names(list(found)))
    shown = ", ".join([*found[:_SHOWN], *(["..."] if len(found) > _SHOWN else [])])
    raise DataError(
        f"the data have {len(found)} classes ({shown}), and the network {num_classes}, so that their order does not "
        f"tell which is which; {_remedy()}, or take a network of {len(found)} classes"
    )


def mapped_order(
    found: Sequence[str], indices: Mapping[str, int], source: object, known: Sequence[str] | None = None
) -> ClassOrder:
    """Tell which class of a network each class of data is by what the user says.

    Args:
        found: What the classes of the data are called.
        indices: The network's class by what the data call theirs; it may hold more.
        source: Where the user says it, for messages.
        known: What the network's classes are called, by index; None where that is not known.

    Raises:
        DataError: A class is not among them.
    """
    lacking = [name for name in found if name not in indices]
    if lacking:
        named = ", ".join([*lacking[:_SHOWN], *(["..."] if len(lacking) > _SHOWN else [])])
        raise DataError(f"{source} lacks {len(lacking)} of the data's {len(found)} classes: {named}; add them")
    if known is None and sorted(indices.values()) == list(range(len(indices))):
        known = distinct_names(wordnet_names(sorted(indices, key=lambda name: indices[name])))
    return ClassOrder({name: indices[name] for name in found}, known)


def _remedy() -> str:
    return "say which class each is with `class_map=FILE`"


def _kind(name: str) -> str:
    if re.fullmatch("[0-9]+", name):
        return "class index"
    return "WordNet id" if re.fullmatch("n[0-9]{8}", name) else "name"
