"""Presets of debugging, for real: quick, on little, and not to be taken for what is whole."""

import json
from pathlib import Path
from typing import Any

import pytest

from naa_lightning.config.attack_experiment import compose_attack_run
from naa_lightning.exceptions import UserError
from naa_lightning.records import read_pictures
from naa_lightning.runs.attack import run_attack
from tests.experiments import attack_run, composed, train
from tests.runs.cases import results


def debugged(folder: Path, models_dir: str, *overrides: str) -> dict[str, Any]:
    """Run an attack on the digits with a preset, and return its results."""
    words = ("experiment=digits", "attack=mim", models_dir, f"paths.run_dir={folder}")
    run_attack(compose_attack_run(composed(*words, *overrides)))
    return results(folder)


def test_attacks_are_debugged_on_few_images(
    models_dir: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    found = debugged(tmp_path / "fdr", models_dir, "debug=fdr", "callbacks=model_summary")
    assert (found["images"], found["cost"]["gradient_evaluations_per_image"]) == (2, 1)
    assert {row.kind for row in read_pictures(tmp_path / "fdr")} == {"clean", "adversarial", "difference"}
    said = capsys.readouterr().out
    networks = ["crafting mim on digits_plain\n", *(f"evaluating {name}\n" for name in found["targets"])]
    assert all(name in said for name in networks)

    words = (
        "debug=overfit",
        "attack.budget.steps=16",
        "logger=tensorboard",
        "callbacks=rich_progress_bar",
        "trainer=cpu",
    )
    found = debugged(tmp_path / "overfit", models_dir, *words)
    assert list(found["targets"]) == ["digits_plain"]
    assert found["targets"]["digits_plain"]["success_rate"]["value"] == 1
    assert list((tmp_path / "overfit" / "tensorboard" / "version_0").glob("events*"))


def test_debugging_an_attack_changes_what_it_says_and_no_more() -> None:
    usual = attack_run("experiment=digits")
    for name, images in (("limit", 10), ("profiler", 10), ("default", 2)):
        debugged = attack_run("experiment=digits", f"debug={name}")
        assert debugged.data["limit"] == images
        assert debugged.targets == usual.targets
        assert (debugged.attack == usual.attack) == (name != "default")
        assert (debugged.logger == usual.logger) == (name != "default")
        assert debugged.trainer["profiler"] == ("simple" if name == "profiler" else None)


def test_a_training_learns_a_few_batches_by_heart(tmp_path: Path) -> None:
    assert train(tmp_path / "run", "debug=overfit", "training.epochs=15", "training.robustness=null") == 1
    (path,) = (tmp_path / "run" / "models").glob("*.json")
    facts = json.loads(path.read_text())
    assert facts["accuracy"] < 1
    assert (facts["images"], facts["recipe"]["training"]["batches"]) == (64, 3)


def test_a_training_is_profiled_in_its_run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    train(tmp_path / "run", "debug=profiler", "training.batches=1", "training.robustness=null")
    assert sorted(path.name for path in (tmp_path / "run" / "profiler").iterdir()) == [
        "fit-training-digits_plain.txt",
        "test-training-digits_plain.txt",
    ]
    assert [path.name for path in tmp_path.iterdir()] == ["run"]


def test_two_processes_rehearse_ddp(models_dir: str, tmp_path: Path) -> None:
    found = debugged(tmp_path, models_dir, "debug=fdr", "trainer=ddp_sim", "data.batch_size=1", "~callbacks")
    assert found["images"] == 2
    assert {path.name for path in (tmp_path / "adversarial").glob("*.png")} == {"00000.png", "00005.png"}


@pytest.mark.parametrize(
    ("override", "message"),
    [
        ("+logger.csv.naem=x", "logger.csv: "),
        ("+callbacks.progress_bar.colour=red", "there is no option callbacks.progress_bar.colour"),
    ],
)
def test_a_mistake_in_loggers_and_callbacks_is_told_before_networks_are_trained(
    override: str, message: str, tmp_path: Path
) -> None:
    words = (
        "experiment=digits",
        "logger=csv",
        override,
        f"paths.models_dir={tmp_path}",
        f"paths.run_dir={tmp_path}/run",
    )
    with pytest.raises(UserError) as error:
        run_attack(compose_attack_run(composed(*words)))
    assert str(error.value).startswith(message)
    assert not list(tmp_path.glob("digits*"))
