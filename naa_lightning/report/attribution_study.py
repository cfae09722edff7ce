"""How well attribution methods match exact attribution: the table in the terminal and the figure."""

from collections.abc import Sequence
from pathlib import Path

from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from rich.table import Table

from naa_lightning.report.grid import save_figure
from naa_lightning.report.study_files import Record


def study_table(records: Sequence[Record], images: int) -> Table:
    """Lay out methods against their statistics, within 80 columns.

    Args:
        records: The `MethodResult`s as dictionaries.
        images: Number of images that they are means over.
    """
    table = Table(
        title=f"attribution of {images} images, compared with the reference",
        caption="gap: |sum A - (F(x) - F(x'))| relative to |F(x) - F(x')|; cosine and rank correlation: with the "
        "reference; s: seconds per image",
    )
    table.add_column("method", overflow="fold")
    for column in ("points", "gap", "cosine", "rank", "s"):
        table.add_column(column, justify="right", no_wrap=True)
    for layer in dict.fromkeys(record["layer"] for record in records):
        table.add_section()
        table.add_row(f"[bold]{layer}", "", "", "", "", "")
        for record in records:
            if record["layer"] == layer:
                table.add_row(
                    record["method"],
                    "" if record["points"] is None else str(record["points"]),
                    f"{record['completeness_gap']:.3g}",
                    f"{record['cosine']:.3f}",
                    f"{record['rank_correlation']:.3f}",
                    f"{record['seconds']:.2f}",
                )
    return table


def draw_attribution_study(folder: Path, records: Sequence[Record]) -> Path:
    """Draw cosine with the reference and completeness gap against gradients taken, one row of panels per layer.

    Args:
        folder: The run's folder.
        records: The `MethodResult`s as dictionaries.

    Returns:
        The path of the figure, `figures/attribution_study.png` in the folder.
    """
    path = folder / "figures" / "attribution_study.png"
    layers = list(dict.fromkeys(record["layer"] for record in records))
    methods = list(dict.fromkeys(record["method"] for record in records if record["method"] != "reference"))
    figure = Figure(figsize=(9, 0.6 + 3 * len(layers)), layout="constrained")
    FigureCanvasAgg(figure)
    rows = figure.subplots(len(layers), 2, squeeze=False)
    for layer, (cosine, gap) in zip(layers, rows, strict=True):
        for number, method in enumerate(methods):
            line = [record for record in records if (record["layer"], record["method"]) == (layer, method)]
            cost = [record["gradient_evaluations"] for record in line]
            style = {"marker": "osD^vP*X"[number % 8], "color": f"C{number % 10}", "label": method.replace("_", " ")}
            cosine.plot(cost, [record["cosine"] for record in line], **style)
            gap.plot(cost, [record["completeness_gap"] for record in line], **style)
        cosine.set_ylabel("cosine with the reference")
        cosine.set_ylim(top=1.03)
        gap.set_ylabel("completeness gap")
        gap.set_yscale("log")
        for axes in (cosine, gap):
            axes.set_xscale("log")
            axes.xaxis.set_major_formatter("{x:g}")
            axes.set_title(layer, fontsize=10)
            axes.grid(visible=True, alpha=0.3)
    for axes in rows[-1]:
        axes.set_xlabel("gradients per image")
    handles, labels = rows[0][0].get_legend_handles_labels()
    figure.legend(handles, labels, loc="outside lower center", ncols=3, fontsize=9)
    save_figure(figure, path)
    return path
