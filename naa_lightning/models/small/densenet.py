"""Layers that each see the outputs of all before them, as in DenseNet."""

import torch
from torch import Tensor, nn

from naa_lightning.models.small.parts import convolution, in_stages

_GROWTH = 20


class _Dense(nn.Module):
    def __init__(self, inputs: int) -> None:
        super().__init__()
        self.new = nn.Sequential(
            nn.BatchNorm2d(inputs),
            nn.ReLU(),
            convolution(inputs, 4 * _GROWTH, size=1),
            nn.Conv2d(4 * _GROWTH, _GROWTH, 3, padding=1, bias=False),
        )

    def forward(self, inputs: Tensor) -> Tensor:
        return torch.cat([inputs, self.new(inputs)], dim=1)


def _block(inputs: int, outputs: int) -> nn.Sequential:
    return nn.Sequential(*(_Dense(channels) for channels in range(inputs, outputs, _GROWTH)))


def _transition(inputs: int, outputs: int) -> nn.Sequential:
    return nn.Sequential(nn.BatchNorm2d(inputs), nn.ReLU(), nn.Conv2d(inputs, outputs, 1, bias=False), nn.AvgPool2d(2))


def cifar_densenet(num_classes: int) -> nn.Module:
    """Return blocks of four, six and six layers that add 20 channels each, for photographs."""
    return in_stages(
        stem=nn.Sequential(convolution(3, 32), convolution(32, 64), nn.AvgPool2d(2)),
        middle=nn.Sequential(_block(64, 144), _transition(144, 112), _block(112, 232)),
        top=nn.Sequential(_transition(232, 116), _block(116, 236), nn.BatchNorm2d(236), nn.ReLU()),
        width=236,
        num_classes=num_classes,
    )
