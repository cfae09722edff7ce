"""Models as they are described, and the files of saved ones."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import nn

from naa_lightning.exceptions import UserError
from naa_lightning.models import TrainedModel
from naa_lightning.models.library_model import LibraryModel
from naa_lightning.models.saved import save_model, saved_model
from naa_lightning.models.timm_model import TimmModel
from naa_lightning.models.torchvision_model import TorchvisionModel

SMALL = TrainedModel(
    name="mine",
    architecture="plain",
    layer=["middle", "top"],
    mean=[0.1, 0.2, 0.3],
    std=[0.4, 0.5, 0.6],
    input_size=[32, 24],
    num_classes=3,
    classes=["cat", "dog", "\N{SNOWMAN}"],
    antialias=True,
    models_dir="elsewhere",
    recipe={"epochs": 3},
)
TIMM = TimmModel(
    name="mine",
    architecture="test_resnet.r160_in1k",
    layer="layer2",
    num_classes=5,
    interpolation="bicubic",
    create_kwargs={"drop_rate": 0.5},
)
TORCHVISION = TorchvisionModel(
    name="mine",
    architecture="squeezenet1_1.IMAGENET1K_V1",
    layer="features.5",
    num_classes=4,
    mean=[0.1, 0.2, 0.3],
    input_size=(64, 64),
)
MOBILENET = TimmModel(name="mine", architecture="mobilenetv2_100.ra_in1k")
SQUEEZENET = TorchvisionModel(name="mine", architecture="squeezenet1_1.IMAGENET1K_V1")
TRAINED = TrainedModel(
    name="mine",
    architecture="plain",
    layer="middle",
    mean=[0.5] * 3,
    std=[0.5] * 3,
    input_size=[32, 32],
    num_classes=10,
    models_dir="models",
    recipe={"training": {"epochs": 6}, "data": {"seed": 0}},
)


def network_of(source: LibraryModel) -> nn.Module:
    """A network that differs from an untrained one in every number, in evaluation mode."""
    torch.manual_seed(0)
    network = source.network(pretrained=False)
    for value in network.state_dict().values():
        value.add_(0.1 * torch.rand_like(value) if value.is_floating_point() else 7)
    return network.eval()


def saved(folder: Path, source: LibraryModel = SMALL, stem: str = "mine-0123456789ab", **facts: Any) -> Path:
    path = folder / f"{stem}.safetensors"
    save_model(path, source, network_of(source), facts)
    return path


def description(path: Path) -> dict[str, Any]:
    content: dict[str, Any] = json.loads(path.with_suffix(".json").read_text())
    return content


def redescribed(path: Path, change: Callable[[dict[str, Any]], object]) -> None:
    content = description(path)
    change(content)
    path.with_suffix(".json").write_text(json.dumps(content))


def refusal(model: str | Path, folder: Path) -> str:
    with pytest.raises(UserError) as error:
        saved_model(str(model), str(folder))
    assert "\n" not in str(error.value)
    return str(error.value)
