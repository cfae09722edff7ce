"""A copy of the folder with one's own network, checkpoints and images gives the report."""

import json
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from torchvision.datasets import ImageFolder

FOLDER = Path(__file__).parents[2] / "examples" / "own"
README = (FOLDER / "README.md").read_text(encoding="utf-8")
COMMANDS = re.findall(r"(?m)^    (.+)$", README.replace("\\\n", ""))


def run(command: str, folder: Path) -> str:
    """What a command of the page writes, typed into a shell in a folder."""
    path = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"
    environment = {**os.environ, "PATH": path, "HOME": str(folder), "COLUMNS": "120"}
    shell = ["bash", "-c", command]
    done = subprocess.run(shell, cwd=folder, env=environment, capture_output=True, text=True, check=False)
    assert not done.returncode, done.stderr
    return done.stdout


@pytest.fixture(scope="module")
def copy(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder with the images and checkpoints that its own code writes."""
    folder = tmp_path_factory.mktemp("fresh") / "mine"
    shutil.copytree(FOLDER, folder, ignore=shutil.ignore_patterns("__pycache__", "images", "*.pth", "outputs"))
    for command in COMMANDS[1:3]:
        run(command, folder)
    return folder


def results(command: str, copy: Path) -> dict[str, dict[str, Any]]:
    """The rates of each target after a command."""
    run(f"{command} hydra.run.dir=run", copy)
    assert (copy / "run" / "report.html").is_file()
    found = json.loads((copy / "run" / "results.json").read_text())
    shutil.rmtree(copy / "run")
    classes = ImageFolder(copy / "images" / "train").classes
    assert found["class_names"].items() <= {str(label): name for label, name in enumerate(classes)}.items()
    assert found["failed"] == {}
    return {
        name: {rate: target[rate]["value"] for rate in ("clean_accuracy", "success_rate")} | {"role": target["role"]}
        for name, target in found["targets"].items()
    }


def test_the_presets_give_the_report_on_both_networks(copy: Path) -> None:
    found = results(COMMANDS[3], copy)
    assert {name: target["role"] for name, target in found.items()} == {"width12": "white-box", "width16": "black-box"}
    assert min(target["clean_accuracy"] for target in found.values()) > 0.9
    assert found["width12"]["success_rate"] > 0.9
    assert 0.2 < found["width16"]["success_rate"] < found["width12"]["success_rate"]


def test_one_command_line_gives_the_report_on_one_network(copy: Path) -> None:
    found = results(f"{COMMANDS[4]} data.limit=20", copy)
    assert list(found) == ["python"]
    assert found["python"]["clean_accuracy"] > 0.8
    assert found["python"]["success_rate"] > 0.8


def test_lines_are_those_that_the_page_counts() -> None:
    lines = [len((FOLDER / file).read_text().splitlines()) for file in ("network.py", "train.py", "images.py")]
    presets = sum(len(path.read_text().splitlines()) for path in (FOLDER / "conf").rglob("*.yaml"))
    assert list(map(int, re.findall(r"(\d+)(?: lines of network| of training| of images| lines in)", README))) == [
        *lines,
        presets,
    ]
