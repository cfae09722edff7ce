import numpy as np
import pytest
import torch

from naa_lightning.attribution import Attribution, AttributionStatistics, attribution_statistics
from naa_lightning.metrics import AttributionMetric


def statistics(images: slice) -> AttributionStatistics:
    generator = torch.Generator().manual_seed(0)
    shares, values = torch.rand(3, 7, generator=generator), torch.randn(2, 7, generator=generator)
    return AttributionStatistics(*shares[:, images], *values[:, images])


@pytest.mark.parametrize("cut", [1, 3, 6])
def test_two_batches_are_numpys_means_over_all(cut: int) -> None:
    metric = AttributionMetric()
    metric.update(statistics(slice(0, cut)))
    metric.update(statistics(slice(cut, 7)))
    whole = {key: value.numpy().astype(float) for key, value in vars(statistics(slice(0, 7))).items()}
    summary = metric.compute()
    assert summary["positive_share"].item() == pytest.approx(np.mean(whole["positive_share"]))
    assert summary["negative_share"].item() == pytest.approx(np.mean(1 - whole["positive_share"]))
    assert summary["participation"].item() == pytest.approx(np.mean(whole["participation"]))
    assert summary["gini"].item() == pytest.approx(np.mean(whole["gini"]))
    gap = np.abs(whole["attributed"] - whole["explained"]).sum() / np.abs(whole["explained"]).sum()
    assert summary["completeness_gap"].item() == pytest.approx(gap)
    assert summary["images"].item() == 7


def test_complete_attributions_have_no_gap() -> None:
    metric, half = AttributionMetric(), torch.full((3,), 0.5)
    metric.update(AttributionStatistics(half, half, half, attributed=-half, explained=-half))
    assert metric.compute()["completeness_gap"] == 0


@pytest.mark.filterwarnings("ignore:The ``compute`` method")
def test_no_images_are_nan() -> None:
    summary = AttributionMetric().compute()
    assert summary["images"].item() == 0
    assert all(value.isnan() for key, value in summary.items() if key != "images")


def test_reset_forgets() -> None:
    metric = AttributionMetric()
    metric.update(statistics(slice(0, 7)))
    metric.reset()
    metric.update(statistics(slice(0, 2)))
    assert metric.compute()["images"] == 2


def test_images_without_attribution_are_left_out() -> None:
    """Their shares are not defined."""
    values = torch.tensor([[3.0, -1.0, 0.0, 0.0], [0.0, 0.0, 0.0, 0.0]])
    metric = AttributionMetric()
    metric.update(attribution_statistics(Attribution(values, explained=torch.tensor([1.5, 8.0]))))
    summary = metric.compute()
    assert summary["images"].item() == 1
    found = (
        summary["positive_share"].item(),
        summary["participation"].item(),
        summary["gini"].item(),
        summary["completeness_gap"].item(),
    )
    assert found == pytest.approx((0.75, 16 / 40, 10 / 16, 0.5 / 1.5))
