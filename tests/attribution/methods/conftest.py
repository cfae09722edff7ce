from dataclasses import dataclass

import pytest
from torch import Tensor, nn

from naa_lightning.models import Classifier
from tests.models.test_zoo import ours, photographs


@dataclass(frozen=True)
class Photographed:
    """MobileNetV2 with its weights, and two photographs with their classes."""

    surrogate: Classifier
    images: Tensor
    classes: Tensor

    @property
    def layer(self) -> nn.Module:
        return self.surrogate.network.get_submodule("blocks.3.0.bn1")

    def probabilities(self, images: Tensor) -> Tensor:
        logits: Tensor = self.surrogate(images)
        return logits.softmax(1)


@pytest.fixture
def photographed(monkeypatch: pytest.MonkeyPatch) -> Photographed:
    surrogate = ours("mobilenetv2_100_tfqat", monkeypatch).eval().requires_grad_(False)
    assert surrogate.layers == ("blocks.3.0.bn1",)
    return Photographed(surrogate, *photographs(2))
