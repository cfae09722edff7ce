"""One of the outputs of a network in torch."""

from collections.abc import Mapping, Sequence
from typing import Any


def chosen_output(answer: Any, output: int | str | None) -> Any:
    """Return one of the outputs of a network that may give several, as a sequence or by name.

    Args:
        answer: What the network gives.
        output: Name or index; None: the first.

    Raises:
        IndexError: There is no such output.

    Example:
        >>> chosen_output({"logits": 1, "features": 2}, "features"), chosen_output((1, 2), None)
        (2, 1)
    """
    if isinstance(answer, Mapping):
        by_name = dict(answer)
    elif isinstance(answer, Sequence) and not isinstance(answer, str):
        by_name = dict(zip(getattr(answer, "_fields", range(len(answer))), answer, strict=True))
    else:
        by_name = {0: answer}
    if isinstance(output, str) and output in by_name:
        return by_name[output]
    if not isinstance(output, str) and 0 <= (output or 0) < len(by_name):
        return list(by_name.values())[output or 0]
    raise IndexError(f"there is no output {output!r}; it gives {', '.join(map(str, by_name)) or 'nothing'}")
