"""The layers of a study: in the terminal, as a file, and which one to attack."""

from typing import Any

import pandas as pd
from rich.table import Table

from naa_lightning.records import RateResult
from naa_lightning.records.studies import EstimateResult, LayerStudyResults

STYLES = {"recommended": "bold", "worse": "dim"}


def layers_table(results: LayerStudyResults) -> Table:
    """Lay out layers against how well their images transfer, within 80 columns."""
    rate = results.rate.removesuffix("_rate")
    table = Table(
        title=f"{results.attack} on {results.surrogate}: {results.images} images of {results.data}",
        caption=f"{rate}: mean over black-box targets in %; to best: the difference to the best layer, with its paired "
        "95 % interval; as good: where that reaches 0; s: per image",
    )
    table.add_column("layer", overflow="fold")
    for column in (rate, "to best", "95 %", "s"):
        table.add_column(column, justify="right", no_wrap=True)
    table.add_column("", no_wrap=True)
    for layer in results.layers:
        best = layer.verdict == "recommended"
        table.add_row(
            layer.name,
            percent_text(layer.black_box_mean.value),
            "" if best else percent_text(layer.difference.value),
            "" if best else interval_text(layer.difference),
            f"{layer.seconds_per_image:.3g}",
            "best" if best else "as good" if layer.verdict == "as good" else "",
            style=STYLES.get(layer.verdict or ""),
        )
    return table


def recommendation(results: LayerStudyResults) -> str:
    """Return the recommended layer in one line, as an override of the command line."""
    if results.best is None:
        return "recommended: none, because no image counts on any black-box target"
    mean, equals = results.best.black_box_mean, results.equals
    return (
        f"recommended: surrogate.layer={results.best.name} ({results.rate.removesuffix('_rate')} "
        f"{percent_text(mean.value)} %, 95 % {interval_text(mean)}{'; as good: ' if equals else ''}{', '.join(equals)})"
    )


def layer_frame(results: LayerStudyResults) -> pd.DataFrame:
    """Return one line per layer, with columns that are named as the metrics of a run."""
    return pd.DataFrame(
        {
            "layer": layer.name,
            "shape": "x".join(map(str, layer.shape)),
            "progress": layer.progress,
            "verdict": layer.verdict,
            **_columns(f"black_box_mean/{results.rate}", layer.black_box_mean),
            **_columns("difference", layer.difference),
            **{
                column: value
                for name, target in layer.targets.items()
                for column, value in _columns(f"target/{name}/{results.rate}", target).items()
            },
            "seconds_per_image": layer.seconds_per_image,
        }
        for layer in results.layers
    )


def percent_text(share: float | None) -> str:
    """Write a share, or a difference of shares, in percent; a dash where there is none."""
    return "-" if share is None else f"{100 * share:.1f}"


def interval_text(found: EstimateResult) -> str:
    """Write an interval in percent; a dash where there is none."""
    return "-" if found.low is None else f"{percent_text(found.low)} to {percent_text(found.high)}"


def _columns(name: str, found: EstimateResult | RateResult) -> dict[str, Any]:
    return {name: found.value, f"{name}_low": found.low, f"{name}_high": found.high}
