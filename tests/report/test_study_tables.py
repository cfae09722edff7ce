"""The tables of studies in the terminal, and the file of layers."""

import io

from rich.console import Console

from naa_lightning.records.studies import AttributionStudyResults, LayerStudyResults, MethodResult
from naa_lightning.report.study_tables import (
    layer_finding,
    layer_frame,
    layers_table,
    method_cells,
    methods_table,
    recommended_methods,
)
from tests.report.cases import LONG_LAYER_NAMES, layer_results
from tests.report.studies import attribution_results


def results(names: list[str]) -> LayerStudyResults:
    return LayerStudyResults.model_validate(layer_results(names))


def printed(names: list[str]) -> list[str]:
    console = Console(width=80, record=True, file=io.StringIO())
    console.print(layers_table(results(names)))
    return console.export_text().splitlines()


def test_the_table_marks_the_best_and_its_equals_within_80_columns() -> None:
    lines = printed(LONG_LAYER_NAMES)
    assert max(map(len, lines)) <= 80
    rows = [[cell.strip() for cell in line.strip("│").split("│")] for line in lines if line.startswith("│")]
    assert [row[0] for row in rows[:2]] == ["features.denseblock1.", "denselayer10.conv2"]
    rows = [row for row in rows if row[1]]  # a long name goes on in the lines below
    assert len(rows) == 12
    assert rows[5][1:] == ["80.0", "", "", "1.23", "best"]
    assert rows[6][1:] == ["75.0", "-5.0", "-15.0 to 5.0", "1.23", "as good"]
    assert rows[8][1:] == ["65.0", "-15.0", "-25.0 to -5.0", "1.23", ""]


def test_short_names_stand_in_one_line() -> None:
    lines = printed(["features.denseblock2", "blocks.3.0.bn1"])
    assert any("features.denseblock2 " in line for line in lines)


def test_the_recommendation_is_an_option_of_the_command_line() -> None:
    found, override = layer_finding(results(["a", "b", "c", "d e", "f", "g", "h"]))
    assert found.endswith("; c and f cannot be told from it.")
    assert override == "'surrogate.layer=d e'"
    found, override = layer_finding(results(["a", "b"]))
    assert found.endswith(", more than at any other layer.")
    assert override == "surrogate.layer=a"


def test_the_file_has_a_line_per_layer() -> None:
    frame = layer_frame(results(["a", "b"]))
    first, second = frame.to_dict("records")
    assert first["shape"] == "64x14x14"
    assert (second["difference"], second["difference_high"]) == (-0.30000000000000004, -0.20000000000000004)
    assert (first["target/second/success_rate"], first["target/source/success_rate_low"]) == (0.7000000000000001, 0.0)


def test_methods_stand_under_their_layer_in_whole_words() -> None:
    name = "integrated_gradients_along_a_straight_line_with_many_points_and_noise"
    numbers = dict.fromkeys(("cosine", "rank_correlation", "positive_share", "participation", "gini", "seconds"), 0.5)
    method = MethodResult(
        layer="features.3", method=name, points=30, gradient_evaluations=30, completeness_gap=1e-3, **numbers
    )
    study = AttributionStudyResults(surrogate="source", attack="naa", data="digits", images=2, methods=(method,))
    console = Console(width=80, record=True, file=io.StringIO())
    console.print(methods_table(study))
    lines = console.export_text().splitlines()
    assert max(map(len, lines)) <= 80
    rows = [[cell.strip() for cell in line.strip("│").split("│")] for line in lines if line.startswith("│")]
    assert rows[0] == ["features.3", *[""] * 5]
    assert rows[1][1:] == ["30", "0.001", "0.500", "0.500", "0.5"]
    assert "".join(row[0] for row in rows[1:]) == name
    assert all(row[0].endswith("_") for row in rows[1:-1])


def test_what_no_image_has_is_a_dash_and_recommended_by_none() -> None:
    unknown = dict.fromkeys(("completeness_gap", "cosine", "rank_correlation"))
    whole = attribution_results()
    study = whole.model_copy(update={"methods": tuple(one.model_copy(update=unknown) for one in whole.methods)})
    assert list(method_cells(study.methods[1])) == ["10", *["\N{EN DASH}"] * 3, "0.12"]
    assert recommended_methods(study) == []
