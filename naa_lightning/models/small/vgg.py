"""Stacked 3 x 3 convolutions with pooling, as in VGG."""

from torch import nn

from naa_lightning.models.small.parts import convolution, in_stages


def plain(num_classes: int) -> nn.Module:
    """Return six convolutions of 16 to 64 channels, for digits."""
    return in_stages(
        stem=nn.Sequential(convolution(3, 16), convolution(16, 16), nn.AvgPool2d(2)),
        middle=nn.Sequential(convolution(16, 32), convolution(32, 32)),
        top=nn.Sequential(nn.MaxPool2d(2), convolution(32, 64), nn.MaxPool2d(2), convolution(64, 64)),
        width=64,
        num_classes=num_classes,
    )


def cifar_vgg(num_classes: int) -> nn.Module:
    """Return seven convolutions of 32 to 256 channels, for photographs."""
    return in_stages(
        stem=nn.Sequential(convolution(3, 32), convolution(32, 64), nn.MaxPool2d(2)),
        middle=nn.Sequential(convolution(64, 64), convolution(64, 128)),
        top=nn.Sequential(
            nn.MaxPool2d(2),
            convolution(128, 128),
            convolution(128, 256),
            nn.MaxPool2d(2),
            convolution(256, 256),
        ),
        width=256,
        num_classes=num_classes,
    )
