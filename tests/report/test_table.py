import io

from rich.console import Console

from naa_lightning.metrics import Rate
from naa_lightning.report import results_table


def rate(count: int, total: int) -> dict[str, float | None]:
    measured = Rate(count, total)
    low, high = measured.interval
    return {"value": measured.value if total else None, "low": low if total else None, "high": high if total else None}


def target(role: str, success: dict[str, float | None]) -> dict[str, object]:
    return {
        "role": role,
        "clean_accuracy": rate(90, 100),
        "fooling_rate": rate(50, 100),
        "error_rate": rate(55, 100),
        "success_rate": success,
    }


def test_the_table_shows_every_rate_within_80_columns() -> None:
    results = {
        "attack": "naa",
        "surrogate": "source",
        "data": "photographs",
        "images": 100,
        "targets": {
            "source": target("white-box", rate(90, 90)),
            "a_target_with_a_very_long_name_of_its_own": target("black-box", rate(45, 90)),
            "hopeless": target("black-box", rate(0, 0)),
        },
        "black_box_mean": {"clean_accuracy": 0.9, "fooling_rate": 0.5, "error_rate": 0.55, "success_rate": 0.5},
    }
    console = Console(width=80, record=True, file=io.StringIO())
    console.print(results_table(results))
    lines = console.export_text().splitlines()
    assert max(map(len, lines)) <= 80
    assert "naa on source: 100 images of photographs" in lines[0]
    assert any("90.0" in line and "55.0" in line and "39.9 to 60.1" in line for line in lines)
    (hopeless,) = (line for line in lines if "hopeless" in line)
    assert hopeless.split()[-2] == "-"
    (mean,) = (line for line in lines if "black-box mean" in line)
    assert mean.count("50.0") == 2
    assert any("source" in line for line in lines)
