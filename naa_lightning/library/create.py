"""The published attacks by name, with the numbers of the shipped configuration."""

import inspect
from collections.abc import Sequence
from dataclasses import dataclass
from types import UnionType
from typing import Any, get_args, get_origin

import numpy as np

import naa_lightning.attacks
from naa_lightning.attacks import Attack
from naa_lightning.attacks.norm import NORMS
from naa_lightning.attacks.part import Part
from naa_lightning.exceptions import suggest
from naa_lightning.library.preset import Values, preset, preset_names

# The parameters of an attack that are parts, each with the key of its numbers.
_PARTS = {
    "objective": "objective",
    "update": "update_rule",
    "budget": "budget",
    "transforms": "transforms",
    "smoothing": "smoothing",
}
# Those that are none.
_OF_ALL = ("targeted", "temperature")


def list_attacks() -> list[str]:
    """Return the names of the published attacks, for `create`.

    Example:
        >>> list_attacks()[:5]
        ['admix', 'bfa', 'bsr', 'danaa', 'dim']
    """
    return preset_names("attack")


def create(name: str, **options: Any) -> Attack:
    """Return a published attack, with its paper's numbers but for those that are given.

    Args:
        name: The name of the attack, one of `list_attacks()`.
        **options: The parameters of the attack's parts, such as `eps="8/255"`, `steps`, `step_size` and `norm` of its
            budget, `path_points` and `gamma` of NAA's objective, `decay` of an update with momentum, `probability` of
            diverse input; or `targeted` and `temperature`; or whole parts: `objective`, `transforms`, `update`,
            `smoothing`, `budget`.
            With `norm="l2"` the budget's other numbers are those of L2.

    Raises:
        ValueError: There is no such attack or option, several parts have the option, or a value is out of range.

    Example:
        >>> create("naa_pd", eps="8/255", path_points=20).objective
        NeuronAttribution(path_points=20, rule='release', noise=0.1, antithetic=False, balance=0.0, gamma=1.0, \
positive='identity', negative='identity')
        >>> create("mim", epsilon=0.1)
        Traceback (most recent call last):
        ...
        ValueError: mim has no option 'epsilon': did you mean eps?
    """
    if name not in (names := list_attacks()):
        raise ValueError(f"there is no attack {name!r}: {suggest(str(name), names)}")
    norm = options.get("norm")
    values = preset("attack", name, {"attack/budget": norm} if norm in list(NORMS) else None)
    parts = [part for parameter in _PARTS if parameter not in options for part in _parts(parameter, values)]
    given = {key: options.pop(key) for key in [*_PARTS, *_OF_ALL] if key in options}
    for option, value in options.items():
        _owner(name, option, parts).set(option, value)
    for parameter in _PARTS.keys() - given.keys():
        made = [part.build() for part in parts if part.parameter == parameter]
        given[parameter] = made if parameter == "transforms" else next(iter(made), None)
    return Attack(**given)


@dataclass
class _PartOptions:
    """A part that is still to be made.

    Args:
        parameter: The parameter of the attack that it is.
        kind: The class of the part.
        options: The arguments of its constructor.
    """

    parameter: str
    kind: type[Part]
    options: Values

    @property
    def parameters(self) -> Sequence[str]:
        """The names of the constructor's parameters."""
        return list(inspect.signature(self.kind).parameters)

    def set(self, option: str, value: object) -> None:
        """Give an argument.

        Raises:
            ValueError: It is not of the parameter's type.
        """
        value = value.item() if isinstance(value, np.generic) else value
        annotation = inspect.signature(self.kind).parameters[option].annotation
        union = get_args(annotation) if isinstance(annotation, UnionType) else (annotation,)
        kinds = tuple(get_origin(kind) or kind for kind in union)
        taken = (*kinds, int) if float in kinds else kinds
        if not isinstance(value, taken) or (isinstance(value, bool) and bool not in kinds):
            raise ValueError(f"{option} must be {' or '.join(kind.__name__ for kind in kinds)}, got {value!r}")
        self.options[option] = value

    def build(self) -> Part:
        """Make the part."""
        return self.kind(**self.options)


def _parts(parameter: str, values: Values) -> list[_PartOptions]:
    """Return the parts of an attack's values that are one of its parameters."""
    node = values.get(_PARTS[parameter])
    if not node:
        return []
    nodes = node.values() if parameter == "transforms" else [node]
    return [_PartOptions(parameter, _kind(part), {k: v for k, v in part.items() if k != "_target_"}) for part in nodes]


def _kind(node: Values) -> type[Part]:
    _, _, name = node.get("_target_", "naa_lightning.attacks.Budget").rpartition(".")
    kind: type[Part] = getattr(naa_lightning.attacks, name)
    return kind


def _owner(name: str, option: str, parts: Sequence[_PartOptions]) -> _PartOptions:
    """Return the one part that has an option."""
    owners = [part for part in parts if option in part.parameters]
    if len(owners) == 1:
        return owners[0]
    if not owners:
        known = [*dict.fromkeys(known for part in parts for known in part.parameters), *_PARTS, *_OF_ALL]
        raise ValueError(f"{name} has no option {option!r}: {suggest(option, known)}")
    parameter = owners[0].parameter
    whole = [part.build() for part in parts if part.parameter == parameter]
    raise ValueError(
        f"{option} is an option of {' and of '.join(part.kind.__name__ for part in owners)}: give the part whole, as "
        f"in {parameter}={whole if parameter == 'transforms' else whole[0]!r}"
    )
