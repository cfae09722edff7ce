"""The page of a search."""

import json
from pathlib import Path
from typing import Any

import pytest
import yaml

from naa_lightning.report.page.sweep_page import write_sweep_page
from naa_lightning.report.sweep.files import write_summary
from tests.report.cases import rate
from tests.report.page.cases import Page, results, target

GAMMAS = {0.5: 20, 1.0: 80, 1.5: 40}


def trials(folder: Path, **changes: Any) -> list[Path]:
    """Trials of a number and a word; the run's configuration says more than was searched."""
    runs = []
    for gamma, hits in GAMMAS.items():
        overrides = [
            f"attack.objective.gamma={gamma}",
            f"attack/update_rule={'a b' if gamma < 1 else 'momentum'}",
            "seed=7",
        ]
        found = results(
            targets={"vgg16": target(rate(hits, 100))}, overrides=overrides, config={"attack": {"gamma": gamma}}
        )
        path = folder / f"{gamma}"
        path.mkdir(parents=True)
        (path / "results.json").write_text(json.dumps(found | changes))
        runs.append(path)
    return runs


def page_of(folder: Path, runs: list[Path], content: Any) -> Page:
    (folder / "optimization_results.yaml").write_text(
        content if isinstance(content, str) else yaml.safe_dump(content, sort_keys=False)
    )
    return Page(write_sweep_page(folder, write_summary(folder, runs)))


@pytest.mark.parametrize(
    ("params", "value"), [("best_params", "best_value"), ("best_evaluated_params", "best_evaluated_result")]
)
def test_it_leads_with_the_best_parameters_as_overrides(tmp_path: Path, params: str, value: str) -> None:
    best = {"attack.objective.gamma": 1.0, "attack/update_rule": "a b", "attack.antithetic": False}
    page = page_of(tmp_path, trials(tmp_path), {"name": "optuna", params: best, value: 0.8})
    assert page.text.startswith("Search: 3 runs")
    text = page.text.replace("\N{NO-BREAK SPACE}", " ")
    assert "The best of 3 trials reaches 80 %, with attack.objective.gamma=1.0 'attack/update_rule=a b' " in text
    assert " attack.antithetic=false It was chosen on these images and targets, which flatters it" in text


def test_each_parameter_has_a_plot_of_what_trials_reached(tmp_path: Path) -> None:
    best = {"attack.objective.gamma": 1.0, "attack/update_rule": "momentum"}
    page = page_of(tmp_path, trials(tmp_path), {"best_params": best, "best_value": 0.8})
    assert [group["aria-label"] for group in page.of("div") if group.get("class") == "plot"][:2] == list(best)
    points = [point for point in page.of("g") if point.get("tabindex")]
    assert {point["aria-label"] for point in points} == {
        *(f"attack.objective.gamma={gamma}: {hits}.0 %" for gamma, hits in GAMMAS.items()),
        *(
            "attack/update_rule=a b: 20.0 %",
            "attack/update_rule=momentum: 80.0 %",
            "attack/update_rule=momentum: 40.0 %",
        ),
    }
    strong = {point["aria-label"] for point in points if "strong" in str(point["class"])}
    assert strong == {"attack.objective.gamma=1.0: 80.0 %", "attack/update_rule=momentum: 80.0 %"}
    assert {"a b", "momentum"} <= {part.strip() for part in page.parts}  # at the marks of an axis


def test_the_trial_that_was_found_best_stands_out_whatever_best_is(tmp_path: Path) -> None:
    """A search may minimise; and Optuna's file keeps the sign of a key that a configuration did not have."""
    found = {"best_params": {"+attack.objective.gamma": 0.5}, "best_value": 0.2}
    page = page_of(tmp_path, trials(tmp_path), found)
    assert "reaches 20 %, with +attack.objective.gamma=0.5 It was chosen" in page.text
    strong = [point["aria-label"] for point in page.of("g") if "strong" in str(point.get("class"))]
    assert strong == ["attack.objective.gamma=0.5: 20.0 %"]


def test_trials_that_reached_nothing_or_were_not_told_have_no_point(tmp_path: Path) -> None:
    page = page_of(
        tmp_path, trials(tmp_path, targets={}, overrides=[]), {"best_params": {"gamma": 1}, "best_value": None}
    )
    assert "The best of 3 trials, with gamma=1" in page.text
    assert [point for point in page.of("g") if point.get("tabindex")] == []


@pytest.mark.parametrize("content", ["{", "- a", "name: optuna\nsolutions: []", "best_params: 3", "\x00"])
def test_a_file_that_says_nothing_of_use_leaves_a_sweep(tmp_path: Path, content: str) -> None:
    assert page_of(tmp_path, trials(tmp_path), content).text.startswith("Sweep: 3 runs")
