"""The table of a study of layers: for the terminal, for files, and its recommendation in one line."""

from collections.abc import Mapping
from typing import Any

from rich.table import Table

from naa_lightning.report.table import interval, percent

STYLES = {"recommended": "bold", "as good": "", "worse": "dim"}


def layers_table(results: Mapping[str, Any]) -> Table:
    """Lay out layers against how well their images transfer, within 80 columns.

    Args:
        results: The content of `layers.json`.
    """
    rate = results["rate"].removesuffix("_rate")
    table = Table(
        title=f"{results['attack']} on {results['surrogate']}: {results['images']} images of {results['data']}",
        caption=f"{rate}: mean over black-box targets in %; to best: the difference to the best layer, with its paired "
        "95 % interval; as good: where that reaches 0; s: per image",
    )
    table.add_column("layer", overflow="fold")
    for column in (rate, "to best", "95 %", "s"):
        table.add_column(column, justify="right", no_wrap=True)
    table.add_column("", no_wrap=True)
    for layer in results["layers"]:
        verdict = layer["verdict"]
        difference = layer["difference"]
        table.add_row(
            layer["name"],
            percent(layer["black_box_mean"]["value"]),
            "" if verdict == "recommended" else percent(difference["value"]),
            "" if verdict == "recommended" else interval(difference),
            f"{layer['seconds_per_image']:.3g}",
            {"recommended": "best", "as good": "as good"}.get(verdict, ""),
            style=STYLES.get(verdict),
        )
    return table


def recommendation(results: Mapping[str, Any]) -> str:
    """Return the recommended layer in one line, as an override of the command line.

    Args:
        results: The content of `layers.json`.
    """
    recommended = [layer for layer in results["layers"] if layer["verdict"] == "recommended"]
    if not recommended:
        return "recommended: none, because no image counts on any black-box target"
    mean = recommended[0]["black_box_mean"]
    equals = [layer["name"] for layer in results["layers"] if layer["verdict"] == "as good"]
    return (
        f"recommended: surrogate.layer={recommended[0]['name']} ({results['rate'].removesuffix('_rate')} "
        f"{percent(mean['value'])} %, 95 % {interval(mean)}{'; as good: ' if equals else ''}{', '.join(equals)})"
    )


def layer_records(results: Mapping[str, Any]) -> list[dict[str, Any]]:
    """Return the rows of `layers.csv`, whose columns are named as the metrics of a run.

    Args:
        results: The content of `layers.json`.
    """
    rate = results["rate"]
    return [
        {
            "layer": layer["name"],
            "shape": "x".join(map(str, layer["shape"])),
            "progress": layer["progress"],
            "verdict": layer["verdict"],
            **_columns(f"black_box_mean/{rate}", layer["black_box_mean"]),
            **_columns("difference", layer["difference"]),
            **{
                column: value
                for name, target in layer["targets"].items()
                for column, value in _columns(f"target/{name}/{rate}", target).items()
            },
            "seconds_per_image": layer["seconds_per_image"],
        }
        for layer in results["layers"]
    ]


def _columns(name: str, estimate: Mapping[str, float | None]) -> dict[str, float | None]:
    return {name: estimate["value"], f"{name}_low": estimate["low"], f"{name}_high": estimate["high"]}
