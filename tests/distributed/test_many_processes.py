"""`trainer=ddp`: several processes leave what one leaves."""

import csv
import json
import os
import re
import signal
import time
from pathlib import Path
from typing import Any

import pytest
from PIL import Image

from naa_lightning.exceptions import UserError
from naa_lightning.records.manifest import Manifest
from tests.chaos import TWO_RANKS as TWO
from tests.chaos import ranks_of
from tests.cli.test_command_line import finish, start
from tests.experiments import NO_PICTURES, adversarial_files, attack


def results(folder: Path) -> dict[str, Any]:
    """But for time, and for where and by how many processes it was made."""
    content: dict[str, Any] = json.loads((folder / "results.json").read_text())
    del content["cost"], content["config"]["paths"], content["config"]["trainer"]
    del content["command"], content["overrides"], content["started"]  # how and when, not what
    return content


def manifest(folder: Path) -> list[dict[str, str]]:
    with (folder / "adversarial" / "manifest.csv").open() as file:
        return [{**row, "seconds": ""} for row in csv.DictReader(file)]


def check_same(folder: Path, other: Path) -> None:
    """All files are the same, but for what tells time and place."""
    names = sorted(path.relative_to(folder) for path in folder.rglob("*") if path.is_file())
    assert names == sorted(path.relative_to(other) for path in other.rglob("*") if path.is_file())
    timed = {".lock", "results.json", "report.html", "adversarial/manifest.csv"}
    for name in names:
        if str(name) not in timed:
            assert (folder / name).read_bytes() == (other / name).read_bytes(), name
    assert results(folder) == results(other)
    assert manifest(folder) == manifest(other)


def test_two_processes_leave_what_one_leaves(models_dir: str, tmp_path: Path) -> None:
    """Random defences, exact attribution and pictures included."""
    options = [
        models_dir,
        "data.limit=13",
        "data.batch_size=4",
        "attribution.exact_images=3",
        "report.first_images=4",
        "report.extreme_images=3",
        "report.attention_images=1",
        "defences=[random_resize_pad]",
        "defences.random_resize_pad.repeats=2",
    ]
    alone = attack(tmp_path / "alone", *options)
    assert attack(tmp_path / "two", *options, *TWO) == alone
    assert [int(row["id"]) for row in manifest(tmp_path / "two")] == [5 * number for number in range(13)]
    check_same(tmp_path / "alone", tmp_path / "two")


def test_one_image_leaves_the_second_process_nothing_to_craft(models_dir: str, tmp_path: Path) -> None:
    options = [models_dir, "data.limit=1", "attack=mim"]
    attack(tmp_path / "alone", *options)
    attack(tmp_path / "two", *options, *TWO)
    assert [int(row["id"]) for row in manifest(tmp_path / "two")] == [0]
    check_same(tmp_path / "alone", tmp_path / "two")


def test_a_study_of_layers(models_dir: str, tmp_path: Path) -> None:
    options = [models_dir, "study=layers", "study.layers=[middle,top]", "data.limit=5", "attack=fda"]
    assert attack(tmp_path / "alone", *options) == attack(tmp_path / "two", *options, *TWO)
    for layer in ("middle", "top"):
        folders = [tmp_path / name / "layers" / layer for name in ("alone", "two")]
        assert adversarial_files(folders[0]) == adversarial_files(folders[1])
        assert len({(folder / "predictions.parquet").read_bytes() for folder in folders}) == 1


def test_a_study_of_attribution_joins_what_the_ranks_measured(models_dir: str, tmp_path: Path) -> None:
    options = [models_dir, "study=attribution", "study.points=[3]", "targets=digits", "data.limit=3"]
    rows = []
    for name, processes in (("alone", []), ("two", TWO)):
        attack(tmp_path / name, *options, *processes)
        with (tmp_path / name / "attribution.csv").open() as file:
            rows.append([{**row, "seconds": ""} for row in csv.DictReader(file)])
    assert [list(row) for row in rows[0]] == [list(row) for row in rows[1]]
    for alone, two in zip(*rows, strict=True):
        for key, value in alone.items():
            number = re.fullmatch(r"-?[\d.]+(e-?\d+)?", value)
            assert (float(two[key]) if number else two[key]) == (pytest.approx(float(value)) if number else value)


def test_the_command_logs_one_run_and_survives_the_kill_of_a_rank(models_dir: str, tmp_path: Path) -> None:
    slowly = ["attack=mim", "attack.budget.steps=120", "data.limit=10", "data.batch_size=1", "targets=digits"]
    attack(tmp_path / "alone", *slowly, models_dir)
    arguments = ["experiment=digits", *slowly, models_dir, *NO_PICTURES, *TWO, f"hydra.run.dir={tmp_path}/two"]
    process = start("attack.py", *arguments, home=tmp_path)
    rows = Manifest(tmp_path / "two" / "adversarial")
    while len(rows.read()) < 2:
        assert process.poll() is None, finish(process)
        time.sleep(0.02)
    os.kill(ranks_of(process.pid)[1], signal.SIGKILL)
    begun = time.monotonic()
    code, out, err = finish(process)
    assert time.monotonic() - begun < 120
    assert code == 1
    assert "error: rank 1 was killed (SIGKILL)" in err
    assert f"hydra.run.dir={tmp_path}/two goes on" in err
    kept = adversarial_files(tmp_path / "two")
    code, out, err = finish(start("attack.py", *arguments, home=tmp_path))
    assert (code, err) == (0, "")
    assert out.count("results:") == out.count("black-box mean") == 1
    assert 2 <= len(kept) < 10
    assert adversarial_files(tmp_path / "two") == adversarial_files(tmp_path / "alone")
    assert results(tmp_path / "two")["targets"] == results(tmp_path / "alone")["targets"]
    assert not list((tmp_path / "two" / "adversarial").glob("manifest-*"))
    assert len(list((tmp_path / "two" / "wandb").glob("offline-run-*"))) == 2  # one of each call, none of rank 1


def test_a_sweep_starts_ranks_for_each_job_and_repeats_none(models_dir: str, tmp_path: Path) -> None:
    arguments = ["-m", "experiment=digits", "attack=fgsm,mim", "data.limit=3", "~logger", "~targets"]
    arguments += [models_dir, *TWO, *NO_PICTURES, f"hydra.sweep.dir={tmp_path}/sweep"]
    code, out, err = finish(start("attack.py", *arguments, home=tmp_path))
    assert (code, err) == (0, "")
    jobs = sorted(path.parent for path in (tmp_path / "sweep").rglob("results.json"))
    assert [json.loads((job / "results.json").read_text())["attack"] for job in jobs] == ["fgsm", "mim"]
    stamps = [(job / "results.json").stat().st_mtime_ns for job in jobs]
    code, out, err = finish(start("attack.py", *arguments, home=tmp_path))
    assert (code, err) == (0, "")
    assert out.count("finished before: ") == 2
    assert [(job / "results.json").stat().st_mtime_ns for job in jobs] == stamps


def test_a_mistake_in_one_ranks_share_ends_both_in_one_line(models_dir: str, tmp_path: Path) -> None:
    photos = tmp_path / "photos"
    for label in ("0", "1"):
        (photos / label).mkdir(parents=True)
        Image.new("RGB", (32, 32), (200, 100, 50)).save(photos / label / f"{label}.png")
        whole = (photos / label / f"{label}.png").read_bytes()
        spoilt = whole[:60] + bytes([whole[60] ^ 255]) + whole[61:]  # only decoding tells
        (photos / label / f"{label}.png").write_bytes(spoilt)
    options = [models_dir, "data=folder", f"data.root={photos}", "data.limit=null", "attack=mim"]
    with pytest.raises(UserError, match=r"\.png cannot be read as an image"):
        attack(tmp_path / "two", *options, *TWO)


@pytest.mark.parametrize(
    ("overrides", "message"),
    [
        (["+trainer.strategy=ddp_spawn", "trainer.devices=2"], "trainer.strategy=ddp_spawn does not fit"),
        (["+trainer.strategy=fsdp"], "use trainer=ddp for several processes"),
        (["trainer=ddp", "+trainer.num_nodes=2"], "srun or torchrun start the processes"),
        (["trainer=ddp", "trainer.devices=zero"], "trainer: `devices` selected with `CPUAccelerator`"),
    ],
)
def test_ways_of_sharing_that_go_wrong_are_refused(overrides: list[str], message: str, tmp_path: Path) -> None:
    with pytest.raises(UserError, match=re.escape(message)):
        attack(tmp_path, *overrides, "trainer.accelerator=cpu", "paths.models_dir=nowhere")


def test_processes_that_a_cluster_started_to_do_all_the_same(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    torchrun = {
        "RANK": "0",
        "WORLD_SIZE": "2",
        "LOCAL_RANK": "0",
        "LOCAL_WORLD_SIZE": "2",
        "TORCHELASTIC_RUN_ID": "none",
    }
    for name, value in torchrun.items():
        monkeypatch.setenv(name, value)
    with pytest.raises(UserError, match="torchrun started 2 processes, which would all do the same: give trainer=ddp"):
        attack(tmp_path, "paths.models_dir=nowhere")
