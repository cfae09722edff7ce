"""Folding batch normalisations into the convolutions before them."""

from collections.abc import Sequence
from contextlib import ExitStack, suppress
from dataclasses import dataclass

import torch
from torch import Tensor, nn
from torch.nn.utils.fusion import fuse_conv_bn_weights

from naa_lightning.models import Classifier
from naa_lightning.models.layer import LayerError, find_layer

# The largest difference, relative to the largest value, that another order of summation explains.
_ROUNDING = 1e-3


@torch.no_grad()
def fold_batch_norms(classifier: Classifier, images: Tensor) -> int:
    """Fold batch normalisations into the convolutions before them, in place.

    In evaluation mode a batch normalisation scales and shifts each channel, which the weights of the convolution
    before it can do. A pass shows which two belong together, and they are folded if the convolution alone then puts
    out what both did. If the classifier's logits or attacked features are no longer the same up to rounding, because a
    layer is used twice, for example, the network is restored.

    Args:
        classifier: The classifier in evaluation mode, whose network is changed.
        images: Images of shape (B, 3, H, W) in [0, 1] for the passes that compare.

    Returns:
        The number of folded batch normalisations.

    Example:
        >>> network = nn.Sequential(nn.Conv2d(3, 4, 1), nn.BatchNorm2d(4), nn.AdaptiveAvgPool2d(1), nn.Flatten())
        >>> fold_batch_norms(Classifier(network.eval(), mean=[0.5] * 3, std=[0.5] * 3), torch.rand(1, 3, 2, 2))
        1
        >>> network[1]
        Identity()
    """
    before = _observed_outputs(classifier, images)
    folded: list[_Pair] = []
    same = False
    try:
        _fold(classifier, images, folded)
        same = _equal_up_to_rounding(_observed_outputs(classifier, images), before)
    except (AttributeError, TypeError):
        pass  # the network reads a normalisation that is gone, or computes a convolution's weights itself
    finally:
        if not same:
            for pair in reversed(folded):
                pair.restore(classifier.network)
    return len(folded) if same else 0


@dataclass(frozen=True)
class _Pair:
    """A convolution and the normalisation behind it, as they were before folding."""

    conv: nn.Conv2d
    weight: Tensor
    bias: Tensor | None
    norm: nn.BatchNorm2d | nn.SyncBatchNorm
    name: str

    def fold(self) -> None:
        """Give the convolution the weights that do both."""
        norm = self.norm
        assert norm.running_mean is not None
        assert norm.running_var is not None
        self.conv.weight, self.conv.bias = fuse_conv_bn_weights(
            self.weight, self.bias, norm.running_mean, norm.running_var, norm.eps, norm.weight, norm.bias
        )

    def restore(self, network: nn.Module) -> None:
        """Restore both."""
        self.conv.weight, self.conv.bias = self.weight, self.bias
        network.set_submodule(self.name, self.norm)


def _fold(classifier: Classifier, images: Tensor, folded: list[_Pair]) -> None:
    """Fold what belongs together, and list it even if the pass fails on its way."""
    network = classifier.network
    names = {module: name for name, module in network.named_modules()}
    attacked = {find_layer(network, layer) for layer in classifier.layers}
    convolved: dict[int, tuple[nn.Conv2d, Tensor, Tensor]] = {}

    def note(conv: nn.Conv2d, args: tuple[Tensor], output: Tensor) -> None:
        convolved[id(output)] = conv, args[0], output

    def fold(norm: nn.BatchNorm2d | nn.SyncBatchNorm, args: tuple[Tensor], output: Tensor) -> None:
        if id(args[0]) not in convolved:
            return
        conv, inputs, _ = convolved.pop(id(args[0]))
        folded.append(_Pair(conv, conv.weight, conv.bias, norm, names[norm]))
        folded[-1].fold()
        if not _equal_up_to_rounding([_rest(norm)(conv.forward(inputs))], [output]):
            folded.pop().restore(network)

    with ExitStack() as hooks:
        for module, name in names.items():
            if isinstance(module, nn.Conv2d) and module not in attacked:
                hooks.enter_context(module.register_forward_hook(note))
            elif (
                isinstance(module, nn.BatchNorm2d | nn.SyncBatchNorm)
                and module.running_mean is not None
                and not any(layer.startswith(f"{name}.") for layer in classifier.layers)
            ):
                hooks.enter_context(module.register_forward_hook(fold))
        classifier(images)
    for pair in folded:
        network.set_submodule(pair.name, _rest(pair.norm))


def _rest(norm: nn.Module) -> nn.Module:
    """Return what is left of a folded normalisation: those of timm have an activation of their own."""
    activation = getattr(norm, "act", None)
    return activation if isinstance(activation, nn.Module) else nn.Identity()


def _observed_outputs(classifier: Classifier, images: Tensor) -> Sequence[Tensor]:
    """Return the logits of images and the output of every attacked layer that a pass reaches."""
    views = classifier.layer_views() if classifier.layers else []
    outputs = [classifier(images)]
    for view in views:
        with suppress(LayerError):  # reported where the layer is attacked
            outputs.append(view.features(images))
    return outputs


def _equal_up_to_rounding(outputs: Sequence[Tensor], references: Sequence[Tensor]) -> bool:
    return all(
        bool((output - reference).abs().max() <= _ROUNDING * reference.abs().max())
        for output, reference in zip(outputs, references, strict=True)
    )
