"""Targets that fail, or answer nothing, in a whole run."""

import math
from pathlib import Path

import pyarrow.parquet as pq
import pytest
import torch
from safetensors.torch import save_file

from naa_lightning.exceptions import UserError
from naa_lightning.records import read_pictures
from tests.experiments import adversarial_files, attack
from tests.runs.cases import results

MINE = """
import torch

def logits(images, silent=()):
    '''Class 0 for dark images, else class 1; no numbers for some images of a batch.'''
    found = torch.zeros(len(images), 10)
    found[:, 1] = images.mean((1, 2, 3)) - 0.2
    found[list(silent)] = float("nan")
    return found

def broken(images):
    raise RuntimeError("out of order")
"""


def mine(folder: Path, function: str) -> list[str]:
    (folder / "mine.py").write_text(MINE)
    place = "targets.mine"
    return [
        *("+black_box@targets.mine=callable", f"{place}.name=mine", f"{place}.num_classes=10"),
        f"{place}.function={folder / 'mine.py'}:{function}",
    ]


@pytest.mark.parametrize(
    ("options", "reason"),
    [
        (["broken"], "mine fails when asked about images: RuntimeError: out of order"),
        (["nothing"], "there is no nothing in"),
        (
            ["logits", "targets.mine.num_classes=12"],
            "mine gives 10 classes, but num_classes is 12; correct targets.mine.num_classes",
        ),
    ],
)
def test_the_others_are_finished_and_the_run_says_so(
    models_dir: str, tmp_path: Path, options: list[str], reason: str, capsys: pytest.CaptureFixture[str]
) -> None:
    function, *overrides = options
    run = tmp_path / "run"
    with pytest.raises(UserError) as error:
        attack(run, models_dir, "attack=mim", "data.limit=4", *mine(tmp_path, function), *overrides)
    assert str(error.value).startswith(f"1 of 4 targets failed (mine: {reason}")
    assert f"run the same command with hydra.run.dir={run}" in str(error.value)
    found = results(run)
    assert list(found["targets"]) == ["digits_plain", "digits_residual", "digits_inception"]
    assert found["failed"]["mine"]["reason"].startswith(reason)
    assert "mine (failed)" in capsys.readouterr().out
    assert "mine" in (run / "report.html").read_text()
    assert len(adversarial_files(run)) == 4


def test_weights_that_do_not_fit_are_not_asked_for_pictures_either(models_dir: str, tmp_path: Path) -> None:
    save_file({"stem.weight": torch.zeros(2)}, tmp_path / "other.safetensors")
    weights = f"targets.digits_residual.weights={tmp_path}/other.safetensors"
    pictures = "report.attention_images=1"
    with pytest.raises(UserError, match=r"1 of 3 targets failed \(digits_residual: the weights in .* do not fit"):
        attack(tmp_path / "run", models_dir, "data.limit=4", weights, pictures)
    assert list(results(tmp_path / "run")["targets"]) == ["digits_plain", "digits_inception"]
    looking = {(row.id, row.model) for row in read_pictures(tmp_path / "run") if row.kind == "attention/clean"}
    assert [model for _, model in sorted(looking)] == ["digits_inception", "digits_plain"]


def test_a_damaged_onnx_file(models_dir: str, tmp_path: Path) -> None:
    (tmp_path / "net.onnx").write_bytes(b"no network")
    options = ["+black_box@targets.mine=onnx", "targets.mine.name=mine", f"targets.mine.path={tmp_path}/net.onnx"]
    with pytest.raises(UserError, match=r"1 of 4 targets failed \(mine: .*net\.onnx cannot be read as ONNX"):
        attack(tmp_path / "run", models_dir, "attack=mim", "data.limit=4", *options)
    assert len(results(tmp_path / "run")["targets"]) == 3


def test_logits_that_are_no_numbers_are_named_and_no_success(
    models_dir: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    silent = "+targets.mine.kwargs.silent=[1]"
    attack(
        tmp_path / "run",
        models_dir,
        "attack=mim",
        "data.limit=6",
        "data.batch_size=3",
        *mine(tmp_path, "logits"),
        silent,
    )
    found = results(tmp_path / "run")
    target = found["targets"]["mine"]
    assert target["unanswered"]["invalid"] == {"clean": 2, "adversarial": 2}
    assert target["invalid_files"] == ["00005.png", "00020.png"]
    rows = [
        row for row in pq.read_table(tmp_path / "run" / "predictions.parquet").to_pylist() if row["target"] == "mine"
    ]
    assert [row["clean_prediction"] for row in rows].count(-1) == 2
    wrong = [row for row in rows if row["adversarial_prediction"] not in (row["label"], -1)]
    assert target["error_rate"]["count"] == len(wrong)
    assert target["error_rate"]["total"] == 6
    said = " ".join(capsys.readouterr().out.split())
    assert "mine gave logits that are no numbers, which count as no success, for 00005.png and 00020.png" in said


def test_without_a_step_no_target_is_fooled_whatever_stands_before_it(models_dir: str, tmp_path: Path) -> None:
    defences = "defences=[jpeg,random_resize_pad,median]"
    assert attack(tmp_path, models_dir, "attack=mim", "attack.budget.step_size=0", "data.limit=6", defences) == 0
    targets = results(tmp_path)["targets"]
    assert len(targets) == 12
    for target in targets.values():
        assert target["success_rate"]["count"] == target["fooling_rate"]["count"] == 0


def test_random_defences_carry_their_spread(models_dir: str, tmp_path: Path) -> None:
    attack(tmp_path, models_dir, "attack=mim", "targets=digits", "defences=random_resize_pad")
    found = results(tmp_path)
    defended = found["targets"]["digits_inception+random_resize_pad"]
    assert (defended["repeats"], defended["error_rate"]["total"]) == (5, 100)
    assert found["targets"]["digits_inception"]["success_rate"]["spread"] is None
    assert defended["success_rate"]["spread"] >= 0
    rows = pq.read_table(tmp_path / "predictions.parquet").to_pylist()
    rates = []
    for repeat in range(5):
        of_draw = [
            row for row in rows if row["target"] == "digits_inception+random_resize_pad" and row["repeat"] == repeat
        ]
        rates.append(sum(row["adversarial_prediction"] != row["label"] for row in of_draw) / 20)
    mean = sum(rates) / 5
    assert defended["error_rate"]["value"] == pytest.approx(mean)
    expected = math.sqrt(sum((rate - mean) ** 2 for rate in rates) / 4)
    assert defended["error_rate"]["spread"] == pytest.approx(expected)
    means = {name: found[name]["success_rate"] for name in ("black_box_mean", "defended_mean")}
    assert all(value is not None for value in means.values())
