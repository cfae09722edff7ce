import io
from collections.abc import Mapping
from typing import Any

from rich.console import Console

from naa_lightning.metrics import Rate
from naa_lightning.report import results_table

NO_RATE = Rate(0, 0)


def rate(measured: Rate) -> dict[str, float | None]:
    known = measured.total > 0
    low, high = measured.interval
    return {
        "value": measured.value if known else None,
        "low": low if known else None,
        "high": high if known else None,
        "count": measured.count,
        "total": measured.total,
    }


def target(role: str, success: Rate, target_rate: Rate = NO_RATE) -> dict[str, object]:
    return {
        "role": role,
        "clean_accuracy": rate(Rate(90, 100)),
        "fooling_rate": rate(Rate(50, 100)),
        "error_rate": rate(Rate(55, 100)),
        "success_rate": rate(success),
        "target_rate": rate(target_rate),
    }


def printed(results: Mapping[str, Any]) -> list[str]:
    console = Console(width=80, record=True, file=io.StringIO())
    console.print(results_table(results))
    return console.export_text().splitlines()


def test_the_table_shows_every_rate_within_80_columns() -> None:
    results = {
        "attack": "naa",
        "surrogate": "source",
        "data": "photographs",
        "images": 100,
        "targets": {
            "source": target("white-box", Rate(90, 90)),
            "a_target_with_a_very_long_name_of_its_own": target("black-box", Rate(45, 90)),
            "hopeless": target("black-box", NO_RATE),
        },
        "black_box_mean": {
            "clean_accuracy": 0.9,
            "fooling_rate": 0.5,
            "error_rate": 0.55,
            "success_rate": 0.5,
            "target_rate": None,
        },
    }
    lines = printed(results)
    assert max(map(len, lines)) <= 80
    assert lines[0].strip() == "naa on source: 100 images of photographs"
    assert any("90.0" in line and "55.0" in line and "39.9 to 60.1" in line for line in lines)
    (hopeless,) = (line for line in lines if "hopeless" in line)
    assert hopeless.split()[-2] == "-"
    (mean,) = (line for line in lines if "black-box mean" in line)
    assert mean.count("50.0") == 2
    assert any("source" in line for line in lines)
    assert not any("target hit" in line for line in lines)


def test_the_table_of_a_targeted_run_shows_how_often_the_target_class_is_hit() -> None:
    results = {
        "attack": "mim",
        "surrogate": "digits_residual",
        "data": "digits",
        "images": 100,
        "targets": {
            "digits_residual": target("white-box", Rate(90, 90), Rate(100, 100)),
            "inception_resnet_v2": target("black-box", Rate(45, 90), Rate(25, 100)),
            "digits_plain": target("black-box", NO_RATE, Rate(1, 100)),
        },
        "black_box_mean": {
            "clean_accuracy": 0.9,
            "fooling_rate": 0.5,
            "error_rate": 0.55,
            "success_rate": 0.5,
            "target_rate": 0.13,
        },
    }
    lines = printed(results)
    assert max(map(len, lines)) <= 80
    assert lines[0].strip() == "targeted mim on digits_residual: 100 images of digits"
    assert [cell.strip() for cell in lines[2].strip("┃").split("┃")] == [
        "target",
        "clean acc.",
        "success",
        "target hit",
        "95 %",
    ]
    rows = {cells[0]: cells[1:] for cells in ([c.strip() for c in line.strip("│").split("│")] for line in lines[4:])}
    assert rows["inception_resnet_v2"] == ["90.0", "50.0", "25.0", "17.5 to 34.3"]
    assert rows["digits_plain"][1:3] == ["-", "1.0"]
    assert rows["black-box mean"] == ["90.0", "50.0", "13.0", ""]
    caption = " ".join(" ".join(lines[-3:]).split())
    assert "target hit: predicted as the class aimed at, over all images, with its 95 % Wilson interval" in caption
