"""A finished job of a sweep is known by what its folder holds."""

import json
from collections.abc import Callable
from dataclasses import asdict
from pathlib import Path
from typing import Any

import pytest

from naa_lightning import __version__
from naa_lightning.config.attack_experiment import AttackExperiment, compose_attack_run
from naa_lightning.runs.finished import finished_results
from tests.experiments import composed

Change = Callable[[dict[str, Any]], Any]


def run_of(folder: Path, *overrides: str) -> AttackExperiment:
    models = f"paths.models_dir={folder / 'models'}"
    return compose_attack_run(composed("experiment=digits", f"paths.run_dir={folder}", models, *overrides))


def write(folder: Path, change: Change = lambda _: None) -> None:
    plain = {"role": "black-box", "success_rate": {"value": 0.75, "count": 3, "total": 4}}
    results = {
        "schema_version": 2,
        "version": __version__,
        "images": 4,
        "targets": {"plain": plain},
        "failed": {},
        "config": asdict(run_of(folder).run),
    }
    change(results)
    (folder / "results.json").write_text(json.dumps(results))


@pytest.mark.parametrize(
    "overrides",
    [
        [],
        ["logger=csv", "tags=[new]", "callbacks=training", "extras.print_config=true"],
        ["trainer=ddp", "trainer.devices=4", "data.num_workers=3", "report.baseline=mim"],
    ],
)
def test_the_same_run_is_finished_however_it_is_run(overrides: list[str], tmp_path: Path) -> None:
    write(tmp_path)
    found = finished_results(run_of(tmp_path, *overrides))
    assert found is not None
    assert found.optimised == 0.75


@pytest.mark.parametrize(
    "override",
    [
        "seed=1",
        "attack.budget.eps=8/255",
        "~targets",
        "data.limit=3",
        "trainer.precision=64-true",
        "attack=mim",
        "+data.class_names=names.txt",
    ],
)
def test_another_run_is_not(override: str, tmp_path: Path) -> None:
    write(tmp_path)
    assert finished_results(run_of(tmp_path, override)) is None


@pytest.mark.parametrize(
    "change",
    [
        lambda results: results["failed"].update(vgg16={"reason": "no answer"}),
        lambda results: results.update(version="0.1.0"),
        lambda results: results.pop("config"),
        lambda results: results.update(config={"seed": 0}),
    ],
)
def test_what_failed_or_is_of_another_version_is_not(change: Change, tmp_path: Path) -> None:
    write(tmp_path, change)
    assert finished_results(run_of(tmp_path)) is None


def test_a_folder_without_results_or_with_damaged_ones_is_not(tmp_path: Path) -> None:
    assert finished_results(run_of(tmp_path)) is None
    (tmp_path / "results.json").write_text("{")
    assert finished_results(run_of(tmp_path)) is None
    write(tmp_path)
    assert finished_results(run_of(tmp_path, "study=layers")) is None
