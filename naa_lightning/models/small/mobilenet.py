"""Depthwise convolutions between a widening and a narrowing, as in MobileNetV2.

Pooling halves the resolution, not strides: strided depthwise convolutions in bfloat16 are several times slower on CPUs.
"""

from torch import Tensor, nn

from naa_lightning.models.small.parts import convolution, in_stages, silent_norm


class _Inverted(nn.Module):
    def __init__(self, inputs: int, outputs: int) -> None:
        super().__init__()
        width = 3 * inputs
        self.residual = inputs == outputs
        self.body = nn.Sequential(
            convolution(inputs, width, size=1),
            convolution(width, width, groups=width),
            nn.Conv2d(width, outputs, 1, bias=False),
            silent_norm(outputs) if self.residual else nn.BatchNorm2d(outputs),
        )

    def forward(self, inputs: Tensor) -> Tensor:
        outputs: Tensor = self.body(inputs)
        return inputs + outputs if self.residual else outputs


def cifar_mobilenet(num_classes: int) -> nn.Module:
    """Return seven units of 48 to 160 channels with pooling between them, for photographs."""
    return in_stages(
        stem=nn.Sequential(convolution(3, 32), _Inverted(32, 48), nn.MaxPool2d(2)),
        middle=nn.Sequential(_Inverted(48, 48), nn.MaxPool2d(2), _Inverted(48, 96), _Inverted(96, 96)),
        top=nn.Sequential(
            _Inverted(96, 96),
            nn.MaxPool2d(2),
            _Inverted(96, 160),
            _Inverted(160, 160),
            convolution(160, 320, size=1),
        ),
        width=320,
        num_classes=num_classes,
    )
