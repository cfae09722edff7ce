import math

import pytest
import torch
from captum.attr import LayerIntegratedGradients
from scipy.stats import spearmanr
from torch import Tensor
from torch.nn import functional as F

from naa_lightning.attribution import (
    Attribution,
    FeatureDifference,
    agreement,
    attack_effect,
    attribution_statistics,
)
from naa_lightning.models import Classifier
from tests.attribution.cases import CLASSES, asked, clean_path


def described(values: Tensor) -> tuple[float, float, float, float]:
    """Positive share, participation, Gini coefficient and sum of one image's attributions."""
    ours = attribution_statistics(Attribution(values.view(1, 3, -1, 2), explained=torch.tensor([0.5])))
    assert ours.explained.tolist() == [0.5]
    return float(ours.positive_share), float(ours.participation), float(ours.gini), float(ours.attributed)


ONE_HOT = torch.eye(12)[5]
HALF = torch.tensor([1.0] * 6 + [0.0] * 6)
SIGNED = torch.tensor([1.0] * 9 + [-1.0] * 3)
RAMP = torch.arange(1.0, 13.0)


@pytest.mark.parametrize("scale", [1e-30, 1.0, 1e30])
@pytest.mark.parametrize(
    ("attribution", "positive", "participation", "gini", "total"),
    [
        (torch.ones(12), 1.0, 1.0, 0.0, 12.0),
        (-torch.ones(12), 0.0, 1.0, 0.0, -12.0),
        (ONE_HOT, 1.0, 1 / 12, 11 / 12, 1.0),
        (-ONE_HOT, 0.0, 1 / 12, 11 / 12, -1.0),
        (HALF, 1.0, 0.5, 0.5, 6.0),
        (SIGNED, 0.75, 1.0, 0.0, 6.0),
        (torch.tensor([3.0, -1.0] + [0.0] * 10), 0.75, 16 / (12 * 10), 42 / 48, 2.0),
        (RAMP, 1.0, 78**2 / (12 * 650), 11 / 36, 78.0),
        (RAMP.flip(0), 1.0, 78**2 / (12 * 650), 11 / 36, 78.0),
    ],
)
def test_statistics_of_known_attributions(
    attribution: Tensor, positive: float, participation: float, gini: float, total: float, scale: float
) -> None:
    expected = (positive, participation, gini, total * scale)
    assert described(attribution * scale) == pytest.approx(expected, rel=1e-5, abs=1e-6 * min(scale, 1))


def random_attributions(neurons: int = 40, images: int = 3) -> Tensor:
    """Some are zero, some the same."""
    values = torch.randn(images, neurons, dtype=torch.float64, generator=torch.Generator().manual_seed(0))
    return torch.where(values.abs() < 0.2, 0, values).mul(4).round().div(4)


def test_gini_is_the_mean_difference_of_all_pairs_over_twice_the_mean() -> None:
    values = random_attributions()
    ours = attribution_statistics(Attribution(values, torch.zeros(3))).gini
    for found, row in zip(ours.tolist(), values.abs().tolist(), strict=True):
        differences = math.fsum(abs(one - other) for one in row for other in row)
        assert found == pytest.approx(differences / (2 * len(row) * math.fsum(row)), rel=1e-12)


def test_statistics_are_the_images_own() -> None:
    values, explained = random_attributions(), torch.tensor([0.1, -0.2, 0.3])
    together = attribution_statistics(Attribution(values.view(3, 10, 2, 2), explained))
    for i in range(3):
        alone = attribution_statistics(Attribution(values[i : i + 1], explained[i : i + 1]))
        for name, value in vars(alone).items():
            torch.testing.assert_close(value, vars(together)[name][i : i + 1])


def test_shares_of_no_attribution_are_undefined() -> None:
    *shares, total = described(torch.zeros(12))
    assert all(math.isnan(share) for share in shares)
    assert total == 0


def test_attribution_on_a_straight_path_is_described_as_captums_integrated_gradients(
    straight: Classifier, images: Tensor
) -> None:
    captum = LayerIntegratedGradients(lambda seen: straight(seen).softmax(1), straight.network.get_submodule("0"))
    expected = captum.attribute(
        images, torch.zeros_like(images), target=CLASSES, n_steps=20, method="riemann_right"
    ).detach()
    ours = attribution_statistics(asked(FeatureDifference(path=clean_path("release", 20)), straight, images))
    flat = expected.flatten(1)
    torch.testing.assert_close(ours.attributed, flat.sum(1))
    torch.testing.assert_close(ours.positive_share, flat.clamp_min(0).sum(1) / flat.abs().sum(1))
    torch.testing.assert_close(ours.participation, flat.abs().sum(1) ** 2 / (flat.shape[1] * flat.square().sum(1)))


def pairs() -> list[tuple[Tensor, Tensor]]:
    generator = torch.Generator().manual_seed(1)
    first, second = torch.randn(2, 4, 5, 3, 3, generator=generator, dtype=torch.float64)
    tied = [(3 * values).round() for values in (first, first + second)]
    mostly_zero = [values.clamp_min(1.0) - 1 for values in (first, first + second)]
    return [(first, second), (first, 0.5 * first + second), (tied[0], tied[1]), (tied[0], -tied[1]), tuple(mostly_zero)]


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
@pytest.mark.parametrize(("one", "other"), pairs())
def test_agreement_is_torchs_and_scipys(one: Tensor, other: Tensor, dtype: torch.dtype) -> None:
    one, other = one.to(dtype), other.to(dtype)
    found = agreement(one, other)
    assert found.cosine.dtype == found.rank_correlation.dtype == dtype
    torch.testing.assert_close(found.cosine, F.cosine_similarity(one.flatten(1), other.flatten(1)))
    expected = [spearmanr(*pair).statistic for pair in zip(one.flatten(1), other.flatten(1), strict=True)]
    torch.testing.assert_close(found.rank_correlation, torch.tensor(expected, dtype=dtype))


@pytest.mark.parametrize("scale", [1e-30, 1e-6, 1e30])
def test_agreement_does_not_depend_on_scale(scale: float) -> None:
    one, other = random_attributions().float(), random_attributions().flip(1).float()
    plain, scaled = agreement(one, other), agreement(one * scale, other / scale)
    torch.testing.assert_close(scaled.cosine, plain.cosine)
    torch.testing.assert_close(scaled.rank_correlation, plain.rank_correlation)


def test_an_attribution_agrees_with_itself_and_disagrees_with_its_negative() -> None:
    values = random_attributions(neurons=1000)
    for other, expected in ((values, 1.0), (-values, -1.0)):
        found = agreement(values, other)
        for share in (found.cosine, found.rank_correlation):
            torch.testing.assert_close(share, torch.full_like(share, expected))
            assert (share.abs() <= 1).all()


def test_ranks_ignore_the_sign_of_zero() -> None:
    one = torch.tensor([[0.0, -0.0, 1.0, 2.0, -1.0]])
    assert float(agreement(one, torch.tensor([[1.0, 1.0, 2.0, 3.0, 0.0]])).rank_correlation) == 1


def test_agreement_with_what_is_constant_is_undefined() -> None:
    """Only the correlation where the constant is not 0: an angle exists."""
    values = torch.stack([RAMP, RAMP, RAMP])
    constant = torch.stack([torch.zeros(12), torch.full((12,), 0.1), RAMP])
    for found in (agreement(values, constant), agreement(constant, values)):
        assert found.cosine.isnan().tolist() == [True, False, False]
        assert found.rank_correlation.isnan().tolist() == [True, True, False]


def test_attributions_of_other_neurons_cannot_be_compared() -> None:
    with pytest.raises(ValueError, match=r"expected attributions of one shape, got \(2, 3, 4\) and \(2, 4, 3\)"):
        agreement(torch.zeros(2, 3, 4), torch.zeros(2, 4, 3))


def test_attack_effect_by_hand() -> None:
    clean = torch.tensor([[[3.0, 1.0], [-2.0, 0.5]], [[0.0, 0.0], [-1.0, -1.0]]])
    adversarial = torch.tensor([[[1.0, 2.0], [1.0, -4.0]], [[1.0, 0.0], [0.0, -3.0]]])
    found = attack_effect(clean, adversarial)
    assert {name: value.tolist() for name, value in vars(found).items()} == {
        "mass_before": [6.5, 2.0],
        "mass_after": [8.0, 4.0],
        "positive_before": [4.5, 0.0],
        "positive_after": [4.0, 1.0],
        "positive_destroyed": [2.5, 0.0],
    }


@pytest.mark.parametrize("seed", range(5))
def test_invariants_of_the_attack_effect(seed: int) -> None:
    clean, adversarial = torch.randn(2, 3, 4, 5, 5, dtype=torch.float64, generator=torch.Generator().manual_seed(seed))
    found = attack_effect(clean, adversarial)
    assert (found.positive_destroyed > 0).all()
    assert (found.positive_destroyed < found.positive_before).all()
    created = attack_effect(adversarial, clean).positive_destroyed
    torch.testing.assert_close(found.positive_after - found.positive_before, created - found.positive_destroyed)
    torch.testing.assert_close(found.positive_before, (found.mass_before + clean.flatten(1).sum(1)) / 2)
    torch.testing.assert_close(found.positive_after, (found.mass_after + adversarial.flatten(1).sum(1)) / 2)


def test_all_positive_attribution_is_destroyed_where_none_is_left() -> None:
    clean = random_attributions()
    for adversarial in (-clean.abs() - 1, torch.zeros_like(clean)):
        found = attack_effect(clean, adversarial)
        assert torch.equal(found.positive_destroyed, found.positive_before)
        assert torch.equal(found.positive_after, torch.zeros(3, dtype=torch.float64))


def test_none_is_destroyed_where_attribution_grows() -> None:
    clean = random_attributions()
    assert torch.equal(attack_effect(clean, clean).positive_destroyed, torch.zeros(3, dtype=torch.float64))
    assert torch.equal(attack_effect(clean, clean + 1).positive_destroyed, torch.zeros(3, dtype=torch.float64))
