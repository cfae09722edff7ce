"""The main job on the embedded default."""

import csv
import json
import re
from pathlib import Path

import numpy as np
import pyarrow.parquet as pq
import pytest
from PIL import Image

from naa_lightning.callbacks import writer
from naa_lightning.data.digits import DigitsData
from naa_lightning.exceptions import UserError
from naa_lightning.records import Manifest
from naa_lightning.records.results import Cost
from naa_lightning.report.phases import phase_times
from tests.experiments import adversarial_files, attack
from tests.runs.cases import results

PANELS = ("report.first_images=4", "report.extreme_images=3")


@pytest.fixture(scope="module")
def finished(models_dir: str, tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, float | None]:
    folder = tmp_path_factory.mktemp("finished")
    return folder, attack(folder, models_dir, *PANELS)


def test_networks_are_trained_well_once(finished: tuple[Path, float], models_dir: str) -> None:
    trained = sorted(Path(models_dir.partition("=")[2]).glob("*.json"))
    assert [path.name.rpartition("-")[0] for path in trained] == ["digits_inception", "digits_plain", "digits_residual"]
    assert min(json.loads(path.read_text())["accuracy"] for path in trained) >= 0.97


def test_every_image_is_saved_within_the_budget(finished: tuple[Path, float]) -> None:
    folder, _ = finished
    data = DigitsData(limit=20)
    data.setup("predict")
    with (folder / "adversarial" / "manifest.csv").open() as file:
        rows = list(csv.DictReader(file))
    assert [row["file"] for row in rows] == [record.file for record in data.images.records]
    for index, row in enumerate(rows):
        clean = (data.images[index]["image"] * 255).round().numpy().astype(int).transpose(1, 2, 0)
        adversarial = np.asarray(Image.open(folder / "adversarial" / row["file"])).astype(int)
        assert np.abs(adversarial - clean).max() == 32


def test_rates_are_those_of_the_parquet_file(finished: tuple[Path, float]) -> None:
    folder, returned = finished
    rows = pq.read_table(folder / "predictions.parquet").to_pylist()
    reported = results(folder)
    assert {row["target"] for row in rows} == set(reported["targets"])
    successes = []
    for name, target in reported["targets"].items():
        of_target = [row for row in rows if row["target"] == name]
        correct = [row for row in of_target if row["clean_prediction"] == row["label"]]
        success = sum(row["adversarial_prediction"] != row["label"] for row in correct) / len(correct)
        assert len(of_target) == 20
        assert target["success_rate"]["value"] == success
        assert target["clean_accuracy"]["value"] == len(correct) / 20
        assert target["fooling_rate"]["count"] == sum(
            row["clean_prediction"] != row["adversarial_prediction"] for row in of_target
        )
        assert target["error_rate"]["count"] == sum(row["label"] != row["adversarial_prediction"] for row in of_target)
        if target["role"] == "black-box":
            successes.append(success)
    assert [target["role"] for target in reported["targets"].values()] == ["white-box", "black-box", "black-box"]
    assert returned == reported["black_box_mean"]["success_rate"] == pytest.approx(np.mean(successes))


def test_the_attack_works(finished: tuple[Path, float]) -> None:
    folder, black_box = finished
    assert results(folder)["targets"]["digits_plain"]["success_rate"]["value"] == 1
    assert black_box is not None
    assert 0.2 < black_box < 1


def test_cost_and_attribution_are_reported(finished: tuple[Path, float]) -> None:
    folder, _ = finished
    reported = results(folder)
    assert reported["cost"]["gradient_evaluations_per_image"] == 30 + 10
    assert reported["cost"]["images_crafted_now"] == 20
    assert reported["cost"]["seconds_per_image"] > 0
    assert reported["cost"]["peak_memory_bytes"] > 1e8
    attribution = reported["attribution"]
    assert attribution["positive_share"] + attribution["negative_share"] == pytest.approx(1)
    assert 0 < attribution["participation"] < 1
    assert 0 < attribution["completeness_gap"] < 2
    assert reported["config"]["attack"]["budget"]["eps"] == "32/255"


def test_a_repeated_run_crafts_nothing_and_reports_the_same(
    finished: tuple[Path, float], models_dir: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder, _ = finished
    before, images = results(folder), adversarial_files(folder)
    monkeypatch.setattr(writer, "encode_png", lambda _: pytest.fail("crafted again"))
    attack(folder, models_dir, *PANELS)
    after = results(folder)
    assert after["cost"]["images_crafted_now"] == 0
    assert adversarial_files(folder) == images
    anew = {"cost", "started"}
    assert {k: v for k, v in after.items() if k not in anew} == {k: v for k, v in before.items() if k not in anew}


def test_a_folder_takes_no_other_configuration(finished: tuple[Path, float], models_dir: str) -> None:
    folder, _ = finished
    for override, difference in (
        ("attack.budget.eps=16/255", "attack.budget.eps was '32/255', is '16/255'"),
        ("seed=1", "seed was 0, is 1"),
        ("data.batch_size=7", "data.batch_size was 8, is 7"),
        ("engine.group_images=1", "engine.group_images was None, is 1"),
        ("surrogate.layer=top", "surrogate.layer was 'middle', is 'top'"),
    ):
        with pytest.raises(UserError, match=re.escape(difference)) as error:
            attack(folder, models_dir, override)
        assert str(error.value).endswith(": choose another folder")


def test_missing_images_are_crafted_again_to_the_same_bytes(
    finished: tuple[Path, float], models_dir: str, tmp_path: Path
) -> None:
    folder, _ = finished
    images = adversarial_files(folder)
    attack(tmp_path, models_dir, "data.limit=11", "data.num_workers=1")
    assert adversarial_files(tmp_path) == dict(list(images.items())[:11])
    for name in list(images)[:11:3]:
        (tmp_path / "adversarial" / name).unlink()
    attack(tmp_path, models_dir)
    assert adversarial_files(tmp_path) == images
    assert results(tmp_path)["cost"]["images_crafted_now"] == 4 + 9


def test_images_crafted_one_by_one_do_not_depend_on_the_batch_size(models_dir: str, tmp_path: Path) -> None:
    sizes = (1, 7, 20)
    for size in sizes:
        alone = ("engine.group_images=1", f"data.batch_size={size}", "trainer.accelerator=cpu")
        attack(tmp_path / str(size), models_dir, *alone)
    first, *others = (adversarial_files(tmp_path / str(size)) for size in sizes)
    assert others == [first, first]


def test_no_step_no_success(models_dir: str, tmp_path: Path) -> None:
    assert attack(tmp_path, models_dir, "attack.budget.step_size=0") == 0
    for target in results(tmp_path)["targets"].values():
        assert target["success_rate"]["count"] == target["fooling_rate"]["count"] == 0


def test_an_attack_without_attribution_and_without_targets(models_dir: str, tmp_path: Path) -> None:
    assert attack(tmp_path, models_dir, "attack=mim", "~targets") is None
    reported = results(tmp_path)
    assert list(reported["targets"]) == ["digits_plain"]
    assert reported["attribution"] is None
    assert reported["cost"]["gradient_evaluations_per_image"] == 10


def test_csv_logger_takes_the_results(models_dir: str, tmp_path: Path) -> None:
    attack(tmp_path, models_dir, "logger=csv", "callbacks=default")
    with (tmp_path / "csv" / "version_0" / "metrics.csv").open() as file:
        rows = list(csv.DictReader(file))
    assert [row["crafting/images"] for row in rows[:-1]] == ["8", "16", "20"]
    rate = results(tmp_path)["targets"]["digits_residual"]["success_rate"]["value"]
    assert float(rows[-1]["target/digits_residual/success_rate"]) == rate
    assert float(rows[-1]["attribution/positive_share"]) == results(tmp_path)["attribution"]["positive_share"]


def test_the_time_of_the_run_is_told_by_phases_that_add_up(models_dir: str, tmp_path: Path) -> None:
    attack(tmp_path, models_dir, "data.limit=4")
    cost = results(tmp_path)["cost"]
    phases = cost["phases"]
    assert sum(phase["share"] for phase in phases.values()) == pytest.approx(1)
    assert sum(phase["seconds"] for phase in phases.values()) == pytest.approx(cost["seconds"])
    assert min(phase["seconds"] for phase in phases.values()) >= 0
    assert {"start_up", "data", "crafting/build", "crafting/images", "crafting/files", "measuring"} < phases.keys()
    assert {name for name in phases if name.startswith("targets/")} == {
        f"targets/digits_{name}/{part}" for name in ("plain", "residual", "inception") for part in ("build", "ask")
    }
    rows = Manifest(tmp_path / "adversarial").read().values()
    crafting = ("crafting/preparation", "crafting/steps")
    assert sum(phases[name]["seconds"] for name in crafting) == pytest.approx(sum(row.seconds for row in rows))
    # every phase has a name in the report
    assert sum(phase.share for phase in phase_times(Cost.model_validate(cost)).values()) == pytest.approx(1)
