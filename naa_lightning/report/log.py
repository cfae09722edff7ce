"""Mirroring a finished run's files to its loggers."""

import math
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from pytorch_lightning.loggers import Logger, WandbLogger

from naa_lightning.records import AttributionRow, read_attributions
from naa_lightning.report.logged_figures import log_figures
from naa_lightning.report.results import RATES, read_results

# Kinds of figures of which there is one per image, called <kind>-<id>.png.
_KINDS = ("panel", "attention", "attribution")


@contextmanager
def logging_to(loggers: Sequence[Logger], config: Mapping[str, Any]) -> Iterator[Sequence[Logger]]:
    """Log the configuration and yield the loggers; close them at the end, also when the work fails.

    Args:
        loggers: The loggers of the run.
        config: The resolved configuration of the run.
    """
    status = "failed"
    try:
        for logger in loggers:
            logger.log_hyperparams(dict(config))
        yield loggers
        status = "success"
    finally:
        for logger in loggers:
            logger.finalize(status)
            if isinstance(logger, WandbLogger):
                logger.experiment.finish(exit_code=int(status == "failed"))


def log_run(loggers: Sequence[Logger], folder: Path) -> None:
    """Log a run's results and figures, read from its folder.

    Names: `target/<name>/<rate>`, with `_low`, `_high` and `_spread`, `black_box_mean/<rate>`, `defended_mean/<rate>`,
    `perturbation/<measure>/<mean or extreme>`, `attribution/<statistic>`, `cost/<figure>`, `failed_targets`,
    `budget/eps`, `target/<name>/<invalid or abstained>/<clean or adversarial>` (shares of the answers, if there are
    any), and `exact_attribution/<part>/<statistic>`. W&B and TensorBoard also get the figures, by kind, and W&B the
    tables of targets and of classes, and histograms of the exact attribution of each image.

    Args:
        loggers: The loggers of the run.
        folder: The run's folder.
    """
    results = read_results(folder)
    metrics = dict(_metrics(results))
    figures: dict[str, list[Path]] = {}
    for figure in sorted((folder / "figures").glob("*.png")):
        figures.setdefault(media_key(figure), []).append(figure)
    for logger in loggers:
        logger.log_metrics(metrics)
        log_figures(logger, figures)
        if isinstance(logger, WandbLogger):
            _log_tables(logger, results)
            _log_histograms(logger, read_attributions(folder))
        logger.save()


def _metrics(results: Mapping[str, Any]) -> Iterator[tuple[str, float]]:
    rates = {"": "value", "_low": "low", "_high": "high", "_spread": "spread"}
    for name, target in results["targets"].items():
        for rate in RATES:
            yield from _numbers({f"target/{name}/{rate}{suffix}": target[rate][key] for suffix, key in rates.items()})
        for why, counts in target["unanswered"].items():
            total = results["images"] * target["repeats"]
            yield from ((f"target/{name}/{why}/{which}", count / total) for which, count in counts.items() if count)
    yield "failed_targets", len(results["failed"])
    yield "budget/eps", results["budget"]["eps"]
    for section in ("black_box_mean", "defended_mean", "attribution", "cost"):
        yield from _numbers(_prefixed(section, results[section]))
    for section in ("perturbation", "exact_attribution"):
        for part, summary in (results[section] or {}).items():
            yield from _numbers(_prefixed(f"{section}/{part}", summary))


def _prefixed(prefix: str, values: Any) -> dict[str, Any]:
    return {f"{prefix}/{name}": value for name, value in values.items()} if isinstance(values, Mapping) else {}


def _numbers(values: Mapping[str, Any]) -> Iterator[tuple[str, float]]:
    yield from ((name, value) for name, value in values.items() if isinstance(value, int | float))


def _rows(results: Mapping[str, Any]) -> tuple[list[str | int], list[Any]]:
    """Return the columns and the rows of the W&B table of targets; each row names its run.

    A rate that no target has gets no column.
    """
    targets = results["targets"]
    rates = [rate for rate in RATES if any(target[rate]["value"] is not None for target in targets.values())]
    run = {name: results[name] for name in ("surrogate", "attack", "data", "images")}
    columns: list[str | int] = [
        *run,
        "target",
        "role",
        "model",
        "defences",
        *(f"{rate}{bound}" for rate in rates for bound in ("", "_low", "_high", "_spread")),
    ]
    rows = [
        [*run.values(), name, target["role"], target["model"], ", ".join(target["defences"])]
        + [target[rate][bound] for rate in rates for bound in ("value", "low", "high", "spread")]
        for name, target in targets.items()
    ]
    return columns, rows


def _log_tables(logger: WandbLogger, results: Mapping[str, Any]) -> None:
    import wandb  # noqa: PLC0415 - see `wandb_logger`

    columns, rows = _rows(results)
    classes: list[Any] = [
        [row["label"], row["name"], row["images"], row["success_rate"]["value"]] for row in results["classes"]
    ]
    logger.experiment.log(
        {
            "targets": wandb.Table(columns=columns, data=rows),
            "classes": wandb.Table(columns=["label", "name", "images", "success_rate"], data=classes),
        }
    )


def _log_histograms(logger: WandbLogger, rows: Sequence[AttributionRow]) -> None:
    import wandb  # noqa: PLC0415 - see `wandb_logger`

    histograms = {}
    for name in rows[0].keys() - {"id"} if rows else ():
        values = [row[name] for row in rows if math.isfinite(row[name])]
        if values:
            histograms[f"exact_attribution_of_images/{name}"] = wandb.Histogram(values)
    if histograms:
        logger.experiment.log(histograms)


def media_key(figure: Path) -> str:
    """Return the key of a figure in loggers, which is the same for all figures of a kind.

    Args:
        figure: The path of the figure.

    Example:
        >>> media_key(Path("figures/panel-00012.png")), media_key(Path("figures/layers.png"))
        ('panel', 'layers')
    """
    kind = figure.stem.partition("-")[0]
    return kind if kind in _KINDS else figure.stem
