"""The network and the images that everything is measured on: random, and the same each time."""

import torch
from torch import Tensor, nn

from naa_lightning.data import Batch
from naa_lightning.models import Classifier
from tests.benchmarks.settings import SEED, Settings


def random_surrogate(settings: Settings) -> Classifier:
    """Build the network with random weights of one seed, in evaluation mode, on the CPU.

    Each call builds another one with the same weights, because a contender may rearrange its own.
    """
    torch.manual_seed(SEED)
    surrogate = settings.source.wrap(settings.source.network(pretrained=False)).eval()
    image = random_images(settings, 1) / 255
    masked = image * (torch.rand(image.shape) < 0.7)
    settle(surrogate, torch.cat([image, masked, image / 3, torch.zeros_like(image)]))
    return surrogate


def random_images(settings: Settings, count: int) -> Tensor:
    """Draw images of the network's size, uint8 (count, 3, H, W)."""
    generator = torch.Generator().manual_seed(SEED)
    return torch.randint(256, (count, 3, *settings.size), dtype=torch.uint8, generator=generator)


def random_labels(settings: Settings, count: int) -> Tensor:
    """Draw classes, int64 (count,)."""
    return torch.randint(settings.source.num_classes, (count,), generator=torch.Generator().manual_seed(SEED))


def random_batch(settings: Settings) -> Batch:
    """Return a run's images and labels, on its device."""
    count = settings.images
    batch: Batch = {
        "image": random_images(settings, count) / 255,
        "label": random_labels(settings, count),
        "target_class": torch.full((count,), -1),
        "id": torch.arange(count),
    }
    return {key: value.to(settings.device) for key, value in batch.items()}  # type: ignore[return-value, attr-defined]


def settle(surrogate: nn.Module, images: Tensor) -> None:
    """Give batch norms the statistics of images, of every kind that attacks show a network.

    With those of a fresh network, activations grow from layer to layer until the softmax's gradients are 0 or denormal,
    which processors multiply many times as slowly.
    """
    kinds = nn.BatchNorm1d | nn.BatchNorm2d | nn.SyncBatchNorm
    norms = [module for module in surrogate.modules() if isinstance(module, kinds)]
    usual = [norm.momentum for norm in norms]
    for norm in norms:
        norm.reset_running_stats()
        norm.momentum = None  # the plain mean over what is seen
        norm.train()
    with torch.no_grad():
        surrogate(images)
    for norm, momentum in zip(norms, usual, strict=True):
        norm.momentum = momentum
        norm.eval()
