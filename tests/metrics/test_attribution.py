import math

import numpy as np
import pytest
import torch

from naa_lightning.attribution import AttributionStatistics
from naa_lightning.metrics import AttributionMetric


def statistics(images: slice) -> AttributionStatistics:
    generator = torch.Generator().manual_seed(0)
    shares, values = torch.rand(2, 7, generator=generator), torch.randn(2, 7, generator=generator)
    return AttributionStatistics(shares[0, images], shares[1, images], values[0, images], values[1, images])


@pytest.mark.parametrize("cut", [1, 3, 6])
def test_two_batches_are_numpys_means_over_all(cut: int) -> None:
    metric = AttributionMetric()
    metric.update(statistics(slice(0, cut)))
    metric.update(statistics(slice(cut, 7)))
    whole = {key: value.numpy().astype(float) for key, value in vars(statistics(slice(0, 7))).items()}
    summary = metric.compute()
    assert summary.positive_share == pytest.approx(np.mean(whole["positive_share"]))
    assert summary.negative_share == pytest.approx(np.mean(1 - whole["positive_share"]))
    assert summary.participation == pytest.approx(np.mean(whole["participation"]))
    gap = np.abs(whole["attributed"] - whole["explained"]).sum() / np.abs(whole["explained"]).sum()
    assert summary.completeness_gap == pytest.approx(gap)
    assert summary.images == 7


def test_complete_attributions_have_no_gap() -> None:
    metric, half = AttributionMetric(), torch.full((3,), 0.5)
    metric.update(AttributionStatistics(half, half, attributed=-half, explained=-half))
    assert metric.compute().completeness_gap == 0


@pytest.mark.filterwarnings("ignore:The ``compute`` method")
def test_no_images_are_nan() -> None:
    summary = AttributionMetric().compute()
    assert summary.images == 0
    assert all(math.isnan(value) for key, value in vars(summary).items() if key != "images")


def test_reset_forgets() -> None:
    metric = AttributionMetric()
    metric.update(statistics(slice(0, 7)))
    metric.reset()
    metric.update(statistics(slice(0, 2)))
    assert metric.compute().images == 2
