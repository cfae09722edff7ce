"""The layers and the methods of studies: in the terminal, as a file, and which of them to use."""

import shlex
from collections.abc import Mapping, Sequence
from typing import Any

import pandas as pd
from rich.table import Table

from naa_lightning.records import RateResult
from naa_lightning.records.studies import AttributionStudyResults, LayerStudyResults, MethodResult
from naa_lightning.records.targets import EstimateResult
from naa_lightning.report.definitions import SHORT
from naa_lightning.report.terminal import Name, numbers_table
from naa_lightning.report.wording import NONE, counted, decimal, interval, listed, percent, whole_percent

NEARLY = 0.95
"""The share of the highest cosine that a recommended method reaches."""

_STYLES = {"recommended": "bold", "worse": "dim"}
_NAA = "naa_lightning.attribution.FeatureDifference"


def layers_table(results: LayerStudyResults) -> Table:
    """Lay out layers against how well their images transfer, within 80 columns."""
    rate = results.rate.removesuffix("_rate")
    table = numbers_table(
        "layer",
        (rate, "to best", "95 %", "s", ""),
        title=f"{results.attack} on {results.surrogate}: {counted(results.images, 'image')} of {results.data}",
        caption=f"{rate}: mean over black-box targets in %; to best: the difference to the best layer, with its paired "
        "95 % interval; as good: where that reaches 0; s: per image",
    )
    for layer in results.layers:
        best = layer.verdict == "recommended"
        table.add_row(
            Name(layer.name),
            percent(layer.black_box_mean.value),
            *(["", ""] if best else [percent(layer.difference.value), interval(layer.difference)]),
            f"{layer.seconds_per_image:.3g}",
            "best" if best else "as good" if layer.verdict == "as good" else "",
            style=_STYLES.get(layer.verdict or ""),
        )
    return table


def layer_finding(results: LayerStudyResults) -> tuple[str, str | None]:
    """Return what was found with the option of the command line that makes use of it."""
    best = results.best
    if best is None or best.black_box_mean.value is None:
        return "No layer is recommended: no image counts on any black-box target.", None
    networks = counted(len(set(best.targets) - set(results.white_box)), "network")
    reached = f"{whole_percent(best.black_box_mean.value)} {SHORT[results.rate]} (mean over {networks})"
    if not results.equals:
        tail = ", more than at any other layer" if len(results.layers) > 1 else ""
    else:
        named = listed(results.equals) if len(results.equals) < 4 else counted(len(results.equals), "other layer")
        tail = f"; {named} cannot be told from it"
    override = shlex.quote(f"surrogate.layer={best.name}")
    return f"Attack {results.surrogate} at {best.name}: {results.attack} reaches {reached}{tail}.", override


def layer_frame(results: LayerStudyResults) -> pd.DataFrame:
    """Return one line per layer, with columns that are named as the metrics of a run."""

    def columns(name: str, found: EstimateResult | RateResult) -> dict[str, Any]:
        return {name: found.value, f"{name}_low": found.low, f"{name}_high": found.high}

    return pd.DataFrame(
        {"layer": layer.name, "shape": "x".join(map(str, layer.shape))}
        | layer.model_dump(include={"progress", "verdict"})
        | columns(f"black_box_mean/{results.rate}", layer.black_box_mean)
        | columns("difference", layer.difference)
        | {
            key: value
            for name, target in layer.targets.items()
            for key, value in columns(f"target/{name}/{results.rate}", target).items()
        }
        | {"seconds_per_image": layer.seconds_per_image}
        for layer in results.layers
    )


def methods_table(results: AttributionStudyResults) -> Table:
    """Lay out methods against their agreement with the reference, within 80 columns."""
    table = numbers_table(
        "method",
        ("points", "gap", "cosine", "rank", "s"),
        title=f"attribution of {results.images} images, compared with the reference",
        caption="gap: |sum A - (F(x) - F(x'))| relative to |F(x) - F(x')|; cosine and rank correlation: with the "
        "reference; s: seconds per image",
    )
    for layer, methods in results.by_layer.items():
        table.add_section()
        table.add_row(Name(layer), style="bold")
        for method in methods:
            table.add_row(Name(method.method), *method_cells(method))
    return table


def method_cells(method: MethodResult) -> Sequence[str]:
    """Write points, completeness gap, cosine, rank correlation and seconds of a method."""
    points, gap = "" if method.points is None else str(method.points), method.completeness_gap
    numbers = NONE if gap is None else f"{gap:.3g}", decimal(method.cosine), decimal(method.rank_correlation)
    return points, *numbers, f"{method.seconds:.2g}"


def recommended_methods(results: AttributionStudyResults) -> list[tuple[str, MethodResult, str | None]]:
    """Return for each layer what to use of all methods, and if that is another one, of those that attack=naa has.

    It is the method with the fewest gradients whose cosine is nearly the highest. A layer at which nothing points the
    same way as the reference has none.

    Returns:
        The layer, the method, and the options with which attack=naa attributes so, None where it cannot.
    """
    found = []
    for layer, (_, *methods) in results.by_layer.items():
        for among in (methods, [method for method in methods if _override(results.config, method)]):
            highest = max(map(_closeness, among), default=0.0)
            near = [method for method in among if _closeness(method) >= NEARLY * highest > 0]
            if near:
                chosen = min(near, key=lambda method: (method.gradient_evaluations, -_closeness(method)))
                found.append((layer, chosen, _override(results.config, chosen)))
    return list(dict.fromkeys(found))


def _closeness(method: MethodResult) -> float:
    return method.cosine or 0.0


def _override(config: Mapping[str, Any], method: MethodResult) -> str | None:
    node = ((config.get("study") or {}).get("methods") or {}).get(method.method) or {}
    if node.get("_target_") != _NAA:
        return None
    options = {key: value for key, value in node["path"].items() if key in ("rule", "noise", "antithetic")}
    options["path_points"] = method.points
    return shlex.join(f"attack.objective.{key}={str(value).lower()}" for key, value in options.items())
