"""`naa-models`."""

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import save_file
from torch import nn

from naa_lightning.cli.models import main
from naa_lightning.models.listing import listed_models
from tests.experiments import ROOT

FACTS = {
    "name": "cifar10_vgg",
    "architecture": "cifar_vgg",
    "num_classes": 10,
    "data": "cifar10",
    "accuracy": 0.9126,
    "calibration_error": 0.0312,
    "robust": {"accuracy": 0.451, "images": 1000, "attack": {"eps": "8/255", "steps": 10}},
    "epochs": 30,
}
WIDE, NARROW = 160, 80


def add(folder: Path, stem: str, facts: Any, network: nn.Module | None = None) -> None:
    network = nn.Linear(1000, 1234) if network is None else network
    save_file(network.state_dict(), folder / f"{stem}.safetensors")
    (folder / f"{stem}.json").write_text(json.dumps(facts))


def printed(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, folder: Path, width: int) -> list[str]:
    monkeypatch.setenv("COLUMNS", str(width))
    main([str(folder)])
    said = capsys.readouterr()
    assert said.err == ""
    return said.out.splitlines()


def rows(lines: list[str]) -> list[list[str]]:
    """The cells of the table, line by line, without its head."""
    return [[cell.strip() for cell in line.split("│")[1:-1]] for line in lines if line.startswith("│")]


def heads(lines: list[str]) -> list[str]:
    (line,) = [line for line in lines if line.startswith("┃")]
    return [cell.strip() for cell in line.split("┃")[1:-1]]


def test_a_wide_terminal_shows_a_model_in_a_line(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    add(tmp_path, "cifar10_vgg-0123456789ab", FACTS)
    lines = printed(capsys, monkeypatch, tmp_path, WIDE)
    assert dict(zip(heads(lines), *rows(lines), strict=True)) == {
        "model": "cifar10_vgg-0123456789ab",
        "architecture": "cifar_vgg",
        "data": "cifar10",
        "classes": "10",
        "size": "1.24 M",
        "clean": "91.3",
        "robust": "45.1 (8/255)",
        "calib.": "3.1",
        "epochs": "30",
    }


@pytest.mark.parametrize("length", [11, 30, 90])
def test_a_narrow_terminal_shows_all_of_it_too(
    length: int, tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    stem = ("cifar10_vgg" + "abcdefghij" * 10)[:length]
    add(tmp_path, stem, FACTS)
    lines = printed(capsys, monkeypatch, tmp_path, NARROW)
    assert max(map(len, [line for line in lines if line[0] in "│┃┏└ "])) <= NARROW
    cells = rows(lines)
    assert heads(lines) == ["model", "size", "clean", "robust", "calib.", "epochs"]
    assert cells[0][1:] == ["1.24 M", "91.3", "45.1", "3.1", "30"]
    assert "".join(row[0] for row in cells) == f"{stem}cifar_vgg, cifar10, 10 classes"
    assert cells[1][3] == "(8/255)"
    assert "…" not in "".join(lines)


def test_models_are_sorted_by_name(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    for stem in ("b-1", "a-2", "b-0"):
        add(tmp_path, stem, FACTS)
    assert [row[0] for row in rows(printed(capsys, monkeypatch, tmp_path, WIDE))] == ["a-2", "b-0", "b-1"]


def test_parameters_are_what_is_trained(tmp_path: Path) -> None:
    network = nn.Sequential(nn.Conv2d(3, 8, 3), nn.BatchNorm2d(8), nn.Flatten(), nn.Linear(8, 10))
    add(tmp_path, "a", FACTS, network)
    ((model,), _) = listed_models(tmp_path)
    assert model.parameters == sum(parameter.numel() for parameter in network.parameters())


def test_weights_are_not_read(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Their header says how long the file must be, and what is in it."""
    add(tmp_path, "a", FACTS)
    weights = tmp_path / "a.safetensors"
    length = weights.stat().st_size
    with weights.open("r+b") as file:
        file.truncate(8 + int.from_bytes(file.read(8), "little"))
        file.truncate(length)
    ((model,), _) = listed_models(tmp_path)
    assert model.parameters == 1000 * 1234 + 1234


@pytest.mark.parametrize(
    ("change", "column", "shown"),
    [
        ({"robust": None}, "robust", "-"),
        ({"robust": {"accuracy": 0.5}}, "robust", "50.0"),
        ({"robust": {"accuracy": 0.5, "attack": None}}, "robust", "50.0"),
        ({"robust": {"accuracy": 0.5, "attack": {"steps": 10}}}, "robust", "50.0"),
        ({"robust": {"accuracy": 0.5, "attack": {"eps": "many"}}}, "robust", "50.0"),
        ({"robust": {"accuracy": 0.5, "attack": {"eps": 4 / 255}}}, "robust", "50.0 (4/255)"),
        ({"robust": {"accuracy": 0.5, "attack": {"eps": "2.5/255"}}}, "robust", "50.0 (2.5/255)"),
        ({"robust": {"accuracy": 0, "attack": {"eps": 0}}}, "robust", "0.0 (0/255)"),
        ({"robust": "much"}, "robust", "-"),
        ({"accuracy": None}, "clean", "-"),
        ({"accuracy": "0.9"}, "clean", "-"),
        ({"accuracy": True}, "clean", "-"),
        ({"accuracy": 1}, "clean", "100.0"),
        ({"calibration_error": float("nan")}, "calib.", "-"),
        ({"epochs": 0}, "epochs", "0"),
        ({"epochs": "many"}, "epochs", "-"),
        ({"num_classes": [10]}, "classes", "-"),
        ({"data": {"name": "cifar10"}}, "data", "-"),
        ({"data": ""}, "data", "-"),
        ({"architecture": "[red]net[/red]"}, "architecture", "[red]net[/red]"),
        ({"architecture": "a\nb\x1b[2Jc"}, "architecture", "a?b?[2Jc"),
    ],
)
def test_what_is_not_known_is_a_dash(
    change: dict[str, Any],
    column: str,
    shown: str,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    add(tmp_path, "a", FACTS | change)
    lines = printed(capsys, monkeypatch, tmp_path, WIDE)
    assert dict(zip(heads(lines), *rows(lines), strict=True))[column] == shown


@pytest.mark.parametrize("width", [WIDE, NARROW])
def test_an_older_description_lacks_facts(
    width: int, tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    add(tmp_path, "a", {"accuracy": 0.5})
    (first, *_) = rows(printed(capsys, monkeypatch, tmp_path, width))
    numbers = ["1.24 M", "50.0", "-", "-", "-"]
    assert first == (["a", "-", "-", "-", *numbers] if width == WIDE else ["a", *numbers])


def test_a_damaged_model_is_named_and_the_others_are_listed(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    stems = ["a-sound", "b-no_json", "c-list", "d-no_weights", "e-truncated", "f-other", "g-alone", "h-sound"]
    for stem in stems:
        add(tmp_path, stem, FACTS)
    (tmp_path / "b-no_json.json").write_text('{"name": ')
    (tmp_path / "c-list.json").write_text("[]")
    (tmp_path / "d-no_weights.safetensors").unlink()
    content = (tmp_path / "e-truncated.safetensors").read_bytes()
    (tmp_path / "e-truncated.safetensors").write_bytes(content[: len(content) // 2])
    torch.save({}, tmp_path / "f-other.safetensors")
    (tmp_path / "g-alone.json").unlink()
    lines = printed(capsys, monkeypatch, tmp_path, WIDE)
    assert [row[0] for row in rows(lines)] == ["a-sound", "h-sound"]
    left_out = [line for line in lines if "is left out" in line]
    for stem, what, line in zip(
        stems[1:-1],
        ["b-no_json.json", "c-list.json", *(f"{stem}.safetensors" for stem in stems[3:6]), "g-alone.json"],
        left_out,
        strict=True,
    ):
        assert line.startswith(f"{stem} is left out: ")
        assert str(tmp_path / what) in line


def test_only_damaged_models(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "a.json").write_text("{")
    lines = printed(capsys, monkeypatch, tmp_path, NARROW)
    assert rows(lines) == []
    assert lines[0].startswith("a is left out: ")


def test_the_usual_folder(tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    folder = tmp_path / "outputs" / "models"
    folder.mkdir(parents=True)
    main([])
    assert capsys.readouterr().out == "there is no model in outputs/models: train one: naa-train\n"
    add(folder, "a", FACTS)
    main([])
    lines = capsys.readouterr().out.splitlines()
    assert rows(lines)[0][0] == "a"
    assert lines[-1] == "use one: naa-attack surrogate=trained surrogate.model=NAME"


def test_another_folder_is_part_of_the_commands_it_tells(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    (line,) = printed(capsys, monkeypatch, tmp_path, NARROW)
    assert line == f"there is no model in {tmp_path}: train one: naa-train paths.models_dir={tmp_path}"
    add(tmp_path, "a", FACTS)
    assert printed(capsys, monkeypatch, tmp_path, NARROW)[-1].endswith(f"NAME paths.models_dir={tmp_path}")


@pytest.mark.parametrize("kind", ["missing", "file"])
def test_what_is_no_folder_is_refused(kind: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(SystemExit) as end:
        main([str(tmp_path / kind)])
    assert isinstance(end.value.code, str), "printed to stderr, and exit code 1"
    assert end.value.code.startswith(f"error: {tmp_path / kind} is no folder: ")
    assert "\n" not in end.value.code
    assert capsys.readouterr() == ("", "")


def test_the_program_runs_as_a_module(tmp_path: Path) -> None:
    add(tmp_path, "a", FACTS)
    command = [sys.executable, "-X", "importtime", "-m", "naa_lightning", "models"]
    environment = {**os.environ, "COLUMNS": str(WIDE)}
    done = subprocess.run(
        [*command, str(tmp_path)], cwd=ROOT, env=environment, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0
    assert rows(done.stdout.splitlines())[0][0] == "a"
    loaded = {line.rpartition("|")[2].strip() for line in done.stderr.splitlines()}
    assert "naa_lightning.models.listing" in loaded
    assert not {"timm", "torchvision", "hydra", "pytorch_lightning"} & loaded
    done = subprocess.run(
        [sys.executable, "-m", "naa_lightning", "models", "nowhere"],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
    )
    assert (done.returncode, done.stdout, done.stderr.count("\n")) == (1, "", 1)
    assert done.stderr.startswith("error: nowhere is no folder")
