import io

from rich.console import Console

from naa_lightning.report.attribution_table import recommendations, study_table
from tests.report.studies import attribution_results


def test_the_table_keeps_within_80_columns() -> None:
    console = Console(width=80, record=True, file=io.StringIO())
    console.print(study_table(attribution_results()))
    lines = console.export_text().splitlines()
    assert max(map(len, lines)) <= 80
    rows = [[cell.strip() for cell in line.strip("│").split("│")] for line in lines if line.startswith("│")]
    assert rows[0][0] == "middle"
    assert rows[2] == ["conductance", "10", "0.5", "0.970", "0.400", "0.12"]


def test_the_cheapest_that_is_nearly_as_close_is_recommended() -> None:
    """Of all methods, and of those that the attack itself can use."""
    of_all, of_naa = recommendations(attribution_results())
    assert (of_all.method.method, of_all.method.points, of_all.override) == ("conductance", 10, None)
    assert (of_naa.method.method, of_naa.method.points) == ("naa", 5)
    assert of_naa.override == (
        "attack.objective.rule=midpoint attack.objective.noise=0.0 attack.objective.path_points=5"
    )


def test_a_method_of_the_attack_that_is_the_closest_is_recommended_once() -> None:
    found = attribution_results()
    only = found.model_copy(update={"methods": tuple(row for row in found.methods if row.method != "conductance")})
    ((layer, method, override),) = recommendations(only)
    assert (layer, method.method, bool(override)) == ("middle", "naa", True)
