"""Batch normalisations done by the convolutions before them."""

from dataclasses import dataclass

import torch
from torch import Tensor, nn
from torch.nn.modules.batchnorm import _BatchNorm
from torch.nn.utils.fusion import fuse_conv_bn_weights

from naa_lightning.engine.equivalence import answers, close_to
from naa_lightning.models import Classifier


@torch.no_grad()
def fold_batch_norms(classifier: Classifier, images: Tensor) -> int:
    """Let convolutions do what the batch normalisations behind them do, in place.

    In evaluation mode a batch normalisation is a scale and a shift of each channel, which the weights of the
    convolution before it can take over. Which two belong together is seen in a pass, and they are merged if the
    convolution alone then gives what both gave. Where the classifier's logits or attacked features are not what they
    were, because a layer is used twice, say, everything is put back.

    Args:
        classifier: In evaluation mode. Its network is changed.
        images: (B, 3, H, W) in [0, 1], to see by.

    Returns:
        How many convolutions do a normalisation too.

    Example:
        >>> network = nn.Sequential(nn.Conv2d(3, 4, 1), nn.BatchNorm2d(4), nn.AdaptiveAvgPool2d(1), nn.Flatten())
        >>> fold_batch_norms(Classifier(network.eval(), mean=[0.5] * 3, std=[0.5] * 3), torch.rand(1, 3, 2, 2))
        1
        >>> network[1]
        Identity()
    """
    before = answers(classifier, images)
    merged: list[_Pair] = []
    same = False
    try:
        _merge(classifier, images, merged)
        same = all(close_to(now, then) for now, then in zip(answers(classifier, images), before, strict=True))
    except (AttributeError, TypeError):
        pass  # the network looks at a normalisation that is gone, or makes a convolution's weights itself
    finally:
        if not same:
            for pair in reversed(merged):
                pair.undo(classifier.network)
    return len(merged) if same else 0


@dataclass(frozen=True)
class _Pair:
    """A convolution and the normalisation behind it, as they were."""

    conv: nn.Conv2d
    weight: Tensor
    bias: Tensor | None
    norm: _BatchNorm
    name: str

    def merge(self) -> None:
        """Let the convolution do both."""
        norm = self.norm
        assert norm.running_mean is not None
        assert norm.running_var is not None
        self.conv.weight, self.conv.bias = fuse_conv_bn_weights(
            self.weight, self.bias, norm.running_mean, norm.running_var, norm.eps, norm.weight, norm.bias
        )

    def undo(self, network: nn.Module) -> None:
        """Put both back."""
        self.conv.weight, self.conv.bias = self.weight, self.bias
        network.set_submodule(self.name, self.norm)


def _merge(classifier: Classifier, images: Tensor, merged: list[_Pair]) -> None:
    """Merge what belongs together and add it to the list, also where the pass fails on its way."""
    network = classifier.network
    names = {module: name for name, module in network.named_modules()}
    attacked = {network.get_submodule(layer) for layer in classifier.layers}
    convolved: dict[int, tuple[nn.Conv2d, Tensor, Tensor]] = {}

    def note(conv: nn.Conv2d, args: tuple[Tensor], output: Tensor) -> None:
        convolved[id(output)] = conv, args[0], output

    def meet(norm: _BatchNorm, args: tuple[Tensor], output: Tensor) -> None:
        if id(args[0]) not in convolved:
            return
        conv, inputs, _ = convolved.pop(id(args[0]))
        merged.append(_Pair(conv, conv.weight, conv.bias, norm, names[norm]))
        merged[-1].merge()
        if not close_to(_rest(norm)(conv.forward(inputs)), output):
            merged.pop().undo(network)

    handles = [
        module.register_forward_hook(note if isinstance(module, nn.Conv2d) else meet)
        for module, name in names.items()
        if (isinstance(module, nn.Conv2d) and module not in attacked)
        or (
            isinstance(module, _BatchNorm)
            and module.running_mean is not None
            and not any(layer.startswith(f"{name}.") for layer in classifier.layers)
        )
    ]
    try:
        classifier(images)
    finally:
        for handle in handles:
            handle.remove()
    for pair in merged:
        network.set_submodule(pair.name, _rest(pair.norm))


def _rest(norm: nn.Module) -> nn.Module:
    """Return what a normalisation does besides: timm's have an activation of their own."""
    activation = getattr(norm, "act", None)
    return activation if isinstance(activation, nn.Module) else nn.Identity()
