"""The result of a run in the terminal."""

from collections.abc import Mapping
from typing import Any

from rich.table import Table


def results_table(results: Mapping[str, Any]) -> Table:
    """Lay out targets against rates in percent, within 80 columns; the black-box mean comes last, if there is one."""
    table = Table(
        title=f"{results['attack']} on {results['surrogate']}: {results['images']} images of {results['data']}",
        caption="in %; success: among images classified correctly when clean, with its 95 % Wilson interval",
    )
    table.add_column("target", overflow="fold")
    for column in ("clean acc.", "fooling", "error", "success"):
        table.add_column(column, justify="right", no_wrap=True)
    table.add_column("95 %", justify="right", no_wrap=True)
    for name, target in results["targets"].items():
        white_box = target["role"] == "white-box"
        table.add_row(
            f"{name} (white-box)" if white_box else name,
            *_shares(target["clean_accuracy"], target["fooling_rate"], target["error_rate"], target["success_rate"]),
            _interval(target["success_rate"]),
            style="dim" if white_box else None,
        )
    if len(results["targets"]) == 1:
        return table
    mean = {name: {"value": value} for name, value in results["black_box_mean"].items()}
    table.add_section()
    table.add_row(
        "black-box mean",
        *_shares(mean["clean_accuracy"], mean["fooling_rate"], mean["error_rate"], mean["success_rate"]),
        "",
        style="bold",
    )
    return table


def _shares(*rates: Mapping[str, float | None]) -> list[str]:
    return ["-" if rate["value"] is None else f"{100 * rate['value']:.1f}" for rate in rates]


def _interval(rate: Mapping[str, float | None]) -> str:
    low, high = rate["low"], rate["high"]
    return "-" if low is None or high is None else f"{100 * low:.1f} to {100 * high:.1f}"
