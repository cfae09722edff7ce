"""Fusing convolutions with the ReLU behind them, for bfloat16 on a CPU.

oneDNN clips while it convolves, and multiplies by weights that it has put in an order of its own. Where gradients are
taken, torch's only public way to either is `torch.compile`, which takes minutes and made crafting slower. So this file,
and no other, calls the operators that compiled code calls: `torch.ops.mkldnn._convolution_pointwise`,
`_reorder_convolution_weight` and `_is_mkldnn_bf16_supported`, and `torch.ops.aten.hardtanh_backward`.
"""

import math
from dataclasses import dataclass, field
from itertools import chain
from typing import Any

import torch
from torch import Tensor, nn
from torch.autograd.function import once_differentiable
from torch.nn.grad import conv2d_input

from naa_lightning.engine.equivalence import is_equivalent_after
from naa_lightning.models import Classifier
from naa_lightning.models.graph import Vertex, vertex_of


def can_fuse(device: torch.device) -> bool:
    """Return whether a device is a CPU on which oneDNN multiplies bfloat16 numbers."""
    if device.type != "cpu" or not torch.backends.mkldnn.is_available():  # type: ignore[no-untyped-call]
        return False
    return bool(torch.ops.mkldnn._is_mkldnn_bf16_supported())


@torch.no_grad()
def fuse_activations(classifier: Classifier, images: Tensor) -> int:
    """Fuse convolutions with the ReLU or ReLU6 modules behind them, in place.

    A pass shows which two belong together. Under autocast to bfloat16 they are computed at once, otherwise one after
    the other as before.

    Args:
        classifier: The frozen classifier, whose network is changed and whose weights must not change afterwards.
        images: Images of shape (B, 3, H, W) in [0, 1] for the passes that compare.

    Returns:
        The number of fused convolutions; 0 if the classifier would not stay equivalent.

    Example:
        >>> network = nn.Sequential(nn.Conv2d(3, 4, 1), nn.ReLU(), nn.AdaptiveAvgPool2d(1), nn.Flatten())
        >>> fuse_activations(Classifier(network, mean=[0.5] * 3, std=[0.5] * 3), torch.rand(1, 3, 2, 2))
        1
        >>> network[1]
        Identity()
    """
    network = classifier.network
    names = {module: name for name, module in network.named_modules()}
    pairs = _pairs(classifier, images)

    def fuse() -> None:
        for convolution, activation in pairs:
            network.set_submodule(names[convolution], _FusedConvolution(convolution, activation))
            network.set_submodule(names[activation], nn.Identity())

    def restore() -> None:
        for module in chain.from_iterable(pairs):
            network.set_submodule(names[module], module)

    return len(pairs) if is_equivalent_after(fuse, restore, classifier, images) else 0


def _pairs(classifier: Classifier, images: Tensor) -> list[tuple[nn.Conv2d, nn.Module]]:
    """Find the convolutions that run once and whose output goes into an activation that runs once."""
    attacked = {classifier.network.get_submodule(layer) for layer in classifier.layers}
    convolved: dict[Vertex | None, nn.Conv2d] = {}
    pairs: list[tuple[nn.Conv2d, nn.Module]] = []
    runs: list[nn.Module] = []

    def after(convolution: nn.Conv2d, _args: tuple[Tensor], output: Tensor) -> None:
        runs.append(convolution)
        convolved[vertex_of(output)] = convolution

    def before(activation: nn.Module, args: tuple[Tensor]) -> None:
        runs.append(activation)
        if (vertex := vertex_of(args[0])) in convolved:  # not if it was changed in place on its way
            pairs.append((convolved.pop(vertex), activation))

    handles = []
    for module in classifier.network.modules():
        if type(module) in {nn.ReLU, nn.ReLU6}:
            handles.append(module.register_forward_pre_hook(before))
        elif type(module) is nn.Conv2d and module not in attacked and _is_plain(module):
            handles.append(module.register_forward_hook(after))
    try:
        with torch.enable_grad():
            classifier(images.detach().requires_grad_())
    finally:
        for handle in handles:
            handle.remove()
    return [pair for pair in pairs if all(runs.count(module) == 1 for module in pair)]


def _is_plain(conv: nn.Conv2d) -> bool:
    return conv.weight.dtype is torch.float32 and conv.padding_mode == "zeros" and not isinstance(conv.padding, str)


@dataclass
class _Convolution:
    """oneDNN's convolution in bfloat16, followed by a pointwise function.

    Weights are put in oneDNN's order for each shape of inputs that comes again, which takes their memory once more.
    """

    weight: Tensor
    bias: Tensor | None
    padding: tuple[int, ...]
    stride: tuple[int, ...]
    dilation: tuple[int, ...]
    groups: int
    pointwise: str
    bounds: tuple[float, ...]
    ordered: dict[torch.Size, Tensor | None] = field(default_factory=dict)

    def __call__(self, inputs: Tensor) -> Tensor:
        geometry = self.padding, self.stride, self.dilation, self.groups
        weight = self.ordered.get(inputs.shape)
        if weight is None and inputs.shape in self.ordered:
            weight = torch.ops.mkldnn._reorder_convolution_weight(self.weight, *geometry, inputs.shape)
        self.ordered[inputs.shape] = weight
        outputs: Tensor = torch.ops.mkldnn._convolution_pointwise(
            inputs, self.weight if weight is None else weight, self.bias, *geometry, self.pointwise, self.bounds, ""
        )
        return outputs

    def adjoint(self) -> "_Convolution | None":
        """Return the convolution by turned weights that maps gradients back; None if no convolution does."""
        reach = [step * (size - 1) for step, size in zip(self.dilation, self.weight.shape[2:], strict=True)]
        padding = tuple(most - pad for most, pad in zip(reach, self.padding, strict=True))
        if self.groups > 1 or max(self.stride) > 1 or min(padding) < 0:
            return None
        turned = self.weight.flip(2, 3).transpose(0, 1).contiguous(memory_format=torch.channels_last)
        return _Convolution(turned, None, padding, self.stride, self.dilation, 1, "none", ())


class _FusedConvolution(nn.Module):
    """A convolution and the activation behind it."""

    def __init__(self, convolution: nn.Conv2d, activation: nn.Module) -> None:
        super().__init__()
        self.convolution, self.activation = convolution, activation
        assert not isinstance(convolution.padding, str)
        weight = convolution.weight.detach().to(torch.bfloat16, memory_format=torch.channels_last)
        bias = None if convolution.bias is None else convolution.bias.detach().bfloat16()
        geometry = convolution.padding, convolution.stride, convolution.dilation, convolution.groups
        bounds = 0.0, 6.0 if isinstance(activation, nn.ReLU6) else math.inf
        self.convolve = _Convolution(weight, bias, *geometry, "hardtanh", bounds)
        self.adjoint = self.convolve.adjoint()

    def forward(self, inputs: Tensor) -> Tensor:
        if torch.is_autocast_enabled("cpu") and torch.get_autocast_dtype("cpu") is torch.bfloat16:
            outputs: Tensor = _ClippedConvolution.apply(inputs.bfloat16(), self.convolve, self.adjoint)
        else:
            outputs = self.activation(self.convolution(inputs))
        return outputs


class _ClippedConvolution(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, inputs: Tensor, convolve: _Convolution, adjoint: _Convolution | None) -> Tensor:
        outputs = convolve(inputs)
        ctx.save_for_backward(outputs)
        ctx.input_shape, ctx.convolve, ctx.adjoint = inputs.shape, convolve, adjoint
        return outputs

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, gradient: Tensor) -> tuple[Tensor, None, None]:
        (outputs,) = ctx.saved_tensors
        conv = ctx.convolve
        gradient = torch.ops.aten.hardtanh_backward(gradient, outputs, *conv.bounds)
        if ctx.adjoint is not None:
            return ctx.adjoint(gradient), None, None
        geometry = conv.stride, conv.padding, conv.dilation, conv.groups
        gradient = conv2d_input(ctx.input_shape, conv.weight, gradient, *geometry)  # type: ignore[no-untyped-call]
        return gradient, None, None
