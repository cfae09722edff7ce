import numpy as np
import pytest
import torch
from torch import Tensor, nn

from naa_lightning.attacks import (
    FeatureDisruption,
)
from naa_lightning.models import Classifier
from tests.attacks.objectives.written_out import below, gradient_of, network_of, prepare, random_images
from tests.conftest import showing


class TokenNetwork(nn.Module):
    """Puts out tokens (B, N, D) at `tokens`."""

    def __init__(self) -> None:
        super().__init__()
        self.conv = nn.Conv2d(3, 6, 2, stride=2)
        self.tokens = nn.Identity()
        self.fc = nn.Linear(6, 10)

    def forward(self, inputs: Tensor) -> Tensor:
        tokens: Tensor = self.tokens(self.conv(inputs).flatten(2).transpose(1, 2))
        logits: Tensor = self.fc(tokens.mean(1))
        return logits


def fda(before: Tensor, after: Tensor, channels: int) -> list[float]:
    """Per image, log of the half square sum where features were weak, less that where they were strong."""
    scores = []
    for clean, adversarial in zip(before.detach().numpy(), after.detach().numpy(), strict=True):
        weak = clean < np.mean(clean, axis=channels, keepdims=True)
        squares = adversarial**2
        scores.append(float(np.log(squares[weak].sum() / 2) - np.log(squares[~weak].sum() / 2)))
    return scores


def test_fda_compares_maps_along_their_channels(tiny: Classifier, images: Tensor, adversarial: Tensor) -> None:
    prepared = prepare(FeatureDisruption(), tiny, images)
    for clean in (images, random_images(3)):
        expected = fda(below(tiny, clean), below(tiny, adversarial), channels=0)
        assert prepared.score(adversarial, showing(clean)).tolist() == pytest.approx(expected)


def test_fda_compares_tokens_along_their_features(images: Tensor, adversarial: Tensor) -> None:
    torch.manual_seed(0)
    network = TokenNetwork().double()
    surrogate = Classifier(network, mean=[0.5] * 3, std=[0.5] * 3, layer="tokens").double()
    prepared = prepare(FeatureDisruption(), surrogate, images)
    tokens = [network.conv(2 * seen - 1).flatten(2).transpose(1, 2) for seen in (images, adversarial)]
    assert prepared.score(adversarial, showing(images)).tolist() == pytest.approx(fda(tokens[0], tokens[1], channels=1))


def test_fda_takes_features_at_the_mean_for_strong(images: Tensor, adversarial: Tensor) -> None:
    """With a layer that puts out the image itself, whose upper half is grey."""
    network = nn.Sequential(nn.Identity(), nn.AdaptiveAvgPool2d(1), nn.Flatten())
    surrogate = Classifier(network, mean=[0.0] * 3, std=[1.0] * 3, layer="0").double()
    images[:, :, :4] = 0.5
    score = prepare(FeatureDisruption(), surrogate, images).score(adversarial, showing(images))
    assert score.tolist() == pytest.approx(fda(images, adversarial, channels=0))


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_fda_is_finite_where_all_features_are_zero(dtype: torch.dtype, tiny: Classifier, images: Tensor) -> None:
    surrogate, point = tiny.to(dtype), images.to(dtype).requires_grad_()
    nn.init.constant_(network_of(surrogate).get_parameter("conv2.bias"), -1e6)
    assert not surrogate.features(point).any()
    score = prepare(FeatureDisruption(), surrogate, images.to(dtype)).score(point, showing(images.to(dtype)))
    assert score.isfinite().all()
    assert torch.equal(gradient_of(score, point), torch.zeros_like(point))
