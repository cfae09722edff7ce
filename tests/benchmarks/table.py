"""The contenders in the terminal."""

from collections.abc import Mapping
from typing import Any

from rich import box
from rich.table import Table

from tests.benchmarks.contenders import METHODS

GIB = 2**30
COLUMNS = ("s", "range", "img/s", "times", "TF/s", "peak", "GiB", "own")


def contenders_table(results: Mapping[str, Any]) -> Table:
    """Lay out what `benchmark.json` holds of each contender, method by method."""
    table = Table(
        title=title_of(results),
        caption="s: median of a run; times: as fast as torchattack in float32, median over rounds; TF/s: TFLOP/s in "
        "convolutions and matrix products; peak: its share of the fastest of these measured here in that precision; "
        "GiB: peak memory; own: of it beyond libraries, network and images",
        box=box.SIMPLE_HEAD,
        padding=(0, 1, 0, 0),
    )
    table.add_column("contender", no_wrap=True)
    for column in COLUMNS:
        table.add_column(column, justify="right", no_wrap=True)
    for method, name_of_method in METHODS.items():
        rows = {name: one for name, one in results["contenders"].items() if one["method"] == method}
        if rows:
            table.add_section()
            table.add_row(f"[bold]{name_of_method}")
        for name, one in rows.items():
            table.add_row(name, *_speed(one), *_memory(one["memory"]))
    for name in results["failed"]:
        table.add_row(f"{name} (failed)", style="red")
    return table


def title_of(results: Mapping[str, Any]) -> str:
    """Say what was measured, on what."""
    said, on = results["settings"], results["machine"]
    height, width = said["size"]
    where = on["device"] if said["device"] == "cuda" else f"{on['cpu']}, threads: {on['threads']}"
    return (
        f"{said['network']} at {', '.join(said['layers'])}, {width}x{height}, images: {said['images']}, "
        f"points: {said['points']}, steps: {said['steps']}; {where}"
    )


def _speed(one: Mapping[str, Any]) -> list[str]:
    ratio = one["times_as_fast_as_torchattack"]
    return [
        f"{one['median_seconds']:.3g}",
        f"{min(one['seconds']):.3g}\N{EN DASH}{max(one['seconds']):.3g}",
        f"{one['images_per_second']:.3g}",
        "" if ratio is None else f"{ratio:.3g}",
        f"{one['operations_per_second'] / 1e12:.3g}",
        f"{100 * one['share_of_peak']:.0f}%",
    ]


def _memory(memory: Mapping[str, Any] | None) -> list[str]:
    if memory is None:
        return []
    own = memory["peak_bytes"] - memory["before_bytes"]
    return [f"{memory['peak_bytes'] / GIB:.2f}", f"{own / GIB:.2f}"]
