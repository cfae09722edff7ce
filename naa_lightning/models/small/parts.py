"""What all small networks are made of."""

from torch import nn


def convolution(inputs: int, outputs: int, size: int = 3, stride: int = 1, groups: int = 1) -> nn.Sequential:
    """Return a convolution that keeps places (at stride 1), its normalisation and a ReLU.

    Args:
        inputs: Channels in.
        outputs: Channels out.
        size: Side of the kernel, odd.
        stride: Step between places.
        groups: Groups of channels that see only themselves; as many as channels make it depthwise.
    """
    return nn.Sequential(
        nn.Conv2d(inputs, outputs, size, stride, padding=size // 2, groups=groups, bias=False),
        nn.BatchNorm2d(outputs),
        nn.ReLU(),
    )


def silent_norm(channels: int) -> nn.BatchNorm2d:
    """Return a normalisation that starts by putting out zeros, so that a residual unit starts as its shortcut."""
    norm = nn.BatchNorm2d(channels)
    nn.init.zeros_(norm.weight)
    return norm


def in_stages(stem: nn.Module, middle: nn.Module, top: nn.Module, width: int, num_classes: int) -> nn.Module:
    """Return the frame of a small network, whose children are `stem`, `middle`, `top` and a linear `head`.

    Args:
        stem: The first layers, which take images of shape (B, 3, H, W).
        middle: The layers whose output attacks on features change.
        top: The last layers, with an output of shape (B, width, h, w).
        width: Number of channels that `top` puts out.
        num_classes: Number of logits that the head puts out.
    """
    head = nn.Sequential(nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(width, num_classes))
    network = nn.Sequential()
    for name, module in (("stem", stem), ("middle", middle), ("top", top), ("head", head)):
        network.add_module(name, module)
    return network
