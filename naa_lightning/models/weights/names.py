"""Matching the names in a file with those of a network: tools put prefixes before them, and add tensors."""

import re
from collections import Counter
from collections.abc import Collection, Iterable, Mapping

from torch import Tensor

from naa_lightning.exceptions import ModelError
from naa_lightning.told_once import tell

# torchvision's published DenseNet files write `denselayer1.norm.1` for what the network calls `denselayer1.norm1`
_OLD_DENSENET = re.compile(r"(denselayer\d+\.(?:norm|conv))\.(\d)")
# torchvision's published Inception-v3 and GoogLeNet files hold heads that only serve training
_AUXILIARY = re.compile(r"(AuxLogits|aux1|aux2)\.")
# thop counts operations and parameters in the network itself; modules may keep what they like beside their weights
_BESIDE = re.compile(r"(.*\.)?(total_ops|total_params|_extra_state)")
EXTRA = "_extra_state"
"""The end of the names under which modules keep more than weights."""

NOT_NEEDED = (".num_batches_tracked", EXTRA)
"""The ends of names that files may lack: how many batches a normalisation has seen, which evaluation does not need."""


def named_as(state: Mapping[str, Tensor], expected: Collection[str], origin: str) -> dict[str, Tensor]:
    """Return weights under the names of a network.

    The prefix under which most of the network's names are found is taken off, such as `module.`; those that lack then
    may lie beside it or above, and there under `head.`, as MMPretrain's do beside `backbone.`. All that lies elsewhere
    is left out, as are the counters of profilers, and heads that only serve training. What is done is logged.

    Args:
        state: The weights by their names in a file.
        expected: The names of the network.
        origin: The name of the weights in messages: "the weights in FILE".

    Returns:
        The weights by name; some that the network needs may lack, and others be there that it does not know.

    Raises:
        ModelError: Less than half of the names are found under any prefix, or as many under several that hold other
            numbers.

    Example:
        >>> import torch
        >>> state = {"net.fc.weight": torch.zeros(2, 3), "loss.weight": torch.ones(2)}
        >>> list(named_as(state, ["fc.weight"], "they"))
        ['fc.weight']
    """
    state = {_OLD_DENSENET.sub(r"\1\2", name): value for name, value in state.items()}
    needed = [name for name in expected if not name.endswith(NOT_NEEDED)]
    found = _prefixes(state, needed)
    # of several the shortest, and the first of those
    prefix = max(found, key=lambda prefix: (found[prefix], -prefix.count(".")), default="")
    if 2 * found[prefix] < len(needed):
        raise ModelError(_strange(state, needed, origin))
    same = sorted(other for other in found if found[other] == found[prefix])
    if prefix and not all(_alike(state, needed, prefix, other) for other in same):
        raise ModelError(
            f"{origin} are there several times, with other numbers under each of {_some(same)}: name one "
            f"by `weights_key`, such as `weights_key={same[0][:-1]}`"
        )
    named = {name.removeprefix(prefix): value for name, value in state.items() if name.startswith(prefix)}
    outside = {name: value for name, value in state.items() if not name.startswith(prefix)}
    lacking = [name for name in needed if name not in named]
    above = ["", *(prefix[: dot.end()] for dot in re.finditer(r"\.", prefix[:-1]))]
    beside = [place for around in above for place in (f"{around}head.", around)]
    heads = [head for head in beside if all(f"{head}{name}" in outside for name in lacking)]
    if lacking and len(heads) == 1:
        tell(f"{origin}: {_some(lacking)} are those under {heads[0] or 'no prefix'}")
        named |= {name: outside.pop(f"{heads[0]}{name}") for name in lacking}
    if prefix:
        tell(f"{origin}: the prefix {prefix} is taken off")
    no_weights = [name for name in named if name not in expected and _BESIDE.fullmatch(name)]
    if outside or no_weights:
        tell(f"{origin}: left out are {_some([*outside, *no_weights], most=8)}")
    return {
        name: value
        for name, value in named.items()
        if name in expected or not (_AUXILIARY.match(name) or _BESIDE.fullmatch(name))
    }


def _prefixes(state: Iterable[str], wanted: Collection[str]) -> Counter[str]:
    """Count how many of the wanted names there are behind each prefix that ends in a dot, and behind none."""
    found, wanted = Counter[str](), frozenset(wanted)
    for name in state:
        starts = [0, *(dot.end() for dot in re.finditer(r"\.", name))]
        found.update(name[:start] for start in starts if name[start:] in wanted)
    return found


def _alike(state: Mapping[str, Tensor], names: Collection[str], one: str, other: str) -> bool:
    """Return whether two prefixes hold the same numbers under the names that both have."""
    pairs = [(state.get(f"{one}{name}"), state.get(f"{other}{name}")) for name in names]
    return all(a is None or b is None or (a.shape == b.shape and _same(a, b)) for a, b in pairs)


def _same(one: Tensor, other: Tensor) -> bool:
    return bool(((one == other) | (one.isnan() & other.isnan())).all())


def _strange(state: Mapping[str, Tensor], needed: Collection[str], origin: str) -> str:
    """Say how the names of weights and those of a network differ."""
    shown = [name for name in state if not name.endswith(NOT_NEEDED)]
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
