import io

from rich.console import Console

from naa_lightning.report.layer_table import layer_records, layers_table, recommendation
from tests.report.cases import LONG_LAYER_NAMES, layer_results


def printed(names: list[str]) -> list[str]:
    console = Console(width=80, record=True, file=io.StringIO())
    console.print(layers_table(layer_results(names)))
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
    assert recommendation(layer_results(["a", "b", "c", "d", "e", "f", "g"])) == (
        "recommended: surrogate.layer=d (success 80.0 %, 95 % 75.0 to 85.0; as good: c, e)"
    )
    assert recommendation(layer_results(["a", "b"])) == (
        "recommended: surrogate.layer=a (success 80.0 %, 95 % 75.0 to 85.0)"
    )


def test_records_are_flat_and_share_their_columns() -> None:
    first, second = layer_records(layer_results(["a", "b"]))
    assert list(first) == list(second)
    assert first["shape"] == "64x14x14"
    assert (second["difference"], second["difference_high"]) == (-0.30000000000000004, -0.20000000000000004)
    assert (first["target/second/success_rate"], first["target/source/success_rate_low"]) == (0.7000000000000001, 0.0)
