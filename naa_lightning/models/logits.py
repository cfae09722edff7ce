"""The logits in what a network answers."""

from collections.abc import Mapping

from torch import Tensor


def logits_of(answer: object) -> Tensor:
    """Return the logits in a network's answer: the answer itself, or what it holds as `logits`, as in transformers.

    Args:
        answer: Logits of shape (B, K), or a mapping or an object that holds them under the name `logits`.

    Raises:
        ValueError: There are none.

    Example:
        >>> import torch
        >>> logits_of({"loss": None, "logits": torch.ones(2, 3)}).shape
        torch.Size([2, 3])
    """
    logits = answer.get("logits") if isinstance(answer, Mapping) else getattr(answer, "logits", answer)
    if not isinstance(logits, Tensor) or logits.ndim != 2:
        raise ValueError(
            f"expected a network that returns logits of shape (B, K), alone or as `logits`, got {_described(answer)}: "
            "wrap it in a module that returns them"
        )
    return logits


def _described(answer: object) -> str:
    if isinstance(answer, Tensor):
        return f"a tensor of shape {tuple(answer.shape)}"
    keys = f" of {', '.join(map(str, answer))}" if isinstance(answer, Mapping) else ""
    return f"a {type(answer).__name__}{keys}"
