"""From a folder of images to a trained model to an attack on it."""

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from naa_lightning.config.attack_experiment import compose_attack_run
from naa_lightning.data.cifar10 import CLASSES
from naa_lightning.exceptions import UserError
from naa_lightning.runs.attack import run_attack
from tests.experiments import NO_PICTURES, composed, train

COLOURS = {"blue": 2, "green": 1, "red": 0}
# A small network of timm, which knows nothing of these classes.
NETWORK = (
    "surrogate=densenet121",
    "surrogate._target_=naa_lightning.models.timm_model.TimmModel",
    "surrogate.architecture=test_resnet.r160_in1k",
    "surrogate.name=colours",
    "surrogate.layer=layer2",
    "surrogate.num_classes=3",
    "surrogate.input_size=[32,32]",
)
RECIPE = ("training.epochs=6", "training.ema_decay=null", "training.precision=32-true", "training.robustness=null")


def save_images(folder: Path, channel: int, count: int, size: int = 32) -> None:
    """Noise in which one colour prevails."""
    folder.mkdir(parents=True)
    rng = np.random.default_rng(channel)
    for number in range(count):
        pixels = rng.integers(0, 200, (size, size, 3), dtype=np.uint8)
        pixels[..., channel] += 55
        Image.fromarray(pixels).save(folder / f"{number}.png")


@pytest.fixture(scope="module")
def photos(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("photos")
    for part, count in (("train", 24), ("val", 8)):
        for colour, channel in COLOURS.items():
            save_images(folder / part / colour, channel, count)
    return folder


@pytest.fixture(scope="module")
def trained(photos: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of a training of a network of timm on a folder of images."""
    folder = tmp_path_factory.mktemp("trained")
    data = ["data=folder", f"data.root={photos}/val", f"data.train={photos}/train", "data.num_workers=1"]
    assert train(folder, *NETWORK, *RECIPE, *data) > 0.9
    return folder


def on(folder: Path, trained: Path, *overrides: str) -> dict[str, Any]:
    """Attack the trained model on images of a folder and return the results."""
    run = trained / "runs" / folder.name
    words = ["surrogate=trained", "surrogate.model=colours", f"paths.models_dir={trained}/models", "~targets"]
    options = [
        "data=folder",
        f"data.root={folder}",
        "data.num_workers=0",
        f"paths.run_dir={run}",
        "~logger",
        "~callbacks",
    ]
    run_attack(compose_attack_run(composed(*words, *options, *NO_PICTURES, *overrides)))
    results: dict[str, Any] = json.loads((run / "results.json").read_text())
    return results


def test_a_network_of_timm_is_trained_on_a_folder_and_attacked_by_name(photos: Path, trained: Path) -> None:
    (said,) = (json.loads(path.read_text()) for path in (trained / "models").glob("*.json"))
    assert said["library"] == "timm"
    assert said["classes"] == sorted(COLOURS)
    assert said["robust"] is None
    target = on(photos / "val", trained, "attack=fia", "attack.budget.eps=64/255")["targets"]["colours"]
    assert target["clean_accuracy"]["value"] == said["accuracy"] > 0.9
    assert target["success_rate"]["value"] > 0.3


def test_a_training_that_is_finished_notices_other_images(photos: Path, trained: Path) -> None:
    data = ["data=folder", f"data.root={photos}/val", f"data.train={photos}/train", "data.num_workers=1"]
    accuracy = train(trained, *NETWORK, *RECIPE, *data)
    added = photos / "train" / "red" / "another.png"
    added.write_bytes((photos / "train" / "red" / "0.png").read_bytes())
    with pytest.raises(UserError, match="colours was trained before, but on other files than are there now"):
        train(trained, *NETWORK, *RECIPE, *data)
    added.unlink()
    assert train(trained, *NETWORK, *RECIPE, *data) == accuracy


def test_a_model_and_data_of_other_classes(photos: Path, trained: Path, tmp_path: Path) -> None:
    for colour in COLOURS:
        (tmp_path / colour.replace("blue", "yellow")).symlink_to(photos / "val" / colour)
    with pytest.raises(
        UserError, match=r"colours was trained on other classes than those of folder: class 0 is 'blue'"
    ):
        on(tmp_path, trained, f"paths.run_dir={trained}/other")


def test_some_of_the_classes_are_known_by_their_names(photos: Path, trained: Path, tmp_path: Path) -> None:
    for colour in ("green", "red"):
        (tmp_path / colour).symlink_to(photos / "val" / colour)
    found = on(tmp_path, trained, "attack=fgsm")
    assert [of_class["label"] for of_class in found["classes"]] == [1, 2]
    assert found["targets"]["colours"]["clean_accuracy"]["value"] > 0.9


def test_folders_of_wordnet_ids_are_all_the_classes_there_are(photos: Path, tmp_path: Path) -> None:
    ids = {"blue": "n01440764", "green": "n02102040", "red": "n02979186"}
    for part in ("train", "val"):
        (tmp_path / part).mkdir()
        for colour, wordnet_id in ids.items():
            (tmp_path / part / wordnet_id).symlink_to(photos / part / colour)
    data = ["data=folder", f"data.root={tmp_path}/val", f"data.train={tmp_path}/train", "data.num_workers=1"]
    assert train(tmp_path, *NETWORK, *RECIPE, *data) > 0.9
    (said,) = (json.loads(path.read_text()) for path in (tmp_path / "models").glob("*.json"))
    assert said["classes"] == ["tench", "English springer", "cassette player"]
    assert on(tmp_path / "val", tmp_path, "attack=fgsm")["targets"]["colours"]["clean_accuracy"]["value"] > 0.9
    wrong = [*NETWORK, "surrogate.num_classes=1000", *RECIPE, *data]
    with pytest.raises(
        UserError, match=r"no training image of goldfish \(1\), .* or train on the 3 .* surrogate\.num_classes=3"
    ):
        train(tmp_path / "wrong", *wrong)


@pytest.fixture(scope="module")
def cifar10(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A tree as that of CIFAR-10, with few images, of noise."""
    folder = tmp_path_factory.mktemp("cifar10")
    for part, count in (("train", 8), ("test", 2)):
        for label, name in enumerate(CLASSES):
            save_images(folder / part / name, label % 3, count)
    return folder


def test_the_preset_trains_what_is_missing_attacks_and_reports(cifar10: Path, tmp_path: Path) -> None:
    networks = [f"targets.cifar10_{family}" for family in ("resnet", "vgg", "densenet")]
    small = ["training.epochs=1", "data.batch_size=32", "data.validation_every=4", "training.robustness=null"]
    recipes = [f"{network}.recipe.{number}" for network in ["surrogate", *networks] for number in small]
    left_out = ["~targets.cifar10_inception", "~targets.cifar10_mobilenet", "~logger", "~callbacks"]
    paths = [f"paths.cifar10_dir={cifar10}", f"paths.run_dir={tmp_path}/run", f"paths.models_dir={tmp_path}/models"]
    config = composed("experiment=cifar10", "attack.budget.steps=1", *recipes, *left_out, *paths, *NO_PICTURES)
    run_attack(compose_attack_run(config))
    results = json.loads((tmp_path / "run" / "results.json").read_text())
    assert list(results["targets"]) == ["cifar10_resnet", "cifar10_vgg", "cifar10_densenet"]
    assert (results["images"], results["budget"]["eps"]) == (20, pytest.approx(8 / 255))
    assert len(list((tmp_path / "models").glob("*.safetensors"))) == 3
    curves = [path.read_text() for path in (tmp_path / "models").glob("*/csv/version_0/metrics.csv")]
    assert len(curves) == 3
    assert all("val/accuracy" in curve for curve in curves)
