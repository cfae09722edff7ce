"""NAA as one writes it down from the paper: whole passes, a hook on the layer, and nothing else thought of."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TypeAlias

import torch
from torch import Tensor, nn

from naa_lightning.data import Batch
from naa_lightning.models import Classifier
from tests.benchmarks.ours import Craft
from tests.benchmarks.peers import as_saved
from tests.benchmarks.settings import EPS, Settings

Logits: TypeAlias = Callable[[Tensor], Tensor]


def plain_crafting(surrogate: Classifier, settings: Settings) -> Craft:
    """Return the plain loop on a surrogate whose weights are frozen."""
    surrogate.to(settings.device).requires_grad_(False)
    layer = surrogate.network.get_submodule(surrogate.layers[0])

    def logits(images: Tensor) -> Tensor:
        output: Tensor = surrogate.network(surrogate.preprocess(images))
        return output

    def craft(batch: Batch) -> Tensor:
        return as_saved(naa(logits, layer, batch["image"], batch["label"], settings.points, settings.steps))

    return craft


def naa(logits: Logits, layer: nn.Module, images: Tensor, labels: Tensor, points: int, steps: int) -> Tensor:
    """Craft adversarial images by the paper's equations 5 to 9, with gamma 1 and identities for f_p and f_n.

    Args:
        logits: Of images in [0, 1].
        layer: The attacked one.
        images: (B, 3, H, W) in [0, 1].
        labels: (B,).
        points: N.
        steps: T.
    """
    with kept_output(layer) as kept:
        total = torch.zeros((), device=images.device)
        for point in range(1, points + 1):
            on_path = (images * point / points).requires_grad_()
            probability = logits(on_path).softmax(1).gather(1, labels[:, None])
            total = total + torch.autograd.grad(probability.sum(), kept[-1])[0]
        weights = total / points
        logits(torch.zeros_like(images))
        black = kept[-1]

        adversarial, momentum = images.clone(), torch.zeros_like(images)
        for _ in range(steps):
            adversarial.requires_grad_()
            logits(adversarial)
            attribution = ((kept[-1] - black) * weights).sum()
            gradient = torch.autograd.grad(attribution, adversarial)[0]
            momentum = momentum + gradient / gradient.abs().mean((1, 2, 3), keepdim=True)
            adversarial = adversarial.detach() - EPS / steps * momentum.sign()
            adversarial = adversarial.clamp(images - EPS, images + EPS).clamp(0, 1)
    return adversarial


@contextmanager
def kept_output(layer: nn.Module) -> Iterator[list[Tensor]]:
    """Keep what a layer puts out last."""
    kept: list[Tensor] = []

    def keep(_module: nn.Module, _inputs: object, output: Tensor) -> None:
        kept[:] = [output]

    handle = layer.register_forward_hook(keep)
    try:
        yield kept
    finally:
        handle.remove()
