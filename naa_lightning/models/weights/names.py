"""Matching the names in a file with those of a network: tools put prefixes before them, and add tensors."""

import re
from collections import Counter
from collections.abc import Collection, Iterable, Mapping

import torch
from torch import Tensor

from naa_lightning.exceptions import ModelError
from naa_lightning.told_once import tell

# torchvision's published DenseNet files write `denselayer1.norm.1` for what the network calls `denselayer1.norm1`
_OLD_DENSENET = re.compile(r"(denselayer\d+\.(?:norm|conv))\.(\d)")
# torchvision's published Inception-v3 and GoogLeNet files hold heads that only serve training
_AUXILIARY = re.compile(r"(AuxLogits|aux1|aux2)\.")
# thop counts operations and parameters in the network itself
_PROFILED = re.compile(r"(.*\.)?total_(ops|params)")
# how many batches a normalisation has seen: old files lack it, and evaluation does not need it
COUNTER = ".num_batches_tracked"


def named_as(state: Mapping[str, Tensor], expected: Collection[str], origin: str) -> dict[str, Tensor]:
    """Return weights under the names of a network.

    The prefix under which most of the network's names are found is taken off, such as `module.`.
    Those that lack then are taken from beside it, or from a `head.` beside it, if one of these has them all. All that
    lies elsewhere is left out, as are the counters of profilers, and heads that only serve training. What is done is
    logged.

    Args:
        state: The weights by their names in a file.
        expected: The names of the network.
        origin: The name of the weights in messages: "the weights in FILE".

    Returns:
        The weights by name; some that the network needs may lack, and others be there that it does not know.

    Raises:
        ModelError: Less than half of the names are found under any prefix, or under several there are as many, and not
            the same weights.

    Example:
        >>> import torch
        >>> state = {"net.fc.weight": torch.zeros(2, 3), "loss.weight": torch.ones(2)}
        >>> list(named_as(state, ["fc.weight"], "they"))
        ['fc.weight']
    """
    state = {_OLD_DENSENET.sub(r"\1\2", name): value for name, value in state.items()}
    needed = [name for name in expected if not name.endswith(COUNTER)]
    found = _prefixes(state, needed)
    prefix = max(found, key=lambda prefix: (found[prefix], -prefix.count(".")), default="")
    if 2 * found[prefix] < len(needed):
        raise ModelError(_strange(state, needed, origin))
    copies = [other for other, count in found.items() if prefix and count == found[prefix]]
    if any(not _alike(state, prefix, other, needed) for other in copies):
        named_so = " or ".join(f"`weights_key={other.rstrip('.')}`" for other in copies)
        raise ModelError(f"{origin} are of several networks that differ: choose with {named_so}")
    named = {name.removeprefix(prefix): value for name, value in state.items() if name.startswith(prefix)}
    outside = {name: value for name, value in state.items() if not name.startswith(prefix)}
    lacking = [name for name in needed if name not in named]
    above = prefix[: prefix.rstrip(".").rfind(".") + 1]
    heads = [
        beside
        for beside, count in _prefixes(outside, lacking).items()
        if count == len(lacking) > 0 and (beside == above or beside.startswith(f"{above}head."))
    ]
    if len(heads) == 1:
        tell(f"{origin}: {_some(lacking)} are those under {heads[0] or 'no prefix'}")
        named |= {name: outside.pop(f"{heads[0]}{name}") for name in lacking}
    if prefix:
        tell(f"{origin}: the prefix {prefix} is taken off")
    profiled = [name for name in named if name not in expected and _PROFILED.fullmatch(name)]
    if outside or profiled:
        tell(f"{origin}: left out are {_some([*outside, *profiled], most=8)}")
    return {
        name: value
        for name, value in named.items()
        if name in expected or not (_AUXILIARY.match(name) or _PROFILED.fullmatch(name))
    }


def _prefixes(state: Iterable[str], wanted: Collection[str]) -> Counter[str]:
    """Count how many of the wanted names there are behind each prefix that ends in a dot, and behind none."""
    found, wanted = Counter[str](), frozenset(wanted)
    for name in state:
        starts = [0, *(dot.end() for dot in re.finditer(r"\.", name))]
        found.update(name[:start] for start in starts if name[start:] in wanted)
    return found


def _alike(state: Mapping[str, Tensor], prefix: str, other: str, names: Iterable[str]) -> bool:
    """Tell whether the weights under two prefixes are the same."""
    pairs = ((state.get(prefix + name), state.get(other + name)) for name in names)
    return all(
        one is None is two or (one is not None and two is not None and torch.equal(one, two)) for one, two in pairs
    )


def _strange(state: Mapping[str, Tensor], needed: Collection[str], origin: str) -> str:
    """Say how the names of weights and those of a network differ."""
    shown = [name for name in state if not name.endswith(COUNTER)]
    first = next(iter(state), "").split(".")
    shared = [
        part for end, part in enumerate(first[:-1], 1) if all(name.split(".")[:end] == first[:end] for name in state)
    ]
    begin = f", all under {'.'.join(shared)}." if shared and len(state) > 1 else ""
    return (
        f"{origin} do not fit, they are of another network: they hold {_some(shown)}{begin}, and the network "
        f"needs {_some(needed)}; name weights of this very architecture, or the architecture of these weights"
    )


def _some(names: Collection[str], most: int = 3) -> str:
    return ", ".join(list(names)[:most]) + (f" and {len(names) - most} more" if len(names) > most else "")
