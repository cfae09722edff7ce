import io

import pytest
from rich.console import Console

from naa_lightning.records.studies import LayerStudyResults
from naa_lightning.report.layer_table import layer_frame, layers_table, recommendation
from tests.report.cases import LONG_LAYER_NAMES, layer_results


def study(names: list[str]) -> LayerStudyResults:
    return LayerStudyResults.model_validate(layer_results(names))


def printed(names: list[str]) -> list[str]:
    console = Console(width=80, record=True, file=io.StringIO())
    console.print(layers_table(study(names)))
    return console.export_text().splitlines()


def test_the_table_marks_the_best_and_its_equals_within_80_columns() -> None:
    lines = printed(LONG_LAYER_NAMES)
    assert max(map(len, lines)) <= 80
    rows = [[cell.strip() for cell in line.strip("│").split("│")] for line in lines if line.startswith("│")]
    rows = [row for row in rows if row[1]]  # a long name goes on in the lines below
    assert len(rows) == 12
    assert rows[5][1:] == ["80.0", "", "", "1.23", "best"]
    assert rows[6][1:] == ["75.0", "-5.0", "-15.0 to 5.0", "1.23", "as good"]
    assert rows[8][1:] == ["65.0", "-15.0", "-25.0 to -5.0", "1.23", ""]


def test_short_names_stand_in_one_line() -> None:
    lines = printed(["features.denseblock2", "blocks.3.0.bn1"])
    assert any("features.denseblock2 " in line for line in lines)


def test_the_recommendation_is_an_option_of_the_command_line() -> None:
    assert recommendation(study(["a", "b", "c", "d", "e", "f", "g"])) == (
        "recommended: surrogate.layer=d (success 80.0 %, 95 % 75.0 to 85.0; as good: c, e)"
    )
    assert recommendation(study(["a", "b"])) == ("recommended: surrogate.layer=a (success 80.0 %, 95 % 75.0 to 85.0)")


def test_the_table_has_a_line_per_layer() -> None:
    frame = layer_frame(study(["a", "b"]))
    assert list(frame.layer) == ["a", "b"]
    assert frame["shape"][0] == "64x14x14"
    assert frame.difference_high[1] == pytest.approx(-0.2)
    assert frame["target/second/success_rate"][0] == pytest.approx(0.7)
    assert frame["target/source/success_rate_low"][0] == 0
