"""Small networks of several families for 32 x 32 images, trained where they are needed.

Three are for images as plain as digits and train in seconds. Those called `cifar_*` are for photographs: each has fewer
than two million parameters, so that a CPU can train it.
"""

from collections.abc import Callable

from torch import nn

from naa_lightning.models.small.densenet import cifar_densenet
from naa_lightning.models.small.inception import cifar_inception, inception
from naa_lightning.models.small.mobilenet import cifar_mobilenet
from naa_lightning.models.small.resnet import cifar_resnet, residual
from naa_lightning.models.small.vgg import cifar_vgg, plain

__all__ = [
    "SMALL_NETWORKS",
    "cifar_densenet",
    "cifar_inception",
    "cifar_mobilenet",
    "cifar_resnet",
    "cifar_vgg",
    "inception",
    "plain",
    "residual",
]

SMALL_NETWORKS: dict[str, Callable[[int], nn.Module]] = {
    "plain": plain,
    "residual": residual,
    "inception": inception,
    "cifar_resnet": cifar_resnet,
    "cifar_vgg": cifar_vgg,
    "cifar_inception": cifar_inception,
    "cifar_densenet": cifar_densenet,
    "cifar_mobilenet": cifar_mobilenet,
}
