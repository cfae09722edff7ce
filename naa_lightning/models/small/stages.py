"""The frame of every small network: a stem, a middle that is attacked, a top and a linear head."""

from torch import nn


def in_stages(stem: nn.Module, middle: nn.Module, top: nn.Module, width: int, num_classes: int) -> nn.Module:
    """Return a network whose children are `stem`, `middle`, `top` and `head`.

    Args:
        stem: The first layers, which take images of shape (B, 3, H, W).
        middle: Its output is what attacks on features change.
        top: Puts out (B, width, h, w).
        width: Channels that `top` puts out.
        num_classes: Logits that the head puts out.
    """
    head = nn.Sequential(nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(width, num_classes))
    network = nn.Sequential()
    for name, module in (("stem", stem), ("middle", middle), ("top", top), ("head", head)):
        network.add_module(name, module)
    return network
