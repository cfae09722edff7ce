"""Where in the image a classifier looks for a class: Grad-CAM.

Not imported by the package itself, because captum takes a second to load.
"""

from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from typing import Any

import torch
from captum.attr import LayerGradCam, LayerGradientXActivation
from torch import Tensor, nn

from naa_lightning.attribution.spatial import Layout, layout_of, spatial_map
from naa_lightning.models import Classifier, as_classifier, frozen
from naa_lightning.models.inputs import Classes, Images, as_batch
from naa_lightning.models.layer import LayerError


def attention(model: nn.Module, images: Images, classes: Classes) -> Tensor:
    """Return where in the images a classifier looks for a class.

    Taken over the last layer that still has places in the image and on whose places the class's logit depends. Where
    its output is (B, C, h, w) this is Grad-CAM (Selvaraju et al., ICCV 2017): the sum over channels of activation times
    gradient averaged over places, its positive part. Networks that put channels last, and vision transformers with
    their tokens, have no such layer; there it is the positive part of the sum over channels of activation times
    gradient, place by place. In a transformer that decides by its class token, that layer is the normalisation before
    the last attention, or its projection to queries, keys and values: above these the other tokens no longer matter.

    Args:
        model: The classifier, or a network that `as_classifier` takes; parameters and mode are left as they were.
        images: Images of shape (B, 3, H, W) in [0, 1], of any float type and on any device; or B of them.
        classes: Classes of shape (B,).

    Returns:
        Maps of shape (B, h, w), at least 0, on the layer's grid and the classifier's device.

    Raises:
        LayerError: No layer of the network has places in the image.
        ValueError: The classifier, images or classes are not as described.

    Example:
        >>> network = nn.Sequential(nn.Conv2d(3, 4, 3), nn.AdaptiveAvgPool2d(1), nn.Flatten())
        >>> model = Classifier(network, mean=[0.5] * 3, std=[0.5] * 3)
        >>> attention(model, torch.rand(2, 3, 9, 9), [0, 3]).shape
        torch.Size([2, 7, 7])
    """
    classifier = as_classifier(model)
    batch = as_batch(classifier, images, classes)
    with frozen(classifier), torch.enable_grad():
        size = tuple(classifier.preprocess(batch.images[:1]).shape[-2:])
        layer, layout = _last_layer_with_places(classifier, size, batch.images[:1], batch.classes[:1])
        if layout == "channels first":
            values: Tensor = LayerGradCam(classifier, layer).attribute(batch.images, target=batch.classes)
        else:
            values = LayerGradientXActivation(classifier, layer).attribute(batch.images, target=batch.classes)
    return spatial_map(values.detach(), size).clamp_min(0)


def _last_layer_with_places(
    classifier: Classifier, size: tuple[int, ...], images: Tensor, classes: Tensor
) -> tuple[nn.Module, Layout]:
    with _watched(classifier.network, size) as outputs:
        logits = classifier(images.clone().requires_grad_())
    if not outputs:
        raise LayerError("the network has no layer that puts out features at places in the image, or tokens of them")
    score = logits.gather(1, classes[:, None]).sum()
    gradients = torch.autograd.grad(score, [values for _, values in outputs.values()], materialize_grads=True)
    layers = [(module, layout) for module, (layout, _) in outputs.items()]
    for (module, layout), gradient in reversed(list(zip(layers, gradients, strict=True))):
        if spatial_map(gradient.abs(), size).any():
            return module, layout
    return layers[-1]


@contextmanager
def _watched(network: nn.Module, size: tuple[int, ...]) -> Iterator[dict[nn.Module, tuple[Layout, Tensor]]]:
    """Collect layout and values of what modules put out at places in their last run, in the order in which they end."""
    outputs: dict[nn.Module, tuple[Layout, Tensor]] = {}

    def keep(module: nn.Module, _args: Any, output: Any) -> None:
        outputs.pop(module, None)
        if not isinstance(output, Tensor) or not output.requires_grad or output.shape[:1] != (1,):
            return
        layout = layout_of(output.shape, size)
        if layout is None:
            return
        if layout == "tokens":  # what attention works with inside has no places, though its shape may look so
            for inner in outputs.keys() & set(module.modules()):
                if outputs[inner][0] != "tokens":
                    del outputs[inner]
        outputs[module] = layout, output

    with ExitStack() as hooks:
        for module in network.modules():
            hooks.enter_context(module.register_forward_hook(keep))
        yield outputs
