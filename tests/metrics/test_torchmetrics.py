"""All metrics do what torchmetrics and Lightning expect of any."""

from collections.abc import Callable
from typing import Any

import matplotlib
import pytest
import torch
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.pyplot import close
from pytorch_lightning import LightningModule
from torch import Tensor
from torch.utils.data import DataLoader
from torchmetrics import Metric, MetricCollection

from naa_lightning.attribution import Agreement, AttackEffect, AttributionStatistics
from naa_lightning.metrics import (
    AgreementMetric,
    AttackEffectMetric,
    AttributionMetric,
    PerturbationMetric,
    PerturbationSizes,
    TransferMetric,
)
from tests.modules.cases import trainer

Update = Callable[[int], dict[str, Any]]


def numbers(step: int) -> Tensor:
    return torch.tensor([0.25, 0.5, 0.125]) * (step + 1)


def transfer(step: int) -> dict[str, Any]:
    ids = torch.arange(3) + 3 * step
    return {"ids": ids, "clean": ids % 4, "adversarial": (ids + step) % 4, "labels": ids % 4}


CASES: list[tuple[type[Metric], Update, bool, set[str]]] = [
    (TransferMetric, transfer, True, {"success_rate", "success_rate_low", "success_rate_high", "clean_accuracy"}),
    (
        PerturbationMetric,
        lambda step: {"sizes": PerturbationSizes(*[numbers(step)] * 5)},
        False,
        {"linf_mean", "linf_max", "ssim_min", "psnr_min", "lpips_mean"},
    ),
    (
        AttributionMetric,
        lambda step: {"statistics": AttributionStatistics(*[numbers(step)] * 5)},
        False,
        {"completeness_gap", "gini", "images"},
    ),
    (AgreementMetric, lambda step: {"found": Agreement(*[numbers(step)] * 2)}, True, {"cosine", "rank_correlation"}),
    (AttackEffectMetric, lambda step: {"found": AttackEffect(*[numbers(step)] * 5)}, True, {"positive_destroyed"}),
]
EACH = pytest.mark.parametrize(
    ("kind", "update", "better", "names"), CASES, ids=lambda case: getattr(case, "__name__", "")
)


def plain(computed: dict[str, Tensor]) -> dict[str, float]:
    return {name: value.item() for name, value in computed.items()}


def approx(metric: Metric) -> Any:
    return pytest.approx(plain(metric.compute()), nan_ok=True)


@EACH
def test_values_are_named_scalars(kind: type[Metric], update: Update, better: bool, names: set[str]) -> None:
    metric = kind()
    metric.update(**update(0))
    found = metric.compute()
    assert names <= found.keys()
    assert all(isinstance(value, Tensor) and value.ndim == 0 for value in found.values())
    assert (kind.higher_is_better, kind.is_differentiable, kind.full_state_update) == (better, False, False)


@EACH
def test_a_call_gives_the_value_of_its_batch_and_adds_it(
    kind: type[Metric], update: Update, better: bool, names: set[str]
) -> None:
    metric, alone, both = kind(), kind(), kind()
    metric(**update(0))
    alone.update(**update(1))
    assert plain(metric(**update(1))) == approx(alone)
    for step in range(2):
        both.update(**update(step))
    assert plain(metric.compute()) == approx(both)
    metric.reset()
    alone.reset()
    metric.update(**update(0))
    alone.update(**update(0))
    assert plain(metric.compute()) == approx(alone)


@EACH
def test_it_is_plotted_once_and_over_steps(kind: type[Metric], update: Update, better: bool, names: set[str]) -> None:
    matplotlib.use("agg")
    metric = kind()
    steps = [metric(**update(step)) for step in range(2)]
    figure, axes = metric.plot()
    assert (type(figure), isinstance(axes, Axes)) == (Figure, True)
    assert {line.get_label() for line in axes.lines} >= names
    _, axes = metric.plot(steps, ax=axes)
    assert len(axes.lines[-1].get_xdata()) == 2
    assert names <= {line.get_label() for line in metric.plot(steps)[1].lines}
    close("all")


def test_a_collection_takes_them() -> None:
    collection = MetricCollection({"one": AgreementMetric(), "other": AgreementMetric()})
    collection.update(found=Agreement(numbers(0), numbers(1)))
    assert {name: value.item() for name, value in collection.compute().items()} == pytest.approx(
        {f"{name}_{part}": value for name in ("one", "other") for part, value in EXPECTED.items()}
    )


EXPECTED = {"cosine": 0.875 / 3, "rank_correlation": 1.75 / 3}


class Logging(LightningModule):
    def __init__(self) -> None:
        super().__init__()
        self.transfer = TransferMetric()
        self.perturbation = PerturbationMetric()

    def test_step(self, batch: Tensor, batch_idx: int) -> None:
        self.transfer.update(**transfer(batch_idx))
        self.perturbation.update(**CASES[1][1](batch_idx))

    def on_test_epoch_end(self) -> None:
        self.log_dict(self.transfer.compute())
        self.log_dict({f"perturbation/{name}": value for name, value in self.perturbation.compute().items()})


def test_lightning_logs_what_is_computed() -> None:
    (found,) = trainer().test(Logging(), DataLoader(torch.zeros(2)), verbose=False)  # type: ignore[arg-type]
    assert found["success_rate"] == 0.5
    assert found["clean_accuracy"] == 1
    assert found["perturbation/linf_max"] == 1
