"""Small networks of three families for 32 x 32 images, trained where they are needed."""

from collections.abc import Callable

import torch
from torch import Tensor, nn


def _conv(inputs: int, outputs: int, size: int = 3, stride: int = 1) -> nn.Sequential:
    return nn.Sequential(
        nn.Conv2d(inputs, outputs, size, stride, padding=size // 2, bias=False),
        nn.BatchNorm2d(outputs),
        nn.ReLU(),
    )


class _Residual(nn.Module):
    def __init__(self, inputs: int, outputs: int, stride: int) -> None:
        super().__init__()
        self.body = nn.Sequential(
            _conv(inputs, outputs, stride=stride),
            nn.Conv2d(outputs, outputs, 3, padding=1, bias=False),
            nn.BatchNorm2d(outputs),
        )
        self.shortcut = nn.Conv2d(inputs, outputs, 1, stride, bias=False)
        self.relu = nn.ReLU()

    def forward(self, inputs: Tensor) -> Tensor:
        return self.relu(self.body(inputs) + self.shortcut(inputs))  # type: ignore[no-any-return]


class _Mixed(nn.Module):
    def __init__(self, inputs: int, outputs: int) -> None:
        super().__init__()
        width = outputs // 4
        self.branches = nn.ModuleList(
            [
                _conv(inputs, width, size=1),
                nn.Sequential(_conv(inputs, width, size=1), _conv(width, width)),
                nn.Sequential(_conv(inputs, width, size=1), _conv(width, width), _conv(width, width)),
                nn.Sequential(nn.AvgPool2d(3, stride=1, padding=1), _conv(inputs, width, size=1)),
            ]
        )

    def forward(self, inputs: Tensor) -> Tensor:
        return torch.cat([branch(inputs) for branch in self.branches], dim=1)


def _network(stem: nn.Module, middle: nn.Module, top: nn.Module, width: int, num_classes: int) -> nn.Module:
    head = nn.Sequential(nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(width, num_classes))
    network = nn.Sequential()
    for name, module in (("stem", stem), ("middle", middle), ("top", top), ("head", head)):
        network.add_module(name, module)
    return network


def plain(num_classes: int) -> nn.Module:
    """Stacked 3 x 3 convolutions with pooling, as in VGG."""
    return _network(
        stem=nn.Sequential(_conv(3, 16), _conv(16, 16), nn.AvgPool2d(2)),
        middle=nn.Sequential(_conv(16, 32), _conv(32, 32)),
        top=nn.Sequential(nn.MaxPool2d(2), _conv(32, 64), nn.MaxPool2d(2), _conv(64, 64)),
        width=64,
        num_classes=num_classes,
    )


def residual(num_classes: int) -> nn.Module:
    """Strided residual units, as in ResNet."""
    return _network(
        stem=_conv(3, 16, stride=2),
        middle=nn.Sequential(_Residual(16, 32, stride=1), _Residual(32, 32, stride=1)),
        top=nn.Sequential(_Residual(32, 64, stride=2), _Residual(64, 64, stride=2)),
        width=64,
        num_classes=num_classes,
    )


def inception(num_classes: int) -> nn.Module:
    """Parallel branches of several receptive fields, as in Inception."""
    return _network(
        stem=nn.Sequential(_conv(3, 16, size=5, stride=2)),
        middle=nn.Sequential(_Mixed(16, 32), _Mixed(32, 48)),
        top=nn.Sequential(nn.MaxPool2d(2), _Mixed(48, 64), nn.MaxPool2d(2), _Mixed(64, 64)),
        width=64,
        num_classes=num_classes,
    )


SMALL_NETWORKS: dict[str, Callable[[int], nn.Module]] = {
    "plain": plain,
    "residual": residual,
    "inception": inception,
}
