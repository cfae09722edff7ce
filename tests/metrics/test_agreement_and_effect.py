import math

import numpy as np
import pytest
import torch
from torch import Tensor
from torchmetrics import Metric

from naa_lightning.attribution import Agreement, AttackEffect
from naa_lightning.metrics import AgreementMetric, AttackEffectMetric

COSINES = torch.tensor([0.5, -0.25, torch.nan, 1.0])
RANKS = torch.tensor([0.1, 0.2, 0.3, torch.nan])


MASSES = {
    "mass_before": torch.tensor([4.0, 1.0, 0.0, 5.0]),
    "mass_after": torch.tensor([2.0, 2.0, 1.0, 0.0]),
    "positive_before": torch.tensor([3.0, 0.5, 0.0, 4.5]),
    "positive_after": torch.tensor([0.5, 1.5, 1.0, 0.0]),
    "positive_destroyed": torch.tensor([2.5, 0.25, 0.0, 4.5]),
}


def fed(metric: Metric, batches: list[slice]) -> Metric:
    for batch in batches:
        if isinstance(metric, AgreementMetric):
            metric.update(Agreement(COSINES[batch], RANKS[batch]))
        else:
            metric.update(AttackEffect(**{name: values[batch] for name, values in MASSES.items()}))
    return metric


def values(computed: dict[str, Tensor]) -> dict[str, float]:
    return {name: value.item() for name, value in computed.items()}


BATCHES = [[slice(0, 4)], [slice(0, 1), slice(1, 4)], [slice(2, 3), slice(3, 4), slice(0, 2)]]


@pytest.mark.parametrize("batches", BATCHES)
def test_agreement_is_the_mean_over_images_that_have_one(batches: list[slice]) -> None:
    summary = fed(AgreementMetric(), batches).compute()
    assert summary["cosine"].item() == pytest.approx(np.nanmean(COSINES.numpy()))
    assert summary["rank_correlation"].item() == pytest.approx(np.nanmean(RANKS.numpy()))


@pytest.mark.parametrize("batches", BATCHES)
def test_effect_is_a_ratio_of_sums(batches: list[slice]) -> None:
    summary = fed(AttackEffectMetric(), batches).compute()
    assert values(summary) == pytest.approx(
        {
            "mass_kept": 5 / 10,
            "positive_kept": 3 / 8,
            "positive_destroyed": 7.25 / 8,
        }
    )


@pytest.mark.filterwarnings("ignore:The ``compute`` method")
@pytest.mark.parametrize("metric", [AgreementMetric, AttackEffectMetric])
def test_no_images_are_nan(metric: type[Metric]) -> None:
    assert all(math.isnan(value) for value in values(metric().compute()).values())


@pytest.mark.parametrize("kind", [AgreementMetric, AttackEffectMetric])
def test_states_of_two_processes_add_up(kind: type[Metric]) -> None:
    """As DDP reduces them."""
    whole, one, other = kind(), kind(), kind()
    fed(whole, [slice(0, 4)])
    fed(one, [slice(0, 1)])
    fed(other, [slice(1, 4)])
    for name, reduce in one._reductions.items():
        assert callable(reduce)
        setattr(one, name, reduce(torch.stack([getattr(one, name), getattr(other, name)])))
    expected, found = values(whole.compute()), values(one.compute())
    assert found == pytest.approx(expected)


def test_reset_forgets() -> None:
    metric = fed(AgreementMetric(), [slice(0, 4)])
    metric.reset()
    assert fed(metric, [slice(0, 1)]).compute()["cosine"].item() == pytest.approx(0.5)
