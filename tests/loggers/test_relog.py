"""What W&B gets of a finished run whose files are all there is, read back from its offline files."""

import hashlib
import shutil
from pathlib import Path
from typing import Any

import pytest

from naa_lightning.exceptions import UserError
from naa_lightning.loggers.relog import relog
from naa_lightning.loggers.wandb_run import FolderRun, keep, kept_run
from naa_lightning.records import AttributionRow, Prediction, read_results
from tests.loggers.wandb_files import Logged, go_offline, logged
from tests.report.cases import TARGETS, WANDB, finished_run, prediction

CONFIG = {"seed": 0, "tags": ["a", "b"], "attack": {"name": "naa", "budget": {"eps": "16/255"}}}
RATES = ("fooling_rate", "error_rate", "success_rate", "clean_accuracy", "robust_accuracy")
EXACT = {
    "clean": {"positive_share": 0.75, "participation": 0.5, "gini": 0.25, "attributed": 1.0, "explained": 1.0},
    "adversarial": {"positive_share": 0.5, "participation": 0.5, "gini": 0.25, "attributed": 1.0, "explained": 1.0},
    "effect": {
        "mass_before": 4.0,
        "mass_after": 2.0,
        "positive_before": 4.0,
        "positive_after": 3.0,
        "positive_destroyed": 1.0,
    },
    "naa": {"cosine": 0.5, "rank_correlation": float("nan")},
}


def answers() -> list[Prediction]:
    """Tell of two images of two classes, and of all targets but one; the random ones change their mind."""
    return [
        prediction(name, repeat=repeat, id=id, file=f"{id}.png", label=label, clean=label, adversarial=repeat % 2)
        for name, facts in TARGETS.items()
        if name != "other"
        for repeat in range(facts.repeats)
        for id, label in ((1, 0), (12, 3))
    ]


def make_run(folder: Path, *, config: dict[str, Any], **facts: Any) -> Path:
    attributions = [
        AttributionRow(12, part, name, value) for part, values in EXACT.items() for name, value in values.items()
    ]
    finished_run(folder, answers(), attributions, config=config, failed={"other": "out of memory"}, **facts)
    return folder


@pytest.fixture
def home(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Path:
    home = tmp_path / "home"
    home.mkdir()
    go_offline(monkeypatch, home)
    return home


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A run that had a W&B logger."""
    return make_run(tmp_path_factory.mktemp("runs") / "run", config=CONFIG | {"logger": {"wandb": WANDB}})


@pytest.fixture(scope="module")
def run(folder: Path, tmp_path_factory: pytest.TempPathFactory) -> Logged:
    """The same, logged again."""
    with pytest.MonkeyPatch.context() as patch:
        go_offline(patch, tmp_path_factory.mktemp("home"))
        where = relog(folder)
    assert Path(where).is_relative_to(folder)
    (found,) = logged(folder)
    return found


def test_it_is_called_as_the_run_called_it(run: Logged) -> None:
    assert (run.run["project"], run.run["display_name"], run.run["run_group"]) == ("mine", "my run", "my runs")
    assert run.run["tags"] == ["a", "b"]
    assert run.config == CONFIG | {"logger": {"wandb": WANDB}}
    assert run.exit_code == 0


def test_every_rate_of_every_target_is_logged(folder: Path, run: Logged) -> None:
    targets = read_results(folder).targets
    assert list(targets) == [name for name in TARGETS if name != "other"]
    expected: dict[str, float | None] = {}
    for name, target in targets.items():
        for rate in RATES:
            expected |= {
                f"target/{name}/{rate}": target.rate(rate).value,
                f"target/{name}/{rate}_low": target.rate(rate).low,
                f"target/{name}/{rate}_high": target.rate(rate).high,
            }
            if TARGETS[name].repeats > 1:
                expected[f"target/{name}/{rate}_spread"] = target.rate(rate).spread
    assert {name: value for name, value in run.values.items() if name.startswith("target/")} == pytest.approx(expected)
    # Image 1 of class 0 fools in one of three draws, image 12 of class 3 in all.
    assert run.values["target/plain+noise+jpeg/success_rate"] == pytest.approx(4 / 6)
    assert run.values["target/plain+noise+jpeg/success_rate_spread"] == pytest.approx(1 / 12**0.5)


def test_means_sizes_and_costs_are_logged_where_there_is_a_number(run: Logged) -> None:
    sections = ("black_box_mean", "defended_mean", "perturbation", "attribution", "cost", "failed_targets")
    found = {name: value for name, value in run.values.items() if name.split("/")[0].split(".")[0] in sections}
    numbers = {name: value for name, value in found.items() if not name.startswith("attribution.")}
    assert numbers == pytest.approx(
        {
            "black_box_mean/fooling_rate": 0.5,
            "black_box_mean/error_rate": 0.5,
            "black_box_mean/success_rate": 0.5,
            "black_box_mean/clean_accuracy": 1.0,
            "black_box_mean/robust_accuracy": 0.5,
            "defended_mean/fooling_rate": (1 / 2 + 2 / 3 + 3 / 4) / 3,
            "defended_mean/error_rate": (1 / 2 + 2 / 3 + 3 / 4) / 3,
            "defended_mean/success_rate": (1 / 2 + 2 / 3 + 3 / 4) / 3,
            "defended_mean/clean_accuracy": 1.0,
            "defended_mean/robust_accuracy": 1 - (1 / 2 + 2 / 3 + 3 / 4) / 3,
            **{f"perturbation/{measure}/images": 2 for measure in ("linf", "l2", "ssim", "psnr")},
            "perturbation/linf/mean": 0.0625,
            "perturbation/linf/max": 0.0625,
            "perturbation/l2/mean": 3.0,
            "perturbation/l2/max": 3.0,
            "perturbation/ssim/mean": 0.75,
            "perturbation/ssim/min": 0.75,
            "perturbation/psnr/mean": 32.5,
            "perturbation/psnr/min": 32.5,
            "attribution/positive_share": 0.75,
            "attribution/negative_share": 0.25,
            "attribution/participation": 0.5,
            "attribution/gini": 0.25,
            "attribution/completeness_gap": 1.0,
            "attribution/images": 2,
            "cost/gradient_evaluations_per_image": 40,
            "cost/seconds_per_image": 0.5,
            "cost/images_crafted_now": 2,
            "cost/seconds": 12.5,
            "failed_targets": 1,
        }
    )


def test_exact_attribution_is_logged_with_histograms_over_images(run: Logged) -> None:
    assert run.values["exact_attribution/clean/positive_share"] == 0.75
    assert run.values["exact_attribution/effect/positive_destroyed"] == 0.25
    assert run.values["exact_attribution/naa/cosine"] == 0.5
    assert "exact_attribution/naa/rank_correlation" not in run.values
    histograms = {name.split(".")[0] for name in run.values if name.startswith("exact_attribution_of_images/")}
    assert histograms == {
        f"exact_attribution_of_images/{part}/{name}" for part, values in EXACT.items() for name in values
    } - {"exact_attribution_of_images/naa/rank_correlation"}


def test_the_table_of_targets_has_a_row_for_each(folder: Path, run: Logged) -> None:
    columns, rows = run.tables["targets"]
    bounds = ("", "_low", "_high", "_spread")
    assert columns == [
        *("surrogate", "attack", "data", "seed", "images", "target", "role", "model", "defences"),
        *(f"{rate}{bound}" for rate in RATES for bound in bounds),
    ]
    found = [dict(zip(columns, row, strict=True)) for row in rows]
    targets = read_results(folder).targets
    assert [row["target"] for row in found] == list(targets)
    for row in found:
        target = targets[row["target"]]
        assert [row[name] for name in columns[:5]] == ["source", "naa", "photographs", 0, 2]
        assert (row["role"], row["model"]) == (target.role, target.model)
        for rate in RATES:
            for bound, key in zip(bounds, ("value", "low", "high", "spread"), strict=True):
                assert row[f"{rate}{bound}"] == pytest.approx(getattr(target.rate(rate), key))
    assert [row["defences"] for row in found] == ["", "jpeg", "", "jpeg", "noise, jpeg", "noise"]


def test_the_table_of_classes_has_a_row_for_each(run: Logged) -> None:
    assert run.tables["classes"] == (
        ["surrogate", "attack", "data", "seed", "label", "name", "images", "success_rate"],
        [["source", "naa", "photographs", 0, *row] for row in ([0, "tench", 1, 0], [3, "tabby", 1, 1])],
    )
    assert set(run.tables) == {"targets", "classes"}


def test_a_run_without_a_logger_is_called_after_what_it_is(home: Path, tmp_path: Path) -> None:
    csv = {"csv": {"_target_": "pytorch_lightning.loggers.CSVLogger", "name": "csv"}}
    digest = hashlib.sha256(f"{'s' * 200}-naa-photographs-seed0".encode()).hexdigest()[:8]
    for name, logger, surrogate, called in (
        ("none", None, "source", "source-naa-photographs-seed0"),
        ("csv", csv, None, "unknown-naa-photographs-seed0"),
        ("long", None, "s" * 200, f"{'s' * 119}-{digest}"),
    ):
        folder = make_run(tmp_path / name, config=CONFIG | {"logger": logger}, surrogate=surrogate)
        relog(folder)
        (found,) = logged(folder)
        assert (found.run["project"], found.run["run_group"]) == ("naa_lightning", "naa")
        assert found.run["display_name"] == called


def test_another_project_can_be_asked_for(home: Path, folder: Path, tmp_path: Path) -> None:
    copy = tmp_path / "copy"
    shutil.copytree(folder, copy, ignore=shutil.ignore_patterns("wandb"))
    relog(copy, project="theirs")
    (found,) = logged(copy)
    assert (found.run["project"], found.run["display_name"]) == ("theirs", "my run")


def numbers(found: Logged) -> dict[str, Any]:
    """What was logged, but times and names of files."""
    return {name: value for name, value in found.values.items() if "/" in name and not isinstance(value, str)}


def test_a_folder_is_one_run_however_often_it_is_logged(home: Path, tmp_path: Path) -> None:
    folder = make_run(tmp_path / "run", config=CONFIG | {"logger": {"wandb": WANDB}})
    relog(folder)
    relog(folder)
    first, second = logged(folder)
    assert first.run["run_id"] == second.run["run_id"]
    assert numbers(first) == numbers(second)
    assert first.tables == second.tables


def test_the_run_that_the_folder_has_is_updated(home: Path, tmp_path: Path) -> None:
    folder = make_run(tmp_path / "run", config=CONFIG | {"logger": {"wandb": WANDB | {"id": "asked"}}})
    keep(FolderRun(id="live"), folder)
    relog(folder)
    (tmp_path / "run" / "wandb_run.json").unlink()
    relog(folder)
    assert {found.run["run_id"] for found in logged(folder)} == {"live", "asked"}


def test_what_a_sweep_chose_stays_the_sweeps(home: Path, tmp_path: Path) -> None:
    folder = make_run(tmp_path / "run", config=CONFIG | {"logger": {}})
    keep(FolderRun(id="live", swept=("attack",)), folder)
    relog(folder)
    (found,) = logged(folder)
    assert found.config == {
        "seed": 0,
        "tags": ["a", "b"],
        "attack.name": "naa",
        "attack.budget.eps": "16/255",
        "logger": {},
    }
    assert kept_run(folder) == FolderRun(id="live", swept=("attack",))


def test_what_wandb_does_not_take_is_refused_with_the_folders_name(home: Path, tmp_path: Path) -> None:
    folder = make_run(tmp_path / "run", config=CONFIG | {"logger": {}, "tags": ["t" * 70]})
    with pytest.raises(UserError) as error:
        relog(folder)
    assert str(error.value) == (
        f"{folder}: tags: W&B takes tags of 1 to 64 characters, got one of 70; --no-log writes the pages alone"
    )


def test_a_run_that_crafted_nothing_and_explained_nothing_is_logged(home: Path, tmp_path: Path) -> None:
    config = CONFIG | {"logger": {}}
    finished_run(tmp_path / "run", answers(), config=config, crafted_now=None, names=None, missing=["b.png"])
    relog(tmp_path / "run")
    (found,) = logged(tmp_path / "run")
    assert {name for name in found.values if name.startswith("cost/")} == {"cost/seconds"}
    assert not [name for name in found.values if name.startswith("exact_attribution")]
    assert [row[4:] for row in found.tables["classes"][1]] == [[0, "class 0", 1, 0], [3, "class 3", 1, 1]]


def test_a_folder_without_results_cannot_be_logged(home: Path, tmp_path: Path) -> None:
    with pytest.raises(UserError, match=r"results\.json: there is no such file"):
        relog(tmp_path)
    assert not (tmp_path / "wandb").exists()
