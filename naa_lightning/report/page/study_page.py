"""The page of a study."""

import shlex
from collections.abc import Sequence
from pathlib import Path

from naa_lightning.records.studies import AttributionStudyResults, LayerStudyResults, MethodResult
from naa_lightning.report.definitions import SHORT
from naa_lightning.report.page import plot
from naa_lightning.report.page.template import write_page
from naa_lightning.report.study_tables import NEARLY, method_cells, recommended_methods
from naa_lightning.report.wording import counted, interval, listed, percent, whole_percent

Results = LayerStudyResults | AttributionStudyResults
Plot = tuple[plot.Axis, plot.Axis, list[plot.Point], list[plot.Line]]


def write_study_page(folder: Path, results: Results) -> Path:
    """Write a study's `report.html`.

    Args:
        folder: The study's folder.
        results: What it found.

    Returns:
        The path of the page.
    """
    layers = isinstance(results, LayerStudyResults)
    names = [] if isinstance(results, LayerStudyResults) else _names(results)
    return write_page(
        folder,
        "study.html.j2",
        title="Study of layers" if layers else "Study of attribution",
        subtitle=f"{results.attack} on {results.surrogate}, {counted(results.images, 'image')} of {results.data}",
        findings=_layer_findings(results) if isinstance(results, LayerStudyResults) else _method_findings(results),
        results=results,
        is_layers=layers,
        names=names,
        percent_text=percent,
        interval_text=interval,
        method_cells=method_cells,
        method_plots=lambda methods: _method_plots(methods, names),
        nearly=NEARLY,
        files=[path.name for path in sorted(folder.glob(f"{Path(results.FILE_NAME).stem}.*"))],
    )


def _layer_findings(results: LayerStudyResults) -> list[tuple[str, str | None]]:
    """Return what was found with the option of the command line that makes use of it."""
    best = results.best
    if best is None or best.black_box_mean.value is None:
        return [("No layer is recommended: no image counts on any black-box target.", None)]
    networks = counted(len(set(best.targets) - set(results.white_box)), "network")
    reached = f"{whole_percent(best.black_box_mean.value)} {SHORT[results.rate]} (mean over {networks})"
    if not results.equals:
        tail = ", more than at any other layer" if len(results.layers) > 1 else ""
    else:
        named = listed(results.equals) if len(results.equals) < 4 else counted(len(results.equals), "other layer")
        tail = f"; {named} cannot be told from it"
    override = shlex.quote(f"surrogate.layer={best.name}")
    return [(f"Attack {results.surrogate} at {best.name}: {results.attack} reaches {reached}{tail}.", override)]


def _method_findings(results: AttributionStudyResults) -> list[tuple[str, str | None]]:
    found = [
        (
            f"{'Of what attack=naa can do at' if override else 'At'} {layer}, {_called(method)} comes nearly as close "
            f"as any: cosine {method.cosine:.2f} for {counted(method.gradient_evaluations, 'gradient')} per image.",
            override,
        )
        for layer, method, override in recommended_methods(results)
    ]
    return found or [("No method points the same way as the reference.", None)]


def _called(method: MethodResult) -> str:
    points = "" if method.points is None else f" with {counted(method.points, 'point')}"
    return f"{method.method.replace('_', ' ')}{points}"


def _names(results: AttributionStudyResults) -> list[str]:
    return list(dict.fromkeys(method.method for method in results.methods if method.method != "reference"))


def _method_plots(methods: Sequence[MethodResult], names: Sequence[str]) -> dict[str, Plot]:
    """Return cosine and completeness gap against gradients, a line for each method; a gap of 0 has no place."""
    drawn = [method for method in methods if method.method in names]
    cost = plot.log_axis("gradients per image", [method.gradient_evaluations for method in drawn])
    axes = {"cosine": plot.linear_axis("", [*(method.cosine for method in drawn), 1.0])}
    if gaps := [method.completeness_gap for method in drawn if method.completeness_gap > 0]:
        axes["completeness_gap"] = plot.log_axis("", gaps)
    found = {}
    for name, axis in axes.items():
        points = [_point(method, name, names) for method in drawn if name == "cosine" or method.completeness_gap > 0]
        places = [[(point.x, point.y) for point in points if point.style == style] for style in range(len(names))]
        found[name] = cost, axis, points, [plot.Line(line, style) for style, line in enumerate(places)]
    return found


def _point(method: MethodResult, name: str, names: Sequence[str]) -> plot.Point:
    value, gradients = getattr(method, name), counted(method.gradient_evaluations, "gradient")
    said = f"{_called(method)}: {name.replace('_', ' ')} {value:.3g}, {gradients} per image"
    return plot.Point(method.gradient_evaluations, value, said, style=names.index(method.method))
