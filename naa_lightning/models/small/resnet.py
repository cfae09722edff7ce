"""Residual units: a branch is added to what it starts from, as in ResNet."""

from torch import Tensor, nn

from naa_lightning.models.small.parts import convolution, in_stages, silent_norm


class _Residual(nn.Module):
    def __init__(self, body: nn.Module, shortcut: nn.Module) -> None:
        super().__init__()
        self.body = body
        self.shortcut = shortcut
        self.relu = nn.ReLU()

    def forward(self, inputs: Tensor) -> Tensor:
        return self.relu(self.body(inputs) + self.shortcut(inputs))  # type: ignore[no-any-return]


def _body(inputs: int, outputs: int, stride: int, norm: nn.BatchNorm2d) -> nn.Sequential:
    return nn.Sequential(
        convolution(inputs, outputs, stride=stride), nn.Conv2d(outputs, outputs, 3, padding=1, bias=False), norm
    )


def _digits_unit(inputs: int, outputs: int, stride: int) -> _Residual:
    return _Residual(
        _body(inputs, outputs, stride, nn.BatchNorm2d(outputs)), nn.Conv2d(inputs, outputs, 1, stride, bias=False)
    )


def _cifar_unit(channels: int) -> _Residual:
    return _Residual(_body(channels, channels, 1, silent_norm(channels)), nn.Identity())


def residual(num_classes: int) -> nn.Module:
    """Return four strided units of 32 and 64 channels, for digits."""
    return in_stages(
        stem=convolution(3, 16, stride=2),
        middle=nn.Sequential(_digits_unit(16, 32, stride=1), _digits_unit(32, 32, stride=1)),
        top=nn.Sequential(_digits_unit(32, 64, stride=2), _digits_unit(64, 64, stride=2)),
        width=64,
        num_classes=num_classes,
    )


def cifar_resnet(num_classes: int) -> nn.Module:
    """Return three units of 64 to 256 channels with widening convolutions and pooling between them, for photographs."""
    return in_stages(
        stem=nn.Sequential(convolution(3, 32), convolution(32, 64), nn.MaxPool2d(2)),
        middle=nn.Sequential(_cifar_unit(64), convolution(64, 128)),
        top=nn.Sequential(nn.MaxPool2d(2), _cifar_unit(128), convolution(128, 256), nn.MaxPool2d(2), _cifar_unit(256)),
        width=256,
        num_classes=num_classes,
    )
