"""A small classifier with normalisation and dropout, and the forms that data loaders give batches in."""

from typing import Any

import torch
from pytorch_lightning import Trainer
from torch import Tensor, nn
from torch.utils.data import DataLoader, Dataset, TensorDataset

from naa_lightning.attacks import Attack, Budget, Momentum, NeuronAttribution
from naa_lightning.models import Classifier

COUNT = 5
IMAGES = torch.rand(COUNT, 3, 12, 12, generator=torch.Generator().manual_seed(0))
LABELS = torch.tensor([3, 1, 0, 2, 3])


class Dicts(Dataset[dict[str, Any]]):
    """Items as dicts, under the names that a library gives them."""

    def __init__(self, **columns: Tensor) -> None:
        self.columns = columns

    def __len__(self) -> int:
        return COUNT

    def __getitem__(self, index: int) -> dict[str, Any]:
        return {name: values[index] for name, values in self.columns.items()}


def pairs(images: Tensor = IMAGES, batch_size: int = 2, num_workers: int = 0) -> DataLoader[Any]:
    """An ordinary loader of (images, labels)."""
    return DataLoader(TensorDataset(images, LABELS), batch_size=batch_size, num_workers=num_workers)


def classifier() -> Classifier:
    torch.manual_seed(0)
    network = nn.Sequential(
        nn.Conv2d(3, 8, 3),
        nn.BatchNorm2d(8),
        nn.ReLU(inplace=True),
        nn.Dropout(0.2),
        nn.Conv2d(8, 8, 3),
        nn.AdaptiveAvgPool2d(1),
        nn.Flatten(),
        nn.Linear(8, 4),
    )
    norm = network[1]
    assert isinstance(norm, nn.BatchNorm2d)
    assert norm.running_mean is not None
    norm.running_mean.uniform_(-0.2, 0.2)
    return Classifier(network, mean=[0.5] * 3, std=[0.25] * 3, layer="2")


def layer(model: Classifier, index: int) -> Any:
    """A layer of the network above."""
    return model.network.get_submodule(str(index))


def attack(*, targeted: bool = False) -> Attack:
    budget = Budget(eps="8/255", steps=2)
    return Attack(objective=NeuronAttribution(path_points=3), update=Momentum(), budget=budget, targeted=targeted)


def trainer(**options: Any) -> Trainer:
    """A Trainer as people make it, only quiet."""
    quiet = {"logger": False, "enable_checkpointing": False, "enable_progress_bar": False}
    return Trainer(accelerator="cpu", enable_model_summary=False, **{**quiet, **options})
