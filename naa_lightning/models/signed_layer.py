"""Attacked layers that put out values of both signs, as layers before an activation do."""

from collections.abc import Callable, Sequence
from contextlib import ExitStack
from typing import Any

import torch
from torch import Tensor, nn

from naa_lightning.models.candidates import ANY_DEPTH, CandidateLayer, candidate_layers, named_layers
from naa_lightning.models.classifier import Classifier, frozen
from naa_lightning.models.layer import find_layer

# The share of an output's sum of squares in its negative values. A rectifier's is 0; that of GELU or SiLU, which let
# something negative through, stays below 5 %; without an activation it is near a half.
_SIGNED = 0.1


def signed_layers(model: Classifier, images: Tensor) -> dict[str, str | None]:
    """Return the attacked layers of a classifier whose outputs have both signs, by name.

    Args:
        model: The classifier, whose network is run.
        images: Some images of shape (B, 3, H, W) in [0, 1], as they will be attacked.

    Returns:
        For each such layer the name of the nearest one whose outputs have one sign: among those that all the logits
        know of an image passes through, or else of any. None where there is no such layer.

    Raises:
        ValueError: The network has no such layer.

    Example:
        >>> network = nn.Sequential(nn.Conv2d(3, 8, 3), nn.ReLU(), nn.Conv2d(8, 4, 3), nn.Flatten())
        >>> model = Classifier(network, mean=[0.5] * 3, std=[0.5] * 3, layer="0")
        >>> signed_layers(model, torch.rand(4, 3, 8, 8))
        {'0': '1'}
    """
    shares = _negative_shares(model, images, model.layers)
    signed = [name for name in model.layers if shares.get(name, 0) > _SIGNED]
    if not signed:
        return {}
    unsigned = _unsigned_candidates(model, images)
    return {
        layer.name: min(unsigned, key=lambda other, own=layer: abs(other.progress - own.progress)).name  # type: ignore[misc]
        if unsigned
        else None
        for layer in named_layers(model, images[:1], signed)
    }


def _unsigned_candidates(model: Classifier, images: Tensor) -> list[CandidateLayer]:
    for branches in (False, True):
        candidates = candidate_layers(model, images[:1], depth=ANY_DEPTH, branches=branches)
        shares = _negative_shares(model, images, [candidate.name for candidate in candidates])
        if unsigned := [candidate for candidate in candidates if shares[candidate.name] <= _SIGNED]:
            return unsigned
    return []


def _negative_shares(model: Classifier, images: Tensor, names: Sequence[str]) -> dict[str, float]:
    """Run the network once and return the share of negative values in each output's sum of squares, by layer."""
    shares: dict[str, float] = {}

    def note(name: str) -> Callable[[nn.Module, Any, Any], None]:
        def measure(_module: nn.Module, _args: Any, output: Any) -> None:
            squares = output.detach().float().square()
            shares[name] = float(squares[output < 0].sum() / squares.sum().clamp_min(torch.finfo(squares.dtype).tiny))

        return measure

    with frozen(model), torch.no_grad(), ExitStack() as hooks:
        for name in names:
            hooks.enter_context(find_layer(model.network, name).register_forward_hook(note(name)))
        model(images)
    return shares
