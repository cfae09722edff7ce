"""Mirroring a finished run's files to its loggers."""

import math
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from pytorch_lightning.loggers import Logger, WandbLogger

from naa_lightning.records import AttributionRow, read_attributions
from naa_lightning.report.results import RATES, read_results

# Kinds of figures of which there is one per image, called <kind>-<id>.png.
_KINDS = ("panel", "attention", "attribution")


def log_run(loggers: Sequence[Logger], folder: Path) -> None:
    """Log a run's results and figures, read from its folder.

    Names: `target/<name>/<rate>`, `black_box_mean/<rate>`, `attribution/<statistic>`, `cost/<figure>`, and
    `exact_attribution/<part>/<statistic>`. W&B also gets the table of targets, histograms of what exact attribution
    says of each image, and, by kind, the figures.
    """
    results = read_results(folder)
    metrics = dict(_metrics(results))
    for logger in loggers:
        logger.log_metrics(metrics)
        if isinstance(logger, WandbLogger):
            _log_media(logger, results, sorted((folder / "figures").glob("*.png")))
            _log_histograms(logger, read_attributions(folder))
        logger.save()


def _metrics(results: Mapping[str, Any]) -> Iterator[tuple[str, float]]:
    for name, target in results["targets"].items():
        for rate in RATES:
            if target[rate]["value"] is not None:
                yield f"target/{name}/{rate}", target[rate]["value"]
    for section in ("black_box_mean", "attribution", "cost"):
        for name, value in (results[section] or {}).items():
            if isinstance(value, int | float):
                yield f"{section}/{name}", value
    for part, summary in (results["exact_attribution"] or {}).items():
        for name, value in summary.items() if isinstance(summary, dict) else ():
            if value is not None:
                yield f"exact_attribution/{part}/{name}", value


def _rows(results: Mapping[str, Any]) -> tuple[list[str | int], list[Any]]:
    """Return the columns of the W&B table and one row per target; a rate that no target has gets no column."""
    targets = results["targets"]
    rates = [rate for rate in RATES if any(target[rate]["value"] is not None for target in targets.values())]
    columns: list[str | int] = [
        "target",
        "role",
        "images",
        *(f"{rate}{bound}" for rate in rates for bound in ("", "_low", "_high")),
    ]
    rows = [
        [name, target["role"], results["images"]]
        + [target[rate][bound] for rate in rates for bound in ("value", "low", "high")]
        for name, target in targets.items()
    ]
    return columns, rows


def _log_media(logger: WandbLogger, results: Mapping[str, Any], figures: Sequence[Path]) -> None:
    import wandb  # noqa: PLC0415 - see `wandb_logger`

    columns, rows = _rows(results)
    media: dict[str, Any] = {"targets": wandb.Table(columns=columns, data=rows)}
    for figure in figures:
        media.setdefault(media_key(figure), []).append(wandb.Image(str(figure), caption=figure.stem))
    logger.experiment.log(media)


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
    """Return what W&B shows a figure under: figures of one kind, one per image, together.

    >>> media_key(Path("figures/panel-00012.png")), media_key(Path("figures/layers.png"))
    ('panel', 'layers')
    """
    kind = figure.stem.partition("-")[0]
    return kind if kind in _KINDS else figure.stem
