"""Real networks: this project against their own loading instructions."""

import csv
import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import timm
import torch
import torchvision
from hydra import compose, initialize_config_dir
from hydra.utils import instantiate
from PIL import Image
from safetensors.torch import load_file
from torch import Tensor, nn
from torch.nn import functional as F

from naa_lightning.models import Classifier
from tests.conftest import shared
from tests.experiments import CONF

ROOT = Path(__file__).parents[2]
CONFIGURED = sorted(path.stem for path in (ROOT / "tests" / "zoo" / "surrogate").glob("*.yaml"))


def entries() -> dict[str, dict[str, Any]]:
    return {entry["name"]: entry for entry in json.loads((shared("zoo") / "zoo.json").read_text())}


def ours(name: str, monkeypatch: pytest.MonkeyPatch) -> Classifier:
    monkeypatch.setenv("ZOO", str(shared("zoo")))
    with initialize_config_dir(str(CONF), version_base="1.3"):
        config = compose(
            "attack", overrides=[f"hydra.searchpath=[file://{ROOT / 'tests' / 'zoo'}]", f"surrogate={name}"]
        )
    model: Classifier = instantiate(config.surrogate, _convert_="all").build()
    return model


def theirs(entry: dict[str, Any]) -> nn.Module:
    create = timm.create_model if entry["library"] == "timm" else torchvision.models.get_model
    network: nn.Module = create(entry["architecture"], **entry["create_kwargs"])
    network.load_state_dict(load_file(shared("zoo") / entry["file"]))
    return network.eval()


def normalised(images: Tensor, entry: dict[str, Any]) -> Tensor:
    mean, std = (torch.tensor(entry[key]).view(3, 1, 1) for key in ("mean", "std"))
    resized = F.interpolate(images, size=entry["input_size"][1:], mode="bilinear", align_corners=False, antialias=False)
    return (resized - mean) / std


def photographs(count: int) -> tuple[Tensor, Tensor]:
    folder = shared("images")
    with (folder / "dev_dataset.csv").open() as file:
        classes = {row["ImageId"]: int(row["TrueLabel"]) - 1 for row in csv.DictReader(file)}
    paths = sorted((folder / "images").glob("*.png"))[:count]
    images = torch.stack([torch.from_numpy(np.array(Image.open(path))) for path in paths]).permute(0, 3, 1, 2) / 255
    return images, torch.tensor([classes[path.stem] for path in paths])


@torch.no_grad()
@pytest.mark.parametrize("name", CONFIGURED)
def test_logits_are_those_of_the_networks_own_instructions(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    entry, (images, _) = entries()[name], photographs(16)
    expected = theirs(entry)(normalised(images, entry))
    torch.testing.assert_close(ours(name, monkeypatch)(images), expected, rtol=0, atol=1e-5)


def test_every_network_is_configured() -> None:
    assert set(entries()) == set(CONFIGURED)


@torch.no_grad()
def test_accuracy_is_the_published_one(monkeypatch: pytest.MonkeyPatch) -> None:
    """Measured on 200 of the 1,000 images of the published accuracy.

    The standard error of 200 images is up to 3.5 points, 2.6 at this accuracy, and less as they are drawn without
    replacement; the images are always the same, so that the test does not flicker.
    """
    name = "mobilenetv1_100_224"
    model, (images, classes) = ours(name, monkeypatch), photographs(200)
    assert len(images) == 200
    predicted = torch.cat([model(batch).argmax(1) for batch in torch.split(images, 20)])
    accuracy = 100 * float((predicted == classes).double().mean())
    assert accuracy == pytest.approx(entries()[name]["top1_on_1000"], abs=3)
