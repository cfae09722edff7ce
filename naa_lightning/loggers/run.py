"""Mirroring a finished run's files to its loggers."""

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any, TypeAlias

from pytorch_lightning.loggers import Logger, WandbLogger

from naa_lightning.loggers.pictures import log_pictures, strips
from naa_lightning.records import AttributionRow, RunResults, read_attributions, read_results
from naa_lightning.records.targets import RATES

_Table: TypeAlias = tuple[list[str], list[list[Any]]]  # columns and rows


@contextmanager
def logging_to(loggers: Sequence[Logger], config: Mapping[str, Any]) -> Iterator[Sequence[Logger]]:
    """Log the configuration and yield the loggers; close them at the end, also when the work fails.

    Args:
        loggers: The loggers of the run.
        config: The resolved configuration of the run.
    """
    status, begun = "failed", []
    try:
        for logger in loggers:
            logger.log_hyperparams(dict(config))
            begun.append(logger)
        yield loggers
        status = "success"
    finally:
        for logger in begun:
            logger.finalize(status)
            if isinstance(logger, WandbLogger):
                logger.experiment.finish(exit_code=int(status == "failed"))


def addresses(loggers: Sequence[Logger]) -> list[str]:
    """Return where runs that are logged online can be seen, also once their loggers are closed."""
    runs = [logger.experiment for logger in loggers if isinstance(logger, WandbLogger)]
    return [run.url for run in runs if not run.offline and run.url]


def log_run(loggers: Sequence[Logger], folder: Path) -> None:
    """Log a run's results and pictures, read from its folder.

    Names: `target/<name>/<rate>`, with `_low`, `_high` and `_spread`, `black_box_mean/<rate>`, `defended_mean/<rate>`,
    `perturbation/<measure>/<mean or extreme>`, `attribution/<statistic>`, `cost/<figure>`, `failed_targets`,
    `budget/eps`, `gradients/<zero, non_finite or unchanged>` (numbers of images),
    `target/<name>/<invalid or abstained>/<clean or adversarial>` (shares of the answers, if there are any), and
    `exact_attribution/<part>/<statistic>`. W&B and TensorBoard also get the pictures of featured images, as
    `images`, `attention` and `attribution`, and W&B the tables of targets and of classes, and histograms of the exact
    attribution of each image.

    Args:
        loggers: The loggers of the run.
        folder: The run's folder.
    """
    results = read_results(folder)
    metrics = dict(_metrics(results))
    pictures = strips(folder, results)
    for logger in loggers:
        logger.log_metrics(metrics)
        log_pictures(logger, pictures)
        if isinstance(logger, WandbLogger):
            _log_tables(logger, results)
            _log_histograms(logger, read_attributions(folder))
        logger.save()


def _metrics(results: RunResults) -> Iterator[tuple[str, float]]:
    bounds = {"": "value", "_low": "low", "_high": "high", "_spread": "spread"}
    for name, target in results.targets.items():
        for rate in RATES:
            values = {end: getattr(target.rate(rate), key) for end, key in bounds.items()}
            yield from _numbers(f"target/{name}/{rate}", values, "")
        for why, counts in target.unanswered.items():
            shares = {which: count / (results.images * target.repeats) for which, count in counts if count}
            yield from _numbers(f"target/{name}/{why}", shares)
    yield "failed_targets", len(results.failed)
    yield from _numbers("budget", results.budget.model_dump() if results.budget else {})
    for section in ("black_box_mean", "defended_mean", "cost"):
        yield from _numbers(section, getattr(results, section).model_dump())
    yield from _numbers("gradients", results.gradients.model_dump() if results.gradients else {})
    yield from _numbers("attribution", results.attribution or {})
    for measure, found in results.perturbation.items():
        yield from _numbers(f"perturbation/{measure}", found.model_dump() if found.images != 0 else {})
    if exact := results.exact_attribution:
        parts = {"clean": exact.clean, "adversarial": exact.adversarial, "effect": exact.effect, **exact.agreement}
        for part, values in parts.items():
            yield from _numbers(f"exact_attribution/{part}", values)


def _numbers(prefix: str, values: Mapping[str, Any], joint: str = "/") -> Iterator[tuple[str, float]]:
    found = ((f"{prefix}{joint}{name}", value) for name, value in values.items())
    yield from ((name, value) for name, value in found if isinstance(value, int | float))


def _targets_table(results: RunResults) -> _Table:
    """Return the columns and the rows of the W&B table of targets.

    A rate that no target has gets no column.
    """
    rates = [rate for rate in RATES if any(target.rate(rate).total for target in results.targets.values())]
    bounds = [f"{rate}{bound}" for rate in rates for bound in ("", "_low", "_high", "_spread")]
    rows = [
        [results.images, name, target.role, target.model, ", ".join(target.defences)]
        + [getattr(target.rate(rate), bound) for rate in rates for bound in ("value", "low", "high", "spread")]
        for name, target in results.targets.items()
    ]
    return ["images", "target", "role", "model", "defences", *bounds], rows


def _classes_table(results: RunResults) -> _Table:
    rows = [[row.label, row.name, row.images, row.success_rate.value] for row in results.classes]
    return ["label", "name", "images", "success_rate"], rows


def _log_tables(logger: WandbLogger, results: RunResults) -> None:
    """Log the tables of targets and of classes; each row names its run."""
    import wandb  # noqa: PLC0415 - see `wandb_logger`

    run = {name: getattr(results, name) for name in ("surrogate", "attack", "data")}
    run["seed"] = results.config.get("seed")
    tables = {"targets": _targets_table(results), "classes": _classes_table(results)}
    logger.experiment.log(
        {
            name: wandb.Table(columns=[*run, *columns], data=[[*run.values(), *row] for row in rows])
            for name, (columns, rows) in tables.items()
        }
    )


def _log_histograms(logger: WandbLogger, rows: Sequence[AttributionRow]) -> None:
    import wandb  # noqa: PLC0415 - see `wandb_logger`

    found: dict[str, list[float]] = {}
    for row in rows:
        if row.value is not None:
            found.setdefault(f"exact_attribution_of_images/{row.part}/{row.statistic}", []).append(row.value)
    if found:
        logger.experiment.log({name: wandb.Histogram(values) for name, values in found.items()})
