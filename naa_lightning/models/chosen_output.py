"""One of the outputs of a network."""

from collections.abc import Mapping, Sequence
from dataclasses import fields, is_dataclass
from typing import Any

LOGITS = "logits"


def chosen_output(answer: Any, output: int | str | None = None) -> Any:
    """Return one of the outputs of a network that may give several.

    These are the values of a mapping, the fields of an object that has `logits` among them, such as those of
    transformers, those of another object that are tensors or arrays of a batch, or the entries of a sequence, if one of
    them is such. Nested lists of numbers are one output.

    Args:
        answer: What the network gives.
        output: Name or index; None: that of the name `logits`, or where outputs have no names the first.

    Raises:
        IndexError: There is no such output, or none is chosen of several with names.

    Example:
        >>> import torch
        >>> first, second = torch.zeros(1, 2), torch.ones(1, 2)
        >>> chosen_output({"features": first, "logits": second})
        tensor([[1., 1.]])
        >>> chosen_output((first, second)), chosen_output((first, second), 1)
        (tensor([[0., 0.]]), tensor([[1., 1.]]))
        >>> chosen_output([[3, 4]])
        [[3, 4]]
    """
    outputs = outputs_of(answer)
    if output is None and LOGITS in outputs:
        return outputs[LOGITS]
    named = isinstance(answer, Mapping) or any(isinstance(name, str) for name in outputs)
    if output is None and named and len(outputs) > 1:
        batches = [value for value in outputs.values() if _ndim(value) >= 2]
        if len(batches) == 1:
            return batches[0]
        raise IndexError(f"it gives {', '.join(map(str, outputs))}: name one in `output`")
    if isinstance(output, str) and output in outputs:
        return outputs[output]
    if not isinstance(output, str) and 0 <= (output or 0) < len(outputs):
        return list(outputs.values())[output or 0]
    raise IndexError(f"there is no output {output!r}; it gives {', '.join(map(str, outputs)) or 'nothing'}")


def outputs_of(answer: Any) -> dict[int | str, Any]:
    """Return the outputs of a network by name, or by index where they have none."""
    if isinstance(answer, Mapping):
        return dict(answer)
    if isinstance(answer, Sequence) and not isinstance(answer, str) and (not answer or max(map(_ndim, answer)) >= 2):
        return dict(zip(getattr(answer, "_fields", range(len(answer))), answer, strict=True))
    if hasattr(answer, "ndim"):
        return {0: answer}
    names = [field.name for field in fields(answer)] if is_dataclass(answer) else getattr(answer, "__dict__", ())
    found = {name: getattr(answer, name, None) for name in names if not name.startswith("_")}
    if hasattr(answer, LOGITS):
        return found | {LOGITS: getattr(answer, LOGITS)}
    return {name: value for name, value in found.items() if _ndim(value) >= 2} or {0: answer}


def _ndim(value: object) -> int:
    return getattr(value, "ndim", 0)
