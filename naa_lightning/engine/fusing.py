"""Layers of a network on a CPU that are cheaper together, or cheaper to differentiate, than torch runs them."""

from collections.abc import Callable, Iterable, Mapping
from functools import cache
from typing import Any, NamedTuple

import torch
import torch.nn.functional as F
from torch import Tensor
from torch.autograd.function import once_differentiable
from torch.overrides import TorchFunctionMode
from torch.utils._pytree import tree_leaves

Function = Callable[..., Any]
Options = Mapping[str, Any] | None


class Clip(NamedTuple):
    """What an activation does that only clips values to bounds."""

    low: float
    high: float


def _relu(_inputs: Tensor, inplace: bool = False) -> Clip:
    return Clip(0.0, float("inf"))


def _relu6(_inputs: Tensor, inplace: bool = False) -> Clip:
    return Clip(0.0, 6.0)


def _hardtanh(_inputs: Tensor, min_val: float = -1.0, max_val: float = 1.0, inplace: bool = False) -> Clip:
    return Clip(min_val, max_val)


# Each takes the arguments of the activation.
_CLIPS: dict[Function, Callable[..., Clip]] = {
    **dict.fromkeys((F.relu, torch.relu, torch.relu_, Tensor.relu, Tensor.relu_), _relu),
    F.relu6: _relu6,
    F.hardtanh: _hardtanh,
}


class FusedLayers(TorchFunctionMode):
    """A context in which a frozen network's layers on a CPU give what they give, faster and with less kept.

    Convolutions clip their results at once where an activation would be the only one to use them, so that nothing
    is gone through twice; torch fuses them only where nothing is differentiated. In less precision than float32, one
    with stride 1 is differentiated by convolving with turned weights, which is faster there. Average pooling with
    stride 1 and symmetric padding is its own adjoint and is differentiated by pooling, which torch does several times
    as fast as its own derivative. Weights are kept in other forms too, see `_Weights`: they must not change.

    Args:
        run: Makes every kind of pass that the network will make, without autograd: shows what is used by what.

    Attributes:
        clips: The weights of convolutions that clip, and how.

    Example:
        >>> from torch import nn
        >>> network, images = nn.Sequential(nn.Conv2d(3, 4, 3), nn.ReLU()).requires_grad_(False), torch.rand(1, 3, 8, 8)
        >>> with FusedLayers(lambda: network(images)) as layers:
        ...     same = torch.equal(network(images), network[0](images).clamp_min(0))
        >>> same, layers.clips[network[0].weight]
        (True, Clip(low=0.0, high=inf))
    """

    def __init__(self, run: Callable[[], object]) -> None:
        super().__init__()
        with _Uses() as uses, torch.no_grad():
            run()
        self.clips = uses.only_clipped()
        self._clipped: Tensor | None = None
        self._weights = _Weights()

    def __torch_function__(
        self, func: Function, types: Iterable[type], args: tuple[Any, ...] = (), kwargs: Options = None
    ) -> Any:
        """Run a function of torch."""
        options = kwargs or {}
        if func is torch.conv2d and len(args) == 7 and args[1] in self.clips and _is_multiplied(_precision(args[0])):
            self._clipped = self._convolved(*args)
            return self._clipped
        if func in _CLIPS and args and args[0] is self._clipped:
            done, self._clipped = self._clipped, None
            return done
        if func is F.avg_pool2d and args and _is_own_adjoint(*args[1:], **options):
            return _AveragePooling.apply(args[0], args[1:], options)
        return func(*args, **options)

    def _convolved(
        self, inputs: Tensor, weight: Tensor, bias: Tensor | None, stride: Any, padding: Any, dilation: Any, groups: int
    ) -> Tensor:
        """Convolve as `torch.conv2d` does, under autocast too, and clip the result."""
        outputs: Tensor = _ClippedConvolution.apply(
            inputs.to(_precision(inputs)),
            weight,
            bias,
            _Geometry(stride, padding, dilation, groups),
            self.clips[weight],
            self._weights,
        )
        return outputs


def _precision(inputs: Tensor) -> torch.dtype:
    """Return what convolutions of inputs are computed in, under autocast too."""
    return torch.get_autocast_dtype("cpu") if torch.is_autocast_enabled("cpu") else inputs.dtype


@cache
def _is_multiplied(dtype: torch.dtype) -> bool:
    """Return whether oneDNN multiplies numbers of this type on this processor."""
    if dtype is torch.bfloat16:
        return bool(torch.ops.mkldnn._is_mkldnn_bf16_supported())
    return dtype is torch.float32


class _Uses(TorchFunctionMode):
    """Watches what becomes of convolutions' results."""

    def __init__(self) -> None:
        super().__init__()
        self._uses: dict[Tensor, list[list[Clip | None]]] = {}  # of each weight: of each result, what used it
        self._results: dict[int, tuple[Tensor, list[Clip | None]]] = {}

    def only_clipped(self) -> dict[Tensor, Clip]:
        """Return the weights whose results were used by one activation each, always of the same kind."""
        kinds = {weight: {tuple(uses) for uses in results} for weight, results in self._uses.items()}
        return {
            weight: clip
            for weight, (uses, *others) in kinds.items()
            if len(uses) == 1 and not others and (clip := uses[0]) is not None
        }

    def __torch_function__(
        self, func: Function, types: Iterable[type], args: tuple[Any, ...] = (), kwargs: Options = None
    ) -> Any:
        options = kwargs or {}
        given = [leaf for leaf in tree_leaves((args, options)) if isinstance(leaf, Tensor)]
        output = func(*args, **options)
        for tensor in given:
            if id(tensor) in self._results:
                self._results[id(tensor)][1].append(_CLIPS[func](*args, **options) if func in _CLIPS and args else None)
                if output is tensor:  # changed in place: no longer the convolution's result
                    del self._results[id(tensor)]
        if func is torch.conv2d and len(args) == 7 and _can_clip(*args):
            uses: list[Clip | None] = []
            self._uses.setdefault(args[1], []).append(uses)
            self._results[id(output)] = output, uses
        return output


def _can_clip(inputs: Tensor, weight: Tensor, bias: Tensor | None, _stride: Any, padding: Any, *_: Any) -> bool:
    return (
        inputs.ndim == 4
        and inputs.device.type == "cpu"
        and weight.dtype == torch.float32
        and not weight.requires_grad
        and (bias is None or not bias.requires_grad)
        and not isinstance(padding, str)
    )


class _Geometry(NamedTuple):
    """A convolution's; all but the groups for height and width."""

    stride: tuple[int, ...]
    padding: tuple[int, ...]
    dilation: tuple[int, ...]
    groups: int

    def turned(self, weight: Tensor) -> "_Geometry | None":
        """Return that of the convolution by which gradients of results become those of inputs; None: there is none."""
        reach = [step * (size - 1) for step, size in zip(self.dilation, weight.shape[2:], strict=True)]
        padding = tuple(most - pad for most, pad in zip(reach, self.padding, strict=True))
        if self.groups > 1 or max(self.stride) > 1 or min(padding) < 0:
            return None
        return self._replace(padding=padding)


class _Weights:
    """Weights in the precision of a convolution's inputs, and in the order that oneDNN multiplies them by.

    Where multiplying is quick, ordering in every pass counts. So weights of less precision than float32 are kept in
    order, which takes their memory again for each shape of inputs that passes more than once. Results stay the same to
    the bit.
    """

    def __init__(self) -> None:
        self._ordered: dict[tuple[Tensor, bool, _Geometry, torch.dtype, torch.Size], Tensor | None] = {}
        self._cast: dict[tuple[Tensor, torch.dtype], Tensor] = {}

    def __call__(self, weight: Tensor, geometry: _Geometry, inputs: Tensor, *, turned: bool = False) -> Tensor:
        """Return weights (C', C / groups, k, l), or turned ones (C, C', k, l), for inputs."""
        if inputs.dtype is torch.float32:
            return weight
        key = weight, turned, geometry, inputs.dtype, inputs.shape
        known = self._ordered.get(key)
        if known is not None:
            return known
        cast = weight.to(inputs.dtype)
        if turned:
            cast = cast.flip(2, 3).transpose(0, 1)
        cast = cast.contiguous(memory_format=torch.channels_last)
        self._ordered[key] = _in_order(cast, geometry, inputs.shape) if key in self._ordered else None
        return cast

    def cast(self, values: Tensor, inputs: Tensor) -> Tensor:
        """Return weights, or a bias, in the precision of inputs and no order of oneDNN's."""
        key = values, inputs.dtype
        if key not in self._cast:
            self._cast[key] = values.to(inputs.dtype)
        return self._cast[key]


def _in_order(weight: Tensor, geometry: _Geometry, inputs: torch.Size) -> Tensor:
    ordered: Tensor = torch.ops.mkldnn._reorder_convolution_weight(
        weight, geometry.padding, geometry.stride, geometry.dilation, geometry.groups, inputs
    )
    return ordered


class _ClippedConvolution(torch.autograd.Function):
    @staticmethod
    def forward(
        ctx: Any,
        inputs: Tensor,
        weight: Tensor,
        bias: Tensor | None,
        geometry: _Geometry,
        clip: Clip,
        weights: _Weights,
    ) -> Tensor:
        cast_bias = None if bias is None else weights.cast(bias, inputs)
        outputs = _convolution(inputs, weights(weight, geometry, inputs), cast_bias, geometry, "hardtanh", list(clip))
        ctx.save_for_backward(outputs)
        ctx.weight, ctx.geometry, ctx.clip, ctx.weights = weight, geometry, clip, weights
        ctx.input_size = inputs.shape
        return outputs

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, gradient: Tensor) -> tuple[Tensor | None, ...]:
        (outputs,) = ctx.saved_tensors
        geometry: _Geometry = ctx.geometry
        gradient = torch.ops.aten.hardtanh_backward(gradient, outputs, *ctx.clip)
        turned = None if gradient.dtype is torch.float32 else geometry.turned(ctx.weight)  # there it gains nothing
        if turned is not None:
            weight = ctx.weights(ctx.weight, turned, gradient, turned=True)
            of_inputs = _convolution(gradient, weight, None, turned, "none", [])
        else:
            of_inputs, _, _ = torch.ops.aten.convolution_backward(
                gradient,
                # only looked at for its shape and layout
                torch.empty(ctx.input_size, dtype=outputs.dtype, memory_format=torch.channels_last),
                ctx.weights.cast(ctx.weight, gradient),
                None,
                geometry.stride,
                geometry.padding,
                geometry.dilation,
                False,
                (0, 0),
                geometry.groups,
                (True, False, False),
            )
        return of_inputs, None, None, None, None, None


def _convolution(
    inputs: Tensor, weight: Tensor, bias: Tensor | None, geometry: _Geometry, then: str, bounds: list[float]
) -> Tensor:
    outputs: Tensor = torch.ops.mkldnn._convolution_pointwise(
        inputs,
        weight,
        bias,
        geometry.padding,
        geometry.stride,
        geometry.dilation,
        geometry.groups,
        then,
        bounds,
        "",
    )
    return outputs


class _AveragePooling(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, inputs: Tensor, settings: tuple[Any, ...], options: Mapping[str, Any]) -> Tensor:
        ctx.settings, ctx.options = settings, options
        return F.avg_pool2d(inputs, *settings, **options)

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, gradient: Tensor) -> tuple[Tensor, None, None]:
        return F.avg_pool2d(gradient, *ctx.settings, **ctx.options), None, None


def _is_own_adjoint(
    kernel_size: Any,
    stride: Any = None,
    padding: Any = 0,
    ceil_mode: bool = False,
    count_include_pad: bool = True,
    divisor_override: int | None = None,
) -> bool:
    """Return whether pooling with these arguments of `avg_pool2d` is a symmetric linear map."""
    steps = _pair(kernel_size if stride is None else stride)
    symmetric = all(size == 2 * pad + 1 for size, pad in zip(_pair(kernel_size), _pair(padding), strict=True))
    return steps == (1, 1) and symmetric and (count_include_pad or divisor_override is not None)


def _pair(value: Any) -> tuple[int, int]:
    first, *rest = [value] if isinstance(value, int) else value
    return first, rest[0] if rest else first
