from collections.abc import Iterator

import pytest
import torch
from torch import Tensor, nn

from naa_lightning.models import Classifier


@pytest.fixture
def images() -> Tensor:
    return torch.rand(2, 3, 6, 6, dtype=torch.float64, generator=torch.Generator().manual_seed(0))


def classifier(*modules: nn.Module, layer: str, gain: float = 1.0) -> Classifier:
    """A chain of modules in float64, their random weights multiplied by the gain."""
    network = nn.Sequential(*modules)
    with torch.no_grad():
        for parameter in network.parameters():
            parameter.mul_(gain)
    return Classifier(network, mean=[0.5] * 3, std=[0.5] * 3, layer=layer).double()


@pytest.fixture
def straight() -> Classifier:
    """The attacked layer is affine in the image: the features' path to black is straight, as the image's."""
    torch.manual_seed(0)
    head = [nn.Softplus(), nn.Conv2d(4, 4, 3), nn.Softplus(), nn.Flatten(), nn.Linear(16, 5)]
    return classifier(nn.Conv2d(3, 4, 3), *head, layer="0")


@pytest.fixture
def smooth() -> Classifier:
    """Infinitely differentiable; the attacked layer is curved in the image, and the logits in the attacked layer."""
    torch.manual_seed(0)
    body, head = [nn.Conv2d(3, 4, 3), nn.Tanh()], [nn.Conv2d(4, 4, 3), nn.Tanh(), nn.Flatten(), nn.Linear(16, 5)]
    return classifier(*body, *head, layer="1", gain=3.0)


@pytest.fixture
def linear() -> Classifier:
    """Affine from the image to the logits."""
    torch.manual_seed(0)
    return classifier(nn.Conv2d(3, 4, 3), nn.Conv2d(4, 4, 3), nn.Flatten(), nn.Linear(16, 5), layer="0")


@pytest.fixture
def float64_by_default() -> Iterator[None]:
    """Captum places its points in the default precision."""
    before = torch.get_default_dtype()
    torch.set_default_dtype(torch.float64)
    yield
    torch.set_default_dtype(before)
