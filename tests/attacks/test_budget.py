import math

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import Tensor

from naa_lightning.attacks import Budget

UNIT = st.floats(0, 1, width=32)
EDGES = st.sampled_from([0.0, 1.0, 0.5 / 255, 1.5 / 255, 254.5 / 255])
VALUES = st.lists(st.tuples(UNIT | EDGES, UNIT | EDGES), min_size=1, max_size=40)
EPS = UNIT | st.integers(0, 255).map(lambda levels: levels / 255)


def pairs(values: list[tuple[float, float]]) -> tuple[Tensor, Tensor]:
    """Adversarial and clean images."""
    adversarial, clean = torch.tensor(values).T
    return adversarial[None, None, None], clean[None, None, None]


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("16/255", 16 / 255),
        (0.0627, 0.0627),
        ("0.0627", 0.0627),
        ("1.6/255", 1.6 / 255),
        (0, 0.0),
        (1, 1.0),
        ("1", 1.0),
    ],
)
def test_eps_is_a_number_or_a_fraction(text: float | str, value: float) -> None:
    assert Budget(eps=text).eps == value


@pytest.mark.parametrize("key", ["eps", "step_size"])
@pytest.mark.parametrize("text", ["a/b", "1/0", "", "/255", "16/", "1/2/3", "16 255"])
def test_what_is_no_number_is_refused(key: str, text: str) -> None:
    with pytest.raises(ValueError, match=f"{key} must be a number or a fraction such as 16/255, got '{text}'"):
        Budget(**{key: text})  # type: ignore[arg-type]


@pytest.mark.parametrize("key", ["eps", "step_size"])
@pytest.mark.parametrize("value", [-1, 2, "nan", "inf", "-16/255", "256/255", math.nan])
def test_values_out_of_range_are_refused(key: str, value: float | str) -> None:
    with pytest.raises(ValueError, match=rf"{key} must be between 0 and 1 \(for example .*\), got {value}"):
        Budget(**{key: value})  # type: ignore[arg-type]


@pytest.mark.parametrize("steps", [0, -1])
def test_no_steps_are_refused(steps: int) -> None:
    with pytest.raises(ValueError, match=f"steps must be at least 1, got {steps}"):
        Budget(steps=steps)


def test_steps_share_eps_unless_their_size_is_given() -> None:
    assert Budget(eps="16/255", steps=10).step_size == pytest.approx(1.6 / 255)
    assert Budget(eps="16/255", steps=10, step_size="2/255").step_size == 2 / 255
    assert Budget(step_size=0).step_size == 0


@pytest.mark.parametrize(("eps", "norm", "step"), [("8/255", "linf", 1 / 255), (0.4, "linf", 0.05), (4.0, "l2", 0.5)])
def test_a_step_may_be_a_part_of_eps(eps: float | str, norm: str, step: float) -> None:
    assert Budget(eps=eps, norm=norm, steps=100, step_size="eps/8").step_size == pytest.approx(step, rel=1e-12)


@pytest.mark.parametrize("divisor", ["0", "-1", "nan", "x", ""])
def test_eps_is_divided_by_a_positive_number(divisor: str) -> None:
    with pytest.raises(ValueError, match="step_size"):
        Budget(step_size=f"eps/{divisor}")


@pytest.mark.parametrize(
    ("eps", "levels"), [(0, 0), ("0.99/255", 0), ("1/255", 1), ("1.5/255", 1), (0.031, 7), ("8/255", 8), (1, 255)]
)
def test_as_many_levels_as_a_saved_image_can_change_by(eps: float | str, levels: int) -> None:
    """As counted on images whose every value is pushed as far as it goes."""
    budget = Budget(eps=eps)
    clean = torch.full((1, 3, 2, 2), 0.0, dtype=torch.float64)
    assert int(budget.quantise(clean + 1, clean).max()) == budget.whole_levels == levels


@given(values=VALUES, eps=EPS, reach=st.floats(-3, 3))
def test_projected_images_are_within_eps_and_the_unit_interval(
    values: list[tuple[float, float]], eps: float, reach: float
) -> None:
    adversarial, clean = pairs(values)
    projected = Budget(eps=eps).project(adversarial * reach, clean)
    assert (projected - clean).abs().max() <= eps + 1e-7
    assert projected.min() >= 0
    assert projected.max() <= 1


@given(values=VALUES, eps=EPS)
def test_projection_leaves_images_within_the_budget_alone(values: list[tuple[float, float]], eps: float) -> None:
    adversarial, clean = pairs(values)
    projected = Budget(eps=eps).project(adversarial, clean)
    within = (adversarial - clean).abs() <= eps * (1 - 1e-6) - 1e-7
    assert torch.equal(projected[within], adversarial[within])


def reference_levels(value: float) -> int:
    """The nearest 8-bit value to a single precision one; Python and torch both round halves to even."""
    return round(float(torch.tensor(value) * 255))


@given(values=VALUES, eps=EPS)
def test_quantised_images_stay_within_the_budget(values: list[tuple[float, float]], eps: float) -> None:
    adversarial, clean = pairs(values)
    budget = Budget(eps=eps)
    quantised = budget.quantise(budget.project(adversarial, clean), clean).flatten().tolist()
    levels = max(level for level in range(256) if level / 255 <= eps * (1 + 1e-9) + 1e-12)
    for ours, (_, original) in zip(quantised, values, strict=True):
        assert abs(ours - reference_levels(original)) <= levels
        assert 0 <= ours <= 255


@given(levels=st.integers(0, 255), originals=st.lists(st.integers(0, 255), min_size=1, max_size=20), data=st.data())
def test_quantising_8_bit_images_within_the_budget_changes_nothing(
    levels: int, originals: list[int], data: st.DataObject
) -> None:
    changed = [data.draw(st.integers(max(0, value - levels), min(255, value + levels))) for value in originals]
    adversarial, clean = pairs([(ours / 255, value / 255) for ours, value in zip(changed, originals, strict=True)])
    assert Budget(eps=f"{levels}/255").quantise(adversarial, clean).flatten().tolist() == changed


def test_quantised_images_are_bytes() -> None:
    images = torch.rand(2, 3, 4, 5)
    quantised = Budget().quantise(images, images)
    assert quantised.dtype == torch.uint8
    assert quantised.shape == images.shape
