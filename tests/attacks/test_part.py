"""What a part of an attack shows of itself, and which parts are equal."""

import inspect
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

import naa_lightning.attacks
from naa_lightning.attacks import Budget, DiverseInput, Momentum, Nesterov, NeuronAttribution, RandomPatch, Sign
from naa_lightning.attacks.part import Part
from naa_lightning.validation import parse_number, written_number

KINDS = [
    kind
    for kind in vars(naa_lightning.attacks).values()
    if inspect.isclass(kind) and issubclass(kind, Part) and not inspect.isabstract(kind)
]


def evaluated(text: str) -> Any:
    return eval(text, vars(naa_lightning.attacks).copy())  # what is shown can be evaluated


@pytest.mark.parametrize("kind", [kind for kind in KINDS if kind.__name__ != "Attack"])
def test_every_part_keeps_all_its_parameters(kind: type[Part]) -> None:
    part = kind()
    assert ... not in part.settings().values()
    assert evaluated(repr(part)) == part


@pytest.mark.parametrize(
    ("part", "shown"),
    [
        (Sign(), "Sign()"),
        (Momentum(decay=0.5), "Momentum(decay=0.5)"),
        (
            Budget(eps=8 / 255, steps=4),
            "Budget(eps='8/255', steps=4, step_size='2/255', norm='linf', random_start=0.0)",
        ),
        (Budget(eps=0.1, steps=1), "Budget(eps=0.1, steps=1, step_size=0.1, norm='linf', random_start=0.0)"),
        (DiverseInput(), "DiverseInput(probability=0.7, enlargement='331/299')"),
        (RandomPatch(patches=[2]), "RandomPatch(masks=60, keep=0.7, patches=(2,))"),
    ],
)
def test_what_is_shown(part: Part, shown: str) -> None:
    assert repr(part) == shown
    assert evaluated(shown) == part


def test_parts_are_equal_in_kind_and_every_setting() -> None:
    assert Momentum() != Nesterov()
    assert Momentum() != 1.0
    assert NeuronAttribution() != NeuronAttribution(antithetic=True)
    assert {Budget(), Budget(eps=16 / 255), Budget(steps=9)} == {Budget(), Budget(steps=9)}


def test_a_part_that_does_not_keep_a_parameter_is_shown_all_the_same() -> None:
    class Forgetful(Part):
        def __init__(self, *, power: float, scale: float = 1.0) -> None:
            self.scale = scale * power

    part = Forgetful(power=2.0)
    assert repr(part) == "Forgetful(power=Ellipsis, scale=2.0)"
    assert part == part  # noqa: PLR0124
    assert part != Forgetful(power=1.0, scale=2.0)


@given(value=st.floats(allow_nan=False))
def test_a_number_is_written_so_that_it_is_read_back(value: float) -> None:
    assert parse_number("value", written_number(value)) == value


@given(number=st.integers(1, 255), tenths=st.booleans())
def test_a_number_of_255ths_is_written_short(number: int, tenths: bool) -> None:
    value = (number / 10 if tenths else number) / 255
    assert len(str(written_number(value))) <= len("25.5/255")
