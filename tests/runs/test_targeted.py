"""Targeted runs of the main job, and what they are refused for."""

import csv
import re
from pathlib import Path
from typing import Any
from unittest.mock import Mock

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from PIL import Image
from pytorch_lightning.loggers import WandbLogger

from naa_lightning.exceptions import UserError
from naa_lightning.loggers.run import log_run
from tests.experiments import attack
from tests.runs.cases import results

Run = tuple[Path, float | None]


def predictions(folder: Path) -> list[dict[str, Any]]:
    rows: list[dict[str, Any]] = pq.read_table(folder / "predictions.parquet").to_pylist()
    return rows


def hits(folder: Path, target: str) -> int:
    """Count the images that a target takes for the digit after the true one."""
    rows = [row for row in predictions(folder) if row["target"] == target]
    return sum(row["adversarial_prediction"] == (row["label"] + 1) % 10 for row in rows)


def tabulated(folder: Path) -> list[str]:
    """Return the columns of the table that W&B gets."""
    logger = Mock(spec=WandbLogger)
    log_run([logger], folder)
    (media,) = logger.experiment.log.call_args.args
    columns: list[str] = media["targets"].columns
    return columns


@pytest.fixture(scope="module")
def targeted(models_dir: str, tmp_path_factory: pytest.TempPathFactory) -> Run:
    folder = tmp_path_factory.mktemp("targeted")
    return folder, attack(folder, models_dir, "attack=mim", "attack.targeted=true", "logger=csv")


@pytest.fixture(scope="module")
def untargeted(models_dir: str, tmp_path_factory: pytest.TempPathFactory) -> Run:
    folder = tmp_path_factory.mktemp("untargeted")
    return folder, attack(folder, models_dir, "attack=mim", "logger=csv")


def test_the_white_box_model_takes_images_for_their_target_class(targeted: Run, untargeted: Run) -> None:
    assert hits(targeted[0], "digits_plain") >= 18
    assert hits(untargeted[0], "digits_plain") <= 4


def test_the_target_rate_is_that_of_the_parquet_file(targeted: Run) -> None:
    folder, returned = targeted
    rates = {name: target["target_rate"] for name, target in results(folder)["targets"].items()}
    assert list(rates) == ["digits_plain", "digits_residual", "digits_inception"]
    for name, rate in rates.items():
        assert (rate["count"], rate["total"]) == (hits(folder, name), 20)
        assert rate["value"] == rate["count"] / 20
        assert rate["low"] <= rate["value"] <= rate["high"]
    mean = (rates["digits_residual"]["value"] + rates["digits_inception"]["value"]) / 2
    assert returned == results(folder)["black_box_mean"]["target_rate"] == pytest.approx(mean)


def test_the_parquet_file_names_the_class_aimed_at(targeted: Run, untargeted: Run) -> None:
    assert all(row["target_class"] == (row["label"] + 1) % 10 for row in predictions(targeted[0]))
    assert all(row["target_class"] is None for row in predictions(untargeted[0]))
    for folder, _ in (targeted, untargeted):
        schema = pq.read_schema(folder / "predictions.parquet")
        assert schema.field("target_class").type == schema.field("label").type == pa.int64()


def test_an_untargeted_run_has_no_target_rate(untargeted: Run) -> None:
    folder, returned = untargeted
    nothing = {"value": None, "low": None, "high": None, "count": 0, "total": 0, "spread": None}
    assert all(target["target_rate"] == nothing for target in results(folder)["targets"].values())
    mean = results(folder)["black_box_mean"]
    assert mean["target_rate"] is None
    assert returned == mean["success_rate"]


def test_loggers_get_the_target_rate_of_a_targeted_run_only(targeted: Run, untargeted: Run) -> None:
    logged = []
    for folder, _ in (targeted, untargeted):
        with (folder / "csv" / "version_0" / "metrics.csv").open() as file:
            logged.append(list(csv.DictReader(file))[-1])
    rate = results(targeted[0])["targets"]["digits_residual"]["target_rate"]["value"]
    assert float(logged[0]["target/digits_residual/target_rate"]) == rate
    assert not [name for name in logged[1] if "target_rate" in name]
    added = [column for column in tabulated(targeted[0]) if column not in tabulated(untargeted[0])]
    assert added == ["target_rate", "target_rate_low", "target_rate_high", "target_rate_spread"]
    assert "success_rate_high" in tabulated(untargeted[0])


def test_an_objective_that_cannot_be_targeted_is_refused_first(tmp_path: Path) -> None:
    models, folder = tmp_path / "models", tmp_path / "run"
    overrides = ("attack=nrdm", "attack.targeted=true", f"paths.models_dir={models}", "data=folder", "data.root=absent")
    with pytest.raises(UserError, match=r"attack: .* cannot be targeted: .*, towards no class"):
        attack(folder, *overrides)
    assert not models.exists()
    assert not folder.exists()


@pytest.mark.parametrize(
    ("rows", "message"),
    [
        (
            ["filename,label", "a.png,1"],
            "a targeted attack needs a target class for every image, and folder names none for a.png: "
            "give data.csv a column 'target', or choose data=nips2017",
        ),
        (["filename,label,target", "b.png,0,2", "a.png,1,"], "and folder names none for a.png"),
        (["filename,label,target", "a.png,1,1"], "a.png has its own label 1 as target class; name another"),
        (
            ["filename,label,target", "a.png,1,10"],
            "a.png has the target class 10, counted from 0; 10 classes permit 0 to 9",
        ),
    ],
)
def test_images_without_another_class_to_aim_at_are_refused_before_training(
    tmp_path: Path, rows: list[str], message: str
) -> None:
    models, images = tmp_path / "models", tmp_path / "images"
    images.mkdir()
    for name in ("a.png", "b.png"):
        Image.new("RGB", (32, 32)).save(images / name)
    (images / "labels.csv").write_text("\n".join(rows))
    data = ("data=folder", f"data.root={images}", "data.csv=labels.csv")
    with pytest.raises(UserError, match=re.escape(message)):
        attack(tmp_path / "run", "attack=mim", "attack.targeted=true", f"paths.models_dir={models}", *data)
    assert not models.exists()


def test_a_folder_with_target_classes(models_dir: str, tmp_path: Path) -> None:
    Image.new("RGB", (32, 32), (200, 100, 50)).save(tmp_path / "a.png")
    (tmp_path / "labels.csv").write_text("filename,label,target\na.png,3,7\n")
    data = ("data=folder", f"data.root={tmp_path}", "data.csv=labels.csv", "data.num_workers=0")
    attack(tmp_path / "run", models_dir, "attack=mim", "attack.targeted=true", "~targets", *data)
    assert [row["target_class"] for row in predictions(tmp_path / "run")] == [7]
