"""Every model is asked for a few images before anything is crafted."""

import re
from pathlib import Path

import pytest
import torch
from PIL import Image
from safetensors.torch import load_file, save_file

from naa_lightning.exceptions import UserError
from naa_lightning.records import read_results
from naa_lightning.records.targets import RateResult, TargetResult
from naa_lightning.runs.context import Notice
from naa_lightning.runs.stages.summary import noticed
from tests.experiments import attack
from tests.runs.cases import context, digit_files

GOOD, BAD = (RateResult(value=n / 40, low=0.0, high=n / 40 + 0.1, count=n, total=40) for n in (30, 2))

CODE = """
import torch
from torch import nn

def broken(images):
    raise RuntimeError("out of order")

def silent(images):
    return torch.full((len(images), 10), float("nan"))

def wide(images):
    return torch.zeros(len(images), 12)

def guess(images):
    return nn.functional.one_hot(torch.full((len(images),), 9), 10).float()
"""


def mine(folder: Path, function: str) -> list[str]:
    (folder / "mine.py").write_text(CODE)
    return [
        *("+black_box@targets.mine=callable", "targets.mine.name=mine", "targets.mine.num_classes=10"),
        f"targets.mine.function={folder / 'mine.py'}:{function}",
    ]


@pytest.mark.parametrize(
    ("function", "reason"),
    [
        ("broken", "mine fails when asked about images: RuntimeError: out of order"),
        ("silent", "mine gives logits that are no numbers for any of 4 images"),
        ("wide", "mine gives 12 classes, but num_classes is 10"),
        ("absent", "there is no absent in"),
    ],
)
def test_a_target_that_cannot_be_used_is_told_before_anything_is_crafted(
    function: str, reason: str, models_dir: str, tmp_path: Path
) -> None:
    run = tmp_path / "run"
    with pytest.raises(UserError) as error:
        attack(run, models_dir, "attack=mim", "data.limit=4", "preflight=true", *mine(tmp_path, function))
    assert "1 of 4 models cannot be used (" in str(error.value)
    assert reason in str(error.value)
    assert not (run / "adversarial").exists()


def test_all_models_that_cannot_be_used_are_told_at_once(models_dir: str, tmp_path: Path) -> None:
    (tmp_path / "net.onnx").write_bytes(b"no network")
    onnx = ["+black_box@targets.net=onnx", "targets.net.name=net", f"targets.net.path={tmp_path / 'net.onnx'}"]
    with pytest.raises(UserError) as error:
        attack(tmp_path / "run", models_dir, "attack=mim", "preflight=true", *onnx, *mine(tmp_path, "broken"))
    for part in ("2 of 5 models", "out of order", "cannot be read as ONNX", "nothing was crafted", "preflight=false"):
        assert part in str(error.value)


def test_a_layer_that_is_not_there(models_dir: str, tmp_path: Path) -> None:
    with pytest.raises(UserError, match=r"1 of 3 models cannot be used .*there is no layer 'nowhere'"):
        attack(tmp_path / "run", models_dir, "surrogate.layer=nowhere", "preflight=true")


def test_a_layer_that_cannot_be_attacked(models_dir: str, tmp_path: Path) -> None:
    """A container that never runs itself."""
    layer = ["surrogate=digits_inception", "surrogate.layer=middle.0.branches"]
    message = (
        r"1 of 3 models cannot be used \(.*surrogate\.layer: middle\.0\.branches never runs .* middle\.0\.branches\.3\)"
    )
    with pytest.raises(UserError, match=message):
        attack(tmp_path / "run", models_dir, "attack=fia", "preflight=true", "data.limit=4", *layer)


def test_images_that_are_alike_only_within_a_batch(models_dir: str, tmp_path: Path) -> None:
    labels = digit_files(tmp_path / "images", 20)
    for number in range(16, 20):
        with Image.open(tmp_path / f"images/{number}.png") as image:
            image.resize((40, 40)).save(tmp_path / f"images/{number}.png")
    lines = [f"{index}.png,{label}" for index, label in enumerate(labels)]
    (tmp_path / "images/labels.csv").write_text("\n".join(["filename,label", *lines]) + "\n")
    photographs = ["data=folder", f"data.root={tmp_path / 'images'}", "data.csv=labels.csv", "data.num_workers=0"]
    attack(tmp_path / "run", models_dir, "attack=fgsm", "preflight=true", "data.batch_size=4", *photographs)
    assert read_results(tmp_path / "run").images == 20


def test_what_few_images_seem_to_say_is_not_said_once_all_are_known() -> None:
    notices = {name: Notice("right for 0 of 16 clean images", "") for name in ("digits_plain", "mine")}
    prepared = context()
    prepared.noticed.update(notices | {"digits_inception": Notice("", "its softmax is saturated")})
    rated = {
        "digits_plain": TargetResult(role="white-box", model="digits_plain", num_classes=10, clean_accuracy=GOOD),
        "mine": TargetResult(role="black-box", model="mine", num_classes=10, clean_accuracy=BAD),
    }
    assert noticed(prepared, rated) == {
        "mine": "right for 0 of 16 clean images",
        "digits_inception": "its softmax is saturated",
    }


def test_weights_that_are_no_numbers(models_dir: str, tmp_path: Path) -> None:
    (trained,) = Path(models_dir.partition("=")[2]).glob("digits_plain-*.safetensors")
    state = load_file(trained)
    last = list(state)[-1]
    save_file(state | {last: torch.full_like(state[last], torch.nan)}, tmp_path / "nan.safetensors")
    with pytest.raises(UserError, match="digits_plain gives logits that are no numbers for any of"):
        attack(tmp_path / "run", models_dir, f"surrogate.weights={tmp_path}/nan.safetensors", "preflight=true")


def labelled_from_1(tmp_path: Path) -> list[str]:
    labels = digit_files(tmp_path / "images", 12)
    lines = [f"{index}.png,{label + 1}" for index, label in enumerate(labels) if label < 9]
    (tmp_path / "images/labels.csv").write_text("\n".join(["filename,label", *lines]) + "\n")
    return ["data=folder", f"data.root={tmp_path / 'images'}", "data.csv=labels.csv", "data.num_workers=0"]


def test_labels_that_count_from_1_are_found_and_said_everywhere(
    models_dir: str, tmp_path: Path, caplog: pytest.LogCaptureFixture, capsys: pytest.CaptureFixture[str]
) -> None:
    run = tmp_path / "run"
    attack(run, models_dir, "attack=fgsm", "preflight=true", *labelled_from_1(tmp_path))
    said = re.compile(
        r"digits_\w+: right for 0 of 12 clean images, .*: labels minus 1 would be right for (10|11|12) of 12"
    )
    assert len([line for line in caplog.messages if said.search(line)]) == 3
    results = read_results(run)
    assert set(results.noticed) == {"digits_plain", "digits_residual", "digits_inception"}
    guessing = "clean accuracy no better than guessing"
    assert results.black_box_mean.left_out == {"digits_residual": guessing, "digits_inception": guessing}
    out = " ".join(capsys.readouterr().out.split())
    assert "no better than guessing among 10 classes: its rates mean nothing" in out
    assert "labels minus 1 would be right" in (run / "report.html").read_text()


def test_a_target_that_guesses_is_in_no_mean(models_dir: str, tmp_path: Path) -> None:
    run = tmp_path / "run"
    attack(run, models_dir, "attack=fgsm", "preflight=true", *mine(tmp_path, "guess"))
    results = read_results(run)
    assert results.targets["mine"].clean_accuracy.count <= 2
    assert results.black_box_mean.left_out == {"mine": "clean accuracy no better than guessing"}
    assert results.judges == ("digits_residual", "digits_inception")
    assert "look at labels (counted from 0" in results.noticed["mine"]


@pytest.mark.parametrize("temperature", [1, 1000])
def test_a_saturated_softmax_is_told_and_a_temperature_mends_it(
    temperature: int, models_dir: str, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    """The same classifier with logits times 1000: nothing that it answers has changed."""
    (trained,) = Path(models_dir.partition("=")[2]).glob("digits_plain-*.safetensors")
    state = load_file(trained)
    (weight,) = (name for name, value in state.items() if value.ndim == 2)
    last = {weight, weight.replace("weight", "bias")}
    scaled = {name: value * 1000 if name in last else value for name, value in state.items()}
    save_file(scaled, tmp_path / "scaled.safetensors")
    options = [f"surrogate.weights={tmp_path}/scaled.safetensors", "~targets", "attack.budget.eps=64/255"]
    run = tmp_path / "run"
    attack(run, models_dir, "attack=mim", "preflight=true", f"attack.temperature={temperature}", *options)
    results = read_results(run)
    assert results.gradients is not None
    rate, lost = results.targets["digits_plain"].success_rate.value, results.gradients.zero
    page = (run / "report.html").read_text()
    if temperature == 1:
        assert "its softmax is saturated" in results.noticed["digits_plain"]
        assert re.search(r"is zero; attack\.temperature=\d+ divides its logits", results.noticed["digits_plain"])
        assert (rate, lost > 15, results.gradients.unchanged > 15) == (0.0, True, True)
        assert f"the gradient was zero for {lost} of 20 images" in page.replace("The", "the")
        assert results.perturbation["psnr"].images == 20 - results.gradients.unchanged
    else:
        assert (results.noticed, lost, results.gradients.unchanged) == ({}, 0, 0)
        assert rate == 1.0
        assert "the gradient was zero" not in page
