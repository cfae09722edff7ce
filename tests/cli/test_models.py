"""`naa-models import`."""

import csv
import json
import re
from functools import cache
from pathlib import Path
from typing import Any

import pytest
import torch
import torchvision
from scipy.stats import binomtest

from naa_lightning.cli.models import main
from naa_lightning.models import Classifier
from naa_lightning.models.saved import saved_model
from naa_lightning.models.timm_model import TimmModel
from naa_lightning.models.trained import TrainedModel
from tests.conftest import shared

SOURCE = TimmModel(name="mine", architecture="test_resnet.r160_in1k", num_classes=10)
OF_TIMM = ["--architecture", "test_resnet.r160_in1k", "--name", "mine", "--num-classes", "10"]
IMAGES = 12


def coloured(index: int) -> torch.Tensor:
    """An image (3, 160, 160) of 25 coloured squares, in [0, 1]."""
    squares = torch.randint(0, 256, (3, 5, 5), generator=torch.Generator().manual_seed(index))
    return squares.repeat_interleave(32, 1).repeat_interleave(32, 2).float() / 255


@cache
def model() -> Classifier:
    """A network whose predictions differ between such images."""
    torch.manual_seed(0)
    model = SOURCE.wrap(SOURCE.network(pretrained=False)).eval()
    images = model.preprocess(torch.stack([coloured(index) for index in range(IMAGES)]))
    with torch.no_grad():
        head: Any = model.network.fc
        head.bias -= model.network(images).mean(0)
    return model


@pytest.fixture
def checkpoint(tmp_path: Path) -> Path:
    state = {f"module.{name}": value for name, value in model().network.state_dict().items()}
    path = tmp_path / "model_best.pth.tar"
    torch.save({"epoch": 3, "state_dict": state | {"loss.weight": torch.ones(10)}}, path)
    return path


def photographs(folder: Path, wrong: int) -> Path:
    """Images with labels that the model gives them, but for some."""
    folder.mkdir()
    rows = []
    for index in range(IMAGES):
        torchvision.utils.save_image(coloured(index), folder / f"{index}.png")
        with torch.no_grad():
            label = int(model()(coloured(index)[None]).argmax())
        rows.append((f"{index}.png", (label + (index < wrong)) % 10))
    assert len({label for _, label in rows}) > 2
    with (folder / "labels.csv").open("w", newline="") as file:
        csv.writer(file).writerows([("filename", "label"), *rows])
    return folder


def test_an_imported_model_is_the_one_that_was_saved(
    checkpoint: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    folder = tmp_path / "models"
    main(["import", str(checkpoint), str(folder), *OF_TIMM, "--layer", "layer2"])
    assert capsys.readouterr().out.splitlines() == [
        f"the weights in {checkpoint}: the prefix module. is taken off",
        f"the weights in {checkpoint}: left out are loss.weight",
        f"saved: {folder / 'mine.safetensors'}",
        f"use it: naa-attack surrogate=trained surrogate.model=mine paths.models_dir={folder}",
    ]
    found = saved_model("mine", str(folder))
    found.check()
    images = torch.rand(2, 3, 100, 120)
    with torch.no_grad():
        assert torch.equal(found.build()(images), model()(images))
    assert (found.layer, found.architecture) == ("layer2", "test_resnet.r160_in1k")
    main([str(folder)])
    assert "mine" in capsys.readouterr().out


def test_what_is_given_is_kept(checkpoint: Path, tmp_path: Path) -> None:
    (tmp_path / "names.txt").write_text("".join(f"kind {index}\n" for index in range(10)))
    numbers = ["--mean", ".1", ".2", ".3", "--std", ".4", ".5", ".6", "--input-size", "96", "64"]
    main(["import", str(checkpoint), str(tmp_path), *OF_TIMM, *numbers, "--classes", str(tmp_path / "names.txt")])
    said: dict[str, Any] = json.loads((tmp_path / "mine.json").read_text())
    assert (said["mean"], said["std"], said["input_size"]) == ([0.1, 0.2, 0.3], [0.4, 0.5, 0.6], [96, 64])
    assert said["classes"][:2] == ["kind 0", "kind 1"]
    assert said["imported_from"] == "model_best.pth.tar"


def test_the_clean_accuracy_is_measured(checkpoint: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    data = photographs(tmp_path / "photographs", wrong=3)
    main(["import", str(checkpoint), str(tmp_path), *OF_TIMM, "--data", str(data), "--csv", str(data / "labels.csv")])
    low, high = binomtest(IMAGES - 3, IMAGES).proportion_ci(method="wilson")
    assert (
        f"clean accuracy: 75.0 % of 12 images of photographs (95 % interval {100 * low:.1f} to {100 * high:.1f} %)\n"
        in (out := capsys.readouterr().out)
    )
    assert "warning" not in out
    said = json.loads((tmp_path / "mine.json").read_text())
    assert (said["data"], said["images"], said["accuracy"]) == ("photographs", 12, 0.75)


def test_guessing_is_warned_of(checkpoint: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    data = photographs(tmp_path / "photographs", wrong=IMAGES)
    main(["import", str(checkpoint), str(tmp_path), *OF_TIMM, "--data", str(data), "--csv", str(data / "labels.csv")])
    out = capsys.readouterr().out
    assert "clean accuracy: 0.0 % of 12" in out
    assert "warning: this is no better than guessing among 10 classes: look at labels" in out


def test_a_label_file_is_looked_for_where_the_command_is_run(
    checkpoint: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    data = photographs(tmp_path / "photographs", wrong=0)
    (data / "labels.csv").rename(tmp_path / "mine.csv")
    monkeypatch.chdir(tmp_path)
    main(["import", str(checkpoint), "models", *OF_TIMM, "--data", "photographs", "--csv", "mine.csv"])
    assert "clean accuracy: 100.0 % of 12 images of photographs" in capsys.readouterr().out


def test_class_folders_are_the_models_classes_by_name(
    checkpoint: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    flat, folders = photographs(tmp_path / "flat", wrong=0), tmp_path / "folders"
    names = [f"kind {9 - index}" for index in range(10)]  # which are not in the order of the alphabet
    (tmp_path / "names.txt").write_text("\n".join(names))
    with (flat / "labels.csv").open() as file:
        for row in csv.DictReader(file):
            place = folders / names[int(row["label"])]
            place.mkdir(parents=True, exist_ok=True)
            (flat / row["filename"]).rename(place / row["filename"])
    imported = ["import", str(checkpoint), str(tmp_path), *OF_TIMM, "--data", str(folders)]
    main([*imported, "--classes", str(tmp_path / "names.txt")])
    assert "clean accuracy: 100.0 % of 12 images of folders" in capsys.readouterr().out


@pytest.mark.parametrize("taken", ["mine.safetensors", "mine.json"])
def test_an_existing_name_is_refused(taken: str, checkpoint: Path, tmp_path: Path) -> None:
    (tmp_path / taken).write_text("something")
    with pytest.raises(SystemExit, match=f"^error: there is a model mine already, in .*{taken}: give another --name"):
        main(["import", str(checkpoint), str(tmp_path), *OF_TIMM])
    assert (tmp_path / taken).read_text() == "something"


@pytest.mark.parametrize(
    ("changed", "message"),
    [
        (["--num-classes", "7"], r"gives 10 numbers and not 7: give --num-classes 10 if these are classes"),
        (["--key", "modle"], r"has no weights under --key modle: it has state_dict$"),
        (["--architecture", "test_vit"], r"they are of another network: they hold module\."),
        (["--architecture", "resnet5000"], r"timm has no weights 'resnet5000'"),
        (["--name", "../mine"], r"name must be a plain name"),
        (["--library", "small", "--architecture", "plain"], r"mean, std and input_size must be given"),
        (["--mean", "1", "2", "inf"], r"mean must"),
        (["--data", "nowhere"], r"`?--data nowhere`? is not a folder"),
        (["--classes", "nowhere.txt"], r"--classes nowhere\.txt"),
    ],
)
def test_mistakes_are_one_line_in_the_words_of_this_program(
    changed: list[str], message: str, checkpoint: Path, tmp_path: Path
) -> None:
    with pytest.raises(SystemExit) as end:
        main(["import", str(checkpoint), str(tmp_path / "models"), *OF_TIMM, *changed])
    assert isinstance(end.value.code, str)
    assert re.search(message, end.value.code), end.value.code
    assert end.value.code.startswith("error: ")
    assert "\n" not in end.value.code
    assert not (tmp_path / "models").exists()


def test_a_missing_file_is_named(tmp_path: Path) -> None:
    with pytest.raises(SystemExit, match=r"^error: there is no weights file nowhere\.pth"):
        main(["import", "nowhere.pth", str(tmp_path), *OF_TIMM])


def test_every_checkpoint_of_users_is_the_same_model(tmp_path: Path) -> None:
    folder = shared("field/checkpoints")
    sizes = ["--mean", "0.5", "0.5", "0.5", "--std", "0.5", "0.5", "0.5", "--input-size", "32", "32"]
    small = ["--library", "small", "--architecture", "plain", "--num-classes", "10", *sizes]
    outputs = {}
    for path in sorted(set(folder.iterdir()) - {folder / "README"}):
        main(["import", str(path), str(tmp_path), "--name", path.name, *small])
        source = saved_model(str(tmp_path / f"{path.name}.safetensors"), "nowhere")
        assert isinstance(source, TrainedModel)
        with torch.no_grad():
            outputs[path.name] = source.build()(torch.linspace(0, 1, 3 * 32 * 32).view(1, 3, 32, 32))
    assert len(outputs) == 10
    half = outputs.pop("half.pth")
    assert torch.allclose(half, outputs["plain.safetensors"], rtol=0.02, atol=0.02)
    assert all(torch.equal(output, outputs["plain.safetensors"]) for output in outputs.values())
