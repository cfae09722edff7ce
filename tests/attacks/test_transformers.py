"""Attacks on vision transformers of timm, whose blocks put out tokens."""

from typing import Any

import pytest
import timm
import torch
from timm.layers.hybrid_embed import HybridEmbed
from torch import Tensor, nn

from naa_lightning.config.attack import compose_attack
from naa_lightning.models import Classifier
from naa_lightning.rng import SeededDraws
from tests.attacks.test_every_attack import ATTACKS, compose, configured

SIZES: dict[str, Any] = {"img_size": 32, "embed_dim": 48, "depth": 3, "num_heads": 3, "num_classes": 10}
FEATURE_LEVEL = [name for name in ATTACKS if compose_attack(configured(name)).objective.feature_level]


def plain() -> nn.Module:
    network: nn.Module = timm.create_model("vit_base_patch16_224", patch_size=8, **SIZES)
    return network


def hybrid() -> nn.Module:
    """Tokens are places of a convolutional network's output."""
    backbone = timm.create_model("test_resnet", features_only=True, out_indices=[2])
    network: nn.Module = timm.models.VisionTransformer(
        embed_layer=lambda **options: HybridEmbed(backbone=backbone, **options), patch_size=1, **SIZES
    )
    return network


@pytest.mark.parametrize("make", [plain, hybrid])
@pytest.mark.parametrize("name", FEATURE_LEVEL)
def test_feature_level_attacks_on_tokens(name: str, make: type[nn.Module]) -> None:
    torch.manual_seed(0)
    surrogate = Classifier(make(), mean=[0.5] * 3, std=[0.5] * 3, input_size=(32, 32), layer="blocks.1")
    images = torch.rand(2, 3, 32, 32, generator=torch.Generator().manual_seed(0))
    tokens = surrogate.features(images)
    assert tokens.ndim == 3
    assert tokens.shape[2] == 48
    crafted = compose(name)(surrogate, images, torch.tensor([0, 3]), SeededDraws(0, [0, 1]))
    assert 0 < (crafted - images).abs().max() <= 16.001 / 255
    moved: Tensor = (surrogate.features(crafted) - tokens).flatten(1).norm(dim=1)
    assert (moved > 0.01 * tokens.flatten(1).norm(dim=1)).all()
