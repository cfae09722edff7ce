"""The logits in what a network answers."""

from collections.abc import Mapping, Sequence

import torch
from torch import Tensor

from naa_lightning.models.chosen_output import chosen_output, outputs_of

GIVES = ("logits", "probabilities")
_ROUNDING = 1e-3  # so far outside [0, 1] a probability may lie, half precision included


class AnswerError(ValueError):
    """A network's answer holds no logits where they are looked for."""


def logits_of(
    answer: object, *, output: int | str | None = None, gives: str = "logits", first_class: int = 0
) -> Tensor:
    """Return the logits in a network's answer, which gradients flow through.

    Args:
        answer: What the network gives: a tensor of shape (B, first_class + K), or several outputs.
        output: Name or index of the output, see `chosen_output`.
        gives: What the output holds: "logits" or "probabilities", whose logarithms are logits.
        first_class: Index of the output for class 0; those before it are dropped.

    Returns:
        Logits of shape (B, K).

    Raises:
        AnswerError: There are none.

    Example:
        >>> logits_of({"loss": None, "logits": torch.ones(2, 3)}, first_class=1).shape
        torch.Size([2, 2])
        >>> logits_of(torch.tensor([[0.5, 0.5]]), gives="probabilities")
        tensor([[-0.6931, -0.6931]])
    """
    try:
        found = chosen_output(answer, output)
    except IndexError as error:
        raise AnswerError(str(error)) from error
    if isinstance(found, Tensor) and found.ndim == 4 and found.shape[2:].numel() == 1:
        found = found.flatten(1)
    if not isinstance(found, Tensor) or found.ndim != 2:
        raise AnswerError(
            "expected a network that returns logits of shape (B, K), alone, as `logits`, or as the one of several "
            f"that `output` names, got {_described(answer)}"
        )
    if gives == "probabilities":
        check_probabilities(found)
        found = found.clamp_min(torch.finfo(found.dtype).tiny).log()
    return found[:, first_class:]


def check_probabilities(values: Tensor, name: str = "the network") -> None:
    """Check that numbers are probabilities, up to rounding.

    Args:
        values: Numbers of any shape.
        name: What gives them, in errors.

    Raises:
        AnswerError: One is none; the message says what to do.
    """
    outside = values[(values < -_ROUNDING) | (values > 1 + _ROUNDING)]
    if len(outside):
        raise AnswerError(f"{name} gives {outside[0].item():g}, which is no probability: set gives=logits")


def remedy_for_classes(answer: object, surplus: int, first_class: int | None) -> str:
    """Return what to do about a network that gives another number of classes than it should.

    Args:
        answer: What the network gives.
        surplus: The number of classes that it gives more.
        first_class: See `logits_of`; None where it cannot be said.
    """
    remedies = ["name another output in `output`"] if len(outputs_of(answer)) > 1 else []
    if surplus == 1 and first_class == 0:
        remedies.append("set `first_class=1` if the first is a background class")
    return ", or ".join([*remedies, "correct `num_classes`"])


def _described(answer: object) -> str:
    if isinstance(answer, Tensor):
        return f"a tensor of shape {tuple(answer.shape)}"
    if isinstance(answer, Mapping):
        return f"a {type(answer).__name__} of {', '.join(map(str, answer))}"
    if isinstance(answer, Sequence) and not isinstance(answer, str):
        return f"a {type(answer).__name__} of {', '.join(map(_described, answer)) or 'nothing'}"
    return f"a {type(answer).__name__}"
