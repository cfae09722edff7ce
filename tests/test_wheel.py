"""The package as people install it: a wheel in an environment of its own, without the clone."""

import json
import os
import shutil
import subprocess
import sys
import sysconfig
import venv
import zipfile
from pathlib import Path

import pytest

from tests.experiments import NO_PICTURES, ROOT

BRIEF = ["experiment=digits", "data.limit=4", "data.batch_size=4", "attack.budget.steps=1", "logger=csv", *NO_PICTURES]


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("wheel")
    options = ["--no-deps", "--no-build-isolation", "--quiet", "--wheel-dir", str(folder)]
    subprocess.run([sys.executable, "-m", "pip", "wheel", *options, str(ROOT)], check=True)
    (built,) = folder.glob("*.whl")
    return built


@pytest.fixture(scope="module")
def environment(wheel: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A fresh environment with the wheel; the libraries that it needs are those of this one."""
    folder = tmp_path_factory.mktemp("environment")
    venv.create(folder, with_pip=False)
    python = str(folder / "bin" / "python")
    install = ["install", "--no-deps", "--no-index", "--quiet", str(wheel)]
    subprocess.run([sys.executable, "-m", "pip", "--python", python, *install], check=True)
    # A path alone: what makes the clone importable in this environment is not read.
    (packages,) = folder.glob("lib/*/site-packages")
    (packages / "libraries.pth").write_text(sysconfig.get_path("purelib"))
    return folder


def run(environment: Path, cwd: Path, program: str, *arguments: str) -> str:
    """Run a program that the wheel has installed and return what it prints."""
    kept = {key: value for key, value in os.environ.items() if not key.startswith(("PYTHON", "WANDB"))}
    command = [str(environment / "bin" / program), *arguments]
    done = subprocess.run(
        command, cwd=cwd, env=kept, stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=900, check=False
    )
    assert done.returncode == 0, f"{done.stdout}\n{done.stderr}"
    return done.stdout


def targets(folder: Path) -> list[str]:
    return list(json.loads((folder / "results.json").read_text())["targets"])


def test_the_wheel_holds_what_is_under_version_control(wheel: Path) -> None:
    command = ["git", "ls-files", "naa_lightning", "hydra_plugins", "conf"]
    listed = subprocess.run(command, cwd=ROOT, capture_output=True, check=False)
    files = {
        name.replace("conf/", "naa_lightning/conf/", 1) if name.startswith("conf/") else name
        for name in listed.stdout.decode().splitlines()
    }
    if not files:
        pytest.skip("needs git and a clone")
    held = {name for name in zipfile.ZipFile(wheel).namelist() if ".dist-info/" not in name}
    assert held == files


def test_the_programs_say_what_they_do(environment: Path, tmp_path: Path) -> None:
    where = run(environment, tmp_path, "python", "-c", "import naa_lightning as n; print(n.__file__, n.__version__)")
    assert where.startswith(str(environment))
    for program in ("naa-attack", "naa-train", "naa-report", "naa-models"):
        assert program.partition("-")[2] in run(environment, tmp_path, program, "--help")
    assert run(environment, tmp_path, "python", "-m", "naa_lightning", "train", "--help").startswith("Trains a classif")
    assert list(tmp_path.iterdir()) == []


def test_the_digits_a_sweep_and_their_report(environment: Path, models_dir: str, tmp_path: Path) -> None:
    assert "results: " in run(environment, tmp_path, "naa-attack", *BRIEF, models_dir, "hydra.run.dir=run")
    assert targets(tmp_path / "run") == ["digits_plain", "digits_residual", "digits_inception"]
    run(environment, tmp_path, "naa-attack", "-m", *BRIEF, models_dir, "attack=mim,fgsm", "hydra.sweep.dir=sweep")
    assert len(list((tmp_path / "sweep").glob("*/results.json"))) == 2
    assert "report.html" in run(environment, tmp_path, "naa-report", "sweep", "--no-log")
    models = models_dir.partition("=")[2]
    assert "digits_plain" in run(environment, tmp_path, "naa-models", models)
    assert {path.name for path in tmp_path.iterdir()} == {"run", "sweep"}


def test_ones_own_attack_network_and_experiment(environment: Path, models_dir: str, tmp_path: Path) -> None:
    """The folder of the example, and a preset in it that changes what a shipped one says."""
    shutil.copytree(ROOT / "examples" / "own_code", tmp_path / "my")
    (tmp_path / "my" / "experiment").mkdir()
    (tmp_path / "my" / "experiment" / "mine.yaml").write_text(
        "# @package _global_\ndefaults:\n  - digits\n  - override /surrogate: python\n"
        "  - override /attack: suppression\n  - override /targets: [digits_plain]\n  - override /defences: [jpeg]\n\n"
        "surrogate:\n  name: mine\n  function: mine:build\n  layer: features.1\n  num_classes: 10\n"
        "  mean: [0.5, 0.5, 0.5]\n  std: [0.5, 0.5, 0.5]\n"
    )
    own = ["--config-dir", "my", "experiment=mine", *BRIEF[1:], models_dir, "hydra.run.dir=run"]
    run(environment, tmp_path, "naa-attack", *own, "trust=[mine]", "attack.objective.power=3")
    assert targets(tmp_path / "run") == ["mine", "mine+jpeg", "digits_plain", "digits_plain+jpeg"]
    attack = json.loads((tmp_path / "run" / "results.json").read_text())["config"]["attack"]
    assert attack["objective"] == {"_target_": "mine.FeatureSuppression", "power": 3.0}
