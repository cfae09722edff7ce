"""The few numbers that stand for a run."""

from collections.abc import Collection, Mapping, Sequence
from statistics import fmean
from textwrap import shorten
from typing import NamedTuple

import torch

from naa_lightning.metrics.estimate import estimate
from naa_lightning.records import Prediction
from naa_lightning.records.results import MeanResult, RateResult, RunResults, TargetResult
from naa_lightning.report.page.rates import SHORT
from naa_lightning.report.page.wording import budget_text, counted, decimal, interval, levels, listed, percent

_NAMED = 3


class KeyFigure(NamedTuple):
    """A number that stands for a run.

    Args:
        name: The name of the number.
        value: The number as text.
        unit: The unit; empty for none.
        note: The targets that it is a mean over, or the number to compare it with.
        interval: Its 95 % interval as text; empty for none.
    """

    name: str
    value: str
    unit: str
    note: str
    interval: str = ""


def key_figures(results: RunResults, predictions: Sequence[Prediction] = ()) -> list[KeyFigure]:
    """Return up to five numbers that stand for a run; fewer where hardly anything is known.

    Args:
        results: What the run found.
        predictions: What the targets predicted, from which intervals of means come; none for no such intervals.
    """
    rate, found = SHORT[results.headline], []

    def share(name: str, targets: Mapping[str, TargetResult], rate: str, note: str) -> None:
        rates = [target.rate(rate) for target in targets.values()]
        known = [rate.value for rate in rates if rate.value is not None]
        over = rates[0] if len(rates) == 1 else _mean(predictions, targets, rate)
        value = fmean(known) if known else None
        known_interval = "" if over.low is None else f"95 % interval {interval(over)}"
        found.append(KeyFigure(name, percent(value), "" if value is None else "%", note, known_interval))

    undefended, defended = results.select("black-box", defended=False), results.select("black-box", defended=True)
    white_box = results.select("white-box", defended=False)
    robust = undefended or defended or white_box
    if undefended:
        share(f"black-box {rate}", undefended, results.headline, averaged(results.black_box_mean, results.failed))
    if any(target.robust_accuracy.value is not None for target in robust.values()):
        clean = [target.clean_accuracy.value for target in robust.values() if target.clean_accuracy.value is not None]
        said = f"after {percent(fmean(clean))} % when clean" if clean else ""
        over = f", mean of {len(robust)}" if len(robust) > 1 else ""
        share("robust accuracy", robust, "robust_accuracy", said + over)
    if defended:
        over = averaged(results.defended_mean, results.failed)
        share(f"{rate} behind a defence", defended, results.headline, over)
    if white_box:
        over = f"on {listed(list(white_box))}" if len(white_box) < _NAMED else f"mean of {len(white_box)} models"
        share(f"white-box {rate}", white_box, results.headline, over)
    norm = results.budget.norm if results.budget else "linf"
    largest = results.perturbation[norm].max if norm in results.perturbation else None
    if largest is not None:
        ssim = results.perturbation["ssim"].mean if "ssim" in results.perturbation else None
        notes = [f"budget {budget_text(results.budget)}"] if results.budget else []
        notes += [] if ssim is None else [f"SSIM {decimal(ssim, 2)} on average"]
        size = levels(largest) if norm == "linf" else decimal(largest, 2)
        found.append(KeyFigure("largest perturbation", size, "", ", ".join(notes)))
    return found


def averaged(mean: MeanResult, failed: Collection[str]) -> str:
    """Say which targets a mean is over, and which were left out and why.

    Args:
        mean: The mean.
        failed: The names of the targets that could not be asked.
    """
    count = len(mean.targets)
    if not mean.left_out:
        return mean.targets[0] if count == 1 else f"mean of {counted(count, 'target')}"
    out = list(mean.left_out)
    if len(out) == 1:
        why = mean.left_out[out[0]]
        out = [f"{out[0]} ({'failed: ' if out[0] in failed else ''}{shorten(why, 40, placeholder=' ...')})"]
    more = f" and {len(out) - _NAMED} more" if len(out) > _NAMED else ""
    return f"mean of {count} of {count + len(mean.left_out)}; left out: {', '.join(out[:_NAMED])}{more}"


def _mean(predictions: Sequence[Prediction], targets: Collection[str], rate: str) -> RateResult:
    """Return the interval of a mean over targets, for which the images are a sample and the targets are given."""
    draws: dict[tuple[str, int], list[float]] = {}
    for row in predictions:
        outcome = _outcome(row, rate) if row.target in targets else None
        if outcome is not None:
            draws.setdefault((row.target, row.id), []).append(outcome)
    ids = sorted({image for _, image in draws})
    nothing = [float("nan")]
    outcomes = [[fmean(draws.get((name, image), nothing)) for image in ids] for name in targets]
    found = estimate(torch.tensor(outcomes), imagined=(0.0, 0.0, 1.0, 1.0)) if ids else None
    return RateResult() if found is None else RateResult(value=found.value, low=found.low, high=found.high)


def _outcome(row: Prediction, rate: str) -> bool | None:
    """Tell whether an image counts towards a rate; None where it is not among those that the rate is over."""
    if rate == "target_rate":
        return None if row.target_class is None else row.adversarial_prediction == row.target_class
    right = row.clean_prediction == row.label
    if rate == "robust_accuracy":
        return right and row.adversarial_prediction == row.label
    return row.wrong if right else None
