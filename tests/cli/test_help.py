"""What `--help` says, and that whoever reads it may stop reading."""

import os
import re
import shlex
import subprocess
import sys
from pathlib import Path

import pytest

from naa_lightning.config.training_experiment import compose_training_run
from tests.experiments import CONF, ROOT, attack_run, composed, presets

INTERNAL = {"extendable", "extras", "hydra", "local", "paths", "per_attack", "base", "help", "launcher"}
PROGRAMS = ("attack", "train")


def said(program: str, *arguments: str) -> str:
    command = [sys.executable, str(ROOT / f"{program}.py"), *arguments, "--help"]
    return subprocess.run(command, capture_output=True, text=True, check=True).stdout


@pytest.fixture(scope="module", params=PROGRAMS)
def program(request: pytest.FixtureRequest) -> str:
    name: str = request.param
    return name


@pytest.fixture(scope="module")
def text(program: str) -> str:
    return said(program)


def examples(text: str) -> list[list[str]]:
    lines = text.replace("\\\n", "").splitlines()
    return [shlex.split(line.partition("     ")[0])[1:] for line in map(str.strip, lines) if line.startswith("naa-")]


def test_it_begins_with_a_sentence_and_shows_no_configuration(text: str) -> None:
    first, *_ = text.splitlines()
    assert re.fullmatch(r"[A-Z][^.]*\.", first)
    assert len(text.splitlines()) < 70
    assert max(map(len, text.splitlines())) <= 120
    assert "_target_" not in text


def test_its_examples_compose(program: str, text: str) -> None:
    found = examples(text)
    assert len(found) == 3
    for words in found:
        choices = [word.split(",")[0] if "-m" in words else word for word in words if word != "-m"]
        if program == "attack":
            attack_run(*choices)
        else:
            here = [word for word in choices if word != "training.start=published"]  # asks whether it can be had
            assert compose_training_run(composed(*here, program="train")).plan.recipe.epochs


def test_it_lists_what_a_user_chooses_from_and_nothing_internal(program: str, text: str) -> None:
    groups = {str(path.parent.relative_to(CONF)) for path in CONF.rglob("*.yaml")} - {"."}
    wanted = {group for group in groups if not INTERNAL & set(group.split("/")) and not group.startswith("debug/")}
    if program == "train":
        attack_only = ("attack", "black_box", "defences", "study", "targets")
        wanted = {group for group in wanted if group.split("/")[0] not in attack_only}
    else:
        wanted = {group for group in wanted if group.split("/")[0] != "training"}
    listed = dict(re.findall(r"^  ([a-z_/]+)  +((?:.+\n?(?:    .*\n)*))", text, re.MULTILINE))
    assert set(listed) == wanted
    for group in wanted:
        assert re.findall(r"[\w.]+", listed[group]) == presets(group)


def test_it_lists_what_a_users_folder_adds(tmp_path: Path) -> None:
    (tmp_path / "attack").mkdir()
    (tmp_path / "attack" / "my_own_attack.yaml").write_text("defaults:\n  - mim\n")
    assert "my_own_attack" in said("attack", "--config-dir", str(tmp_path))


@pytest.mark.parametrize("flag", [["--help"], ["--cfg", "job"]], ids=" ".join)
def test_a_reader_that_stops_reading_causes_no_traceback(flag: list[str]) -> None:
    reading, writing = os.pipe()
    os.close(reading)
    command = [sys.executable, str(ROOT / "attack.py"), *flag]
    ended = subprocess.run(command, stdout=writing, stderr=subprocess.PIPE, check=False)
    os.close(writing)
    assert (ended.returncode, ended.stderr) == (0, b"")


def test_the_shell_completes_options() -> None:
    line = "attack.py attack=naa_"
    command = [sys.executable, str(ROOT / "attack.py"), "-sc", "query=bash"]
    environment = {**os.environ, "COMP_LINE": line, "COMP_POINT": str(len(line))}
    found = subprocess.run(command, env=environment, capture_output=True, text=True, check=True).stdout
    assert found.split() == ["attack=naa_fast", "attack=naa_pd"]
