"""The page of a study."""

from collections.abc import Sequence
from pathlib import Path

from naa_lightning.records.studies import AttributionStudyResults, LayerStudyResults, MethodResult
from naa_lightning.report.page import plot
from naa_lightning.report.page.template import write_page
from naa_lightning.report.study_tables import NEARLY, layer_finding, method_cells, recommended_methods
from naa_lightning.report.wording import counted, decimal

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
        findings=[layer_finding(results)] if isinstance(results, LayerStudyResults) else _method_findings(results),
        results=results,
        is_layers=layers,
        names=names,
        method_cells=method_cells,
        method_plots=lambda methods: _method_plots(methods, names),
        nearly=NEARLY,
        files=[path.name for path in sorted(folder.glob(f"{Path(results.FILE_NAME).stem}.*"))],
    )


def _method_findings(results: AttributionStudyResults) -> list[tuple[str, str | None]]:
    found = []
    for layer, method, override in recommended_methods(results):
        at = f"{'Of what attack=naa can do at' if override else 'At'} {layer}"
        cost = counted(method.gradient_evaluations, "gradient")
        close = f"comes nearly as close as any: cosine {decimal(method.cosine, 2)} for {cost} per image."
        found.append((f"{at}, {_called(method)} {close}", override))
    return found or [("No method points the same way as the reference.", None)]


def _called(method: MethodResult) -> str:
    points = "" if method.points is None else f" with {counted(method.points, 'point')}"
    return f"{method.method.replace('_', ' ')}{points}"


def _names(results: AttributionStudyResults) -> list[str]:
    return list(dict.fromkeys(method.method for method in results.methods if method.method != "reference"))


def _method_plots(methods: Sequence[MethodResult], names: Sequence[str]) -> dict[str, Plot]:
    """Return cosine and completeness gap against gradients, a line for each method; a gap of 0 has no place."""
    drawn = [method for method in methods if method.method in names]
    if not drawn:
        return {}
    cost = plot.log_axis("gradients per image", [method.gradient_evaluations for method in drawn])
    cosines = [(method, method.cosine) for method in drawn if method.cosine is not None]
    gaps = [(method, method.completeness_gap) for method in drawn if method.completeness_gap]
    axes = {"cosine": (cosines, plot.linear_axis("", [*(cosine for _, cosine in cosines), 1.0]))}
    if gaps:
        axes["completeness_gap"] = gaps, plot.log_axis("", [gap for _, gap in gaps])
    found = {}
    for name, (values, axis) in axes.items():
        points = [_point(method, name, value, names) for method, value in values]
        places = [[(point.x, point.y) for point in points if point.style == style] for style in range(len(names))]
        found[name] = cost, axis, points, [plot.Line(line, style) for style, line in enumerate(places)]
    return found


def _point(method: MethodResult, name: str, value: float, names: Sequence[str]) -> plot.Point:
    gradients = counted(method.gradient_evaluations, "gradient")
    said = f"{_called(method)}: {name.replace('_', ' ')} {value:.3g}, {gradients} per image"
    return plot.Point(method.gradient_evaluations, value, said, style=names.index(method.method))
