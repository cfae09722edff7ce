"""Parallel branches of several receptive fields, as in Inception."""

import torch
from torch import Tensor, nn

from naa_lightning.models.small.parts import convolution, in_stages


class _Mixed(nn.Module):
    def __init__(self, inputs: int, single: int, small: tuple[int, int], large: tuple[int, int], pooled: int) -> None:
        super().__init__()
        self.branches = nn.ModuleList(
            [
                convolution(inputs, single, size=1),
                nn.Sequential(convolution(inputs, small[0], size=1), convolution(*small)),
                nn.Sequential(
                    convolution(inputs, large[0], size=1), convolution(*large), convolution(large[1], large[1])
                ),
                nn.Sequential(nn.AvgPool2d(3, stride=1, padding=1), convolution(inputs, pooled, size=1)),
            ]
        )

    def forward(self, inputs: Tensor) -> Tensor:
        return torch.cat([branch(inputs) for branch in self.branches], dim=1)


def _even(inputs: int, outputs: int) -> _Mixed:
    width = outputs // 4
    return _Mixed(inputs, width, (width, width), (width, width), width)


def inception(num_classes: int) -> nn.Module:
    """Return four blocks of 32 to 64 channels in even branches, for digits."""
    return in_stages(
        stem=nn.Sequential(convolution(3, 16, size=5, stride=2)),
        middle=nn.Sequential(_even(16, 32), _even(32, 48)),
        top=nn.Sequential(nn.MaxPool2d(2), _even(48, 64), nn.MaxPool2d(2), _even(64, 64)),
        width=64,
        num_classes=num_classes,
    )


def cifar_inception(num_classes: int) -> nn.Module:
    """Return five blocks of 112 to 384 channels, most of them in the 3 x 3 branch, for photographs."""
    return in_stages(
        stem=nn.Sequential(convolution(3, 32), convolution(32, 64), nn.MaxPool2d(2)),
        middle=nn.Sequential(
            _Mixed(64, 24, (32, 48), (16, 24), 16),
            _Mixed(112, 32, (48, 64), (16, 32), 24),
        ),
        top=nn.Sequential(
            nn.MaxPool2d(2),
            _Mixed(152, 48, (64, 96), (24, 48), 32),
            _Mixed(224, 64, (80, 128), (32, 64), 32),
            nn.MaxPool2d(2),
            _Mixed(288, 96, (96, 160), (48, 64), 64),
        ),
        width=384,
        num_classes=num_classes,
    )
