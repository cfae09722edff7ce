"""Telling whether two models have the same weights, whatever these are called and however they are rounded."""

from collections.abc import Mapping
from dataclasses import dataclass

import torch
from torch import Tensor, nn

# Of each tensor so many values are compared, evenly spread over it.
_SAMPLE = 256
# Values are the same up to this share of the largest: what float16, bfloat16 or 8-bit integers leave of them.
_ROUNDING = 2**-7
# From this share of its weights on a model is the other one, with a new head for example.
_MOST = 0.5


@dataclass(frozen=True)
class WeightSamples:
    """Samples of a model's weights.

    Args:
        tensors: Pairs of a tensor's shape and of its sampled values, float32 on the CPU.
    """

    tensors: tuple[tuple[tuple[int, ...], Tensor], ...]

    @property
    def count(self) -> int:
        """The number of weights, all of every tensor."""
        return sum(torch.Size(shape).numel() for shape, _ in self.tensors)


def sampled_weights(model: nn.Module) -> WeightSamples:
    """Sample a model's parameters and buffers.

    Left out are tensors that hold one value, as untrained ones do, and those that are no floating-point numbers.

    Args:
        model: The model, on any device.
    """
    state = [values for values in model.state_dict().values() if isinstance(values, Tensor)]
    samples = [(tuple(values.shape), _sampled(values)) for values in state if values.is_floating_point()]
    return WeightSamples(
        tuple((shape, sample) for shape, sample in samples if len(sample) and sample.min() < sample.max())
    )


def shared_share(one: WeightSamples, other: WeightSamples) -> float:
    """Return the share, in [0, 1], of the weights of the smaller model that the other has as well.

    Example:
        >>> trunk = nn.Linear(64, 64)
        >>> models = nn.Sequential(trunk, nn.Linear(64, 10)), nn.Sequential(trunk, nn.Linear(64, 5))
        >>> share = shared_share(*map(sampled_weights, models))
        >>> 0.9 < share < 1
        True
    """
    smallest = min(one.count, other.count)
    if not smallest:
        return 0.0
    by_shape: dict[tuple[int, ...], list[Tensor]] = {}
    for shape, values in other.tensors:
        by_shape.setdefault(shape, []).append(values)
    shared = 0
    for shape, values in one.tensors:
        candidates = by_shape.get(shape, [])
        same = next((index for index, found in enumerate(candidates) if _are_same(values, found)), None)
        if same is not None:
            del candidates[same]
            shared += torch.Size(shape).numel()
    return shared / smallest


def whose_weights(samples: WeightSamples, of_others: Mapping[str, WeightSamples]) -> str | None:
    """Return the name of the other model with which most weights are shared; None where with none half of them are."""
    shares = {name: shared_share(samples, other) for name, other in of_others.items()}
    most = max(shares, key=shares.__getitem__, default=None)
    return None if most is None or shares[most] < _MOST else most


def _sampled(values: Tensor) -> Tensor:
    flat = values.detach().flatten()
    step = max(1, len(flat) // _SAMPLE)
    return flat[::step][:_SAMPLE].cpu().float()


def _are_same(one: Tensor, other: Tensor) -> bool:
    return bool((one - other).abs().max() <= _ROUNDING * torch.maximum(one.abs().max(), other.abs().max()))
