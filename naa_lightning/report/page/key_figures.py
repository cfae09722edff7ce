"""The few numbers that stand for a run."""

from collections.abc import Collection, Mapping, Sequence
from statistics import fmean
from textwrap import shorten
from typing import NamedTuple

import pandas as pd

from naa_lightning.records import Prediction
from naa_lightning.records.results import RunResults
from naa_lightning.records.targets import MeanResult, RateResult, TargetResult
from naa_lightning.report.definitions import SHORT
from naa_lightning.report.mean_interval import mean_interval
from naa_lightning.report.wording import budget_text, counted, decimal, interval, levels, listed, percent

_NAMED = 3


class KeyFigure(NamedTuple):
    """A number that stands for a run.

    Args:
        name: The name of the number.
        value: The number as text.
        unit: The unit; empty for none.
        notes: Its 95 % interval, and the targets that it is a mean over or the number to compare it with, if any.
    """

    name: str
    value: str
    unit: str
    notes: list[str]


def key_figures(results: RunResults, predictions: Sequence[Prediction] = ()) -> list[KeyFigure]:
    """Return up to five numbers that stand for a run; fewer where hardly anything is known.

    Args:
        results: What the run found.
        predictions: What the targets predicted, from which intervals of means come; none for no such intervals.
    """
    headline = results.headline
    name, found = SHORT[headline], []

    def share(name: str, targets: Mapping[str, TargetResult], rate: str, *notes: str) -> None:
        rates = [target.rate(rate) for target in targets.values()]
        answers = [(row.target, row.id, row.outcome(rate)) for row in predictions if row.target in targets]
        over = mean_interval(pd.DataFrame(answers, columns=["target", "id", "outcome"])) if len(rates) > 1 else rates[0]
        mean = _known_mean(rates)
        notes = ("" if over.low is None else f"95 % interval {interval(over)}", *notes)
        found.append(KeyFigure(name, percent(mean), "" if mean is None else "%", list(filter(None, notes))))

    undefended, defended = (
        {name: target for name, target in results.select("black-box", defended=behind).items() if not target.no_judge}
        for behind in (False, True)
    )
    white_box = results.select("white-box", defended=False)
    on_white_box = f"on {listed(list(white_box))}" if len(white_box) < _NAMED else f"mean of {len(white_box)} models"
    over, over_defended = (averaged(mean, results.failed) for mean in (results.black_box_mean, results.defended_mean))
    robust = {name: target for name in results.judges if (target := results.targets[name]).rate(headline).total}
    if undefended:
        share(f"black-box {name}", undefended, headline, over)
    if _known_mean([target.robust_accuracy for target in robust.values()]) is not None:
        clean = percent(_known_mean([target.clean_accuracy for target in robust.values()]))
        of = over if undefended else over_defended if defended else on_white_box
        share("robust accuracy", robust, "robust_accuracy", f"after {clean} % when clean", of)
    if defended:
        share(f"{name} behind a defence", defended, headline, over_defended)
    if white_box:
        share(f"white-box {name}", white_box, headline, on_white_box)
    norm = results.budget.norm if results.budget else "linf"
    largest = results.perturbation[norm].max if norm in results.perturbation else None
    if largest is not None:
        ssim = results.perturbation["ssim"].mean if "ssim" in results.perturbation else None
        notes = [f"budget {budget_text(results.budget)}"] if results.budget else []
        notes += [] if ssim is None else [f"SSIM {decimal(ssim, 2)} on average"]
        size = levels(largest) if norm == "linf" else decimal(largest, 2)
        found.append(KeyFigure("largest perturbation", size, "", [", ".join(notes)]))
    return found


def averaged(mean: MeanResult, failed: Collection[str]) -> str:
    """Say which targets a mean is over, and which were left out and why.

    Args:
        mean: The mean.
        failed: The names of the targets that could not be asked.
    """
    count, out = len(mean.targets), list(mean.left_out)
    if not out:
        return mean.targets[0] if count == 1 else f"mean of {counted(count, 'target')}"
    if len(out) == 1:
        why = ("failed: " if out[0] in failed else "") + shorten(mean.left_out[out[0]], 40, placeholder=" ...")
        out = [f"{out[0]} ({why})"]
    return f"mean of {count} of {count + len(mean.left_out)}; left out: {listed(out, _NAMED)}"


def _known_mean(rates: Sequence[RateResult]) -> float | None:
    known = [rate.value for rate in rates if rate.value is not None]
    return fmean(known) if known else None
