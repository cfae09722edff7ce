"""The golden network written out, and what tests of objectives share."""

from dataclasses import dataclass, field

import torch
from torch import Tensor

from naa_lightning.attacks import (
    AttackContext,
    Objective,
    PreparedObjective,
    SeededDraws,
)
from naa_lightning.models import Classifier
from tests.conftest import GoldenNetwork, showing

DRAWS = SeededDraws(0, [0, 1, 2])
LABELS = torch.tensor([0, 7, 3])


@dataclass
class Views:
    """What a surrogate sees in which pass: the images themselves, kept."""

    seen: dict[int, Tensor] = field(default_factory=dict)

    def __call__(self, images: Tensor, number: int) -> Tensor:
        assert number not in self.seen
        self.seen[number] = images.detach()
        return images

    @property
    def copies(self) -> list[Tensor]:
        return list(self.seen.values())


def random_images(seed: int, *size: int) -> Tensor:
    shape = (3, 3, *(size or (8, 8)))
    return 0.05 + 0.9 * torch.rand(shape, dtype=torch.float64, generator=torch.Generator().manual_seed(seed))


def prepare(
    objective: Objective, surrogate: Classifier, images: Tensor, views: Views | None = None
) -> PreparedObjective:
    return objective.prepare(AttackContext(surrogate, images, LABELS, DRAWS, views or Views()))


def network_of(surrogate: Classifier) -> GoldenNetwork:
    assert isinstance(surrogate.network, GoldenNetwork)
    return surrogate.network


def below(surrogate: Classifier, images: Tensor) -> Tensor:
    """The attacked layer's output, written out."""
    network = network_of(surrogate)
    features: Tensor = network.conv2(network.conv1((images - 0.5) / 0.5).relu()).relu()
    return features


def above(surrogate: Classifier, features: Tensor) -> Tensor:
    network = network_of(surrogate)
    logits: Tensor = network.fc(network.conv3(features).relu().mean(dim=(2, 3)))
    return logits


def different(tensors: Tensor) -> int:
    """How many different ones there are along the first dimension."""
    return len({tensor.numpy().tobytes() for tensor in tensors})


def gradient_of(score: Tensor, at: Tensor) -> Tensor:
    return torch.autograd.grad(score.sum(), at)[0]


def logit_gradient(surrogate: Classifier, images: Tensor) -> Tensor:
    """Of the label's logit with respect to the attacked layer, one image after the other."""
    gradients = []
    for image, label in zip(images, LABELS, strict=True):
        features = below(surrogate, image[None]).detach().requires_grad_()
        gradients.append(gradient_of(above(surrogate, features)[0, label], features))
    return torch.cat(gradients)


def scaled(gradients: Tensor) -> Tensor:
    return torch.stack([gradient / gradient.square().sum().sqrt() for gradient in gradients])


def assert_weighs(prepared: PreparedObjective, weights: Tensor, surrogate: Classifier, images: Tensor) -> None:
    """What the prepared increases is -sum(y w), and so are its gradients."""
    for seed in range(2, 5):
        point = random_images(seed, *images.shape[2:]).requires_grad_()
        ours, expected = prepared.score(point, showing(images)), -(below(surrogate, point) * weights).sum((1, 2, 3))
        torch.testing.assert_close(ours, expected)
        torch.testing.assert_close(gradient_of(ours, point), gradient_of(expected, point))
