"""How well attribution methods match a reference: the table in the terminal, and which of them to use."""

import shlex
from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

from rich.table import Table

from naa_lightning.records.studies import AttributionStudyResults, MethodResult

NEARLY = 0.95
"""The share of the highest cosine that a recommended method reaches."""

_NAA = "naa_lightning.attribution.FeatureDifference"


class Recommendation(NamedTuple):
    """A method to use at a layer.

    Args:
        layer: The name of the layer.
        method: The one with the fewest gradients whose cosine is nearly the highest.
        override: The options with which attack=naa attributes so; None where it cannot.
    """

    layer: str
    method: MethodResult
    override: str | None


def recommendations(results: AttributionStudyResults) -> list[Recommendation]:
    """Return for each layer what to use of all methods, and if that is another one, of those that attack=naa has.

    A layer at which nothing points the same way as the reference has none.
    """
    found = []
    for layer, (_, *methods) in results.by_layer.items():
        for among in (methods, [method for method in methods if _override(results.config, method)]):
            highest = max((method.cosine for method in among), default=0.0)
            near = [method for method in among if method.cosine >= NEARLY * highest > 0]
            if near:
                chosen = min(near, key=lambda method: (method.gradient_evaluations, -method.cosine))
                found.append(Recommendation(layer, chosen, _override(results.config, chosen)))
    return list(dict.fromkeys(found))


def _override(config: Mapping[str, Any], method: MethodResult) -> str | None:
    node = ((config.get("study") or {}).get("methods") or {}).get(method.method) or {}
    if node.get("_target_") != _NAA:
        return None
    options = {key: value for key, value in node["path"].items() if key in ("rule", "noise", "antithetic")}
    options["path_points"] = method.points
    return shlex.join(f"attack.objective.{key}={str(value).lower()}" for key, value in options.items())


def study_table(results: AttributionStudyResults) -> Table:
    """Lay out methods against their agreement with the reference, within 80 columns."""
    table = Table(
        title=f"attribution of {results.images} images, compared with the reference",
        caption="gap: |sum A - (F(x) - F(x'))| relative to |F(x) - F(x')|; cosine and rank correlation: with the "
        "reference; s: seconds per image",
    )
    table.add_column("method", overflow="fold")
    for column in ("points", "gap", "cosine", "rank", "s"):
        table.add_column(column, justify="right", no_wrap=True)
    for layer, methods in results.by_layer.items():
        table.add_section()
        table.add_row(f"[bold]{layer}", *[""] * 5)
        for method in methods:
            table.add_row(method.method, *method_cells(method))
    return table


def method_cells(method: MethodResult) -> Sequence[str]:
    """Write points, completeness gap, cosine, rank correlation and seconds of a method."""
    numbers = (f"{method.completeness_gap:.3g}", f"{method.cosine:.3f}", f"{method.rank_correlation:.3f}")
    return "" if method.points is None else str(method.points), *numbers, f"{method.seconds:.2g}"
