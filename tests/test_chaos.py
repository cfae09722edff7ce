"""A run that is killed at random moments and started again gives what an undisturbed one gives."""

import csv
import json
import os
import random
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.chaos import INTERRUPT, KILL, digests, disturb_again_and_again, start, start_pair
from tests.experiments import NO_PICTURES, attack

IMAGES = 45
OVERRIDES = [f"data.limit={IMAGES}", "data.batch_size=4"]


@pytest.fixture(scope="module")
def undisturbed(models_dir: str, tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("undisturbed")
    attack(folder, models_dir, *OVERRIDES, "~targets")
    return folder


def test_kills_and_ctrl_c_lose_nothing_and_repeat_nothing(undisturbed: Path, models_dir: str, tmp_path: Path) -> None:
    killed = tmp_path / "run"
    environment = {"HOME": str(tmp_path)}
    arguments = [*OVERRIDES, *NO_PICTURES, "~targets", models_dir]
    # of this seed the first comes at once, the second later
    kinds = [KILL, KILL, INTERRUPT]
    counts = disturb_again_and_again(killed, arguments, environment, kinds, images=IMAGES, seed=1)
    assert counts == sorted(set(counts))
    assert 0 < counts[0] < counts[-1] < IMAGES
    assert len(digests(killed)) == IMAGES
    assert digests(killed) == digests(undisturbed)
    with (killed / "adversarial" / "manifest.csv").open(newline="") as file:
        assert sorted(int(row["id"]) for row in csv.DictReader(file)) == [5 * number for number in range(IMAGES)]
    assert json.loads((killed / "results.json").read_text())["cost"]["images_crafted_now"] == IMAGES - counts[-1]


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """A disk of 88 KiB: some images fit, not all."""
    disk = tmp_path / "disk"
    disk.mkdir()
    mounted = (
        os.geteuid() == 0
        and not subprocess.run(
            ["mount", "-t", "tmpfs", "-o", "size=88k", "tmpfs", disk], check=False, capture_output=True
        ).returncode
    )
    if not mounted:
        pytest.skip("cannot mount a small disk here")
    yield disk
    subprocess.run(["umount", disk], check=True)


def test_a_full_disk_is_told_in_one_line_and_keeps_what_is_saved(
    small_disk: Path, undisturbed: Path, models_dir: str, tmp_path: Path
) -> None:
    folder = small_disk / "run"
    arguments = [*OVERRIDES, *NO_PICTURES, "~targets", models_dir]
    process = start(folder, arguments, {"HOME": str(tmp_path)})
    _, err = process.communicate()
    assert process.returncode == 1
    lines = [line for line in err.splitlines() if line.startswith("error: ")]
    assert len(lines) == 1
    assert "No space left on device" in lines[0]
    images = list((folder / "adversarial").glob("*.png"))
    assert 0 < len(images) < IMAGES
    subprocess.run(["mount", "-o", "remount,size=20m", small_disk], check=True)
    attack(folder, models_dir, *OVERRIDES, "~targets")
    assert digests(folder) == digests(undisturbed)


def test_of_two_attacks_in_one_folder_one_goes_through_alone(models_dir: str, tmp_path: Path) -> None:
    arguments = ["data.limit=8", "targets=[]", *NO_PICTURES, models_dir]
    environment = {"HOME": str(tmp_path)}
    attack(tmp_path / "alone", models_dir, "data.limit=8", "~targets", "data.batch_size=64", "attack=mim")
    done, _ = start_pair(tmp_path / "run", arguments, environment, random.Random(0))
    assert json.loads((tmp_path / "run/results.json").read_text())["attack"] == done
    same = digests(tmp_path / "run") == digests(tmp_path / "alone")
    assert same == (done == "mim")
