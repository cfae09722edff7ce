"""What every part of an attack has in common."""

import inspect
from typing import Any, get_args

from naa_lightning.validation import written_number


class Part:
    """A part of an attack, which keeps every parameter of its constructor as an attribute of the same name.

    It is shown as the call that makes an equal one.

    Example:
        >>> class Blur(Part):
        ...     def __init__(self, *, reach: float | str = "2/255") -> None:
        ...         self.reach = reach
        >>> Blur(reach=4 / 255)
        Blur(reach='4/255')
        >>> Blur(reach="2/255") == Blur()
        True
    """

    def settings(self) -> dict[str, Any]:
        """Return the value of every parameter, by name; `...` stands for one that is not kept."""
        return {name: getattr(self, name, ...) for name in inspect.signature(type(self)).parameters}

    def __repr__(self) -> str:
        parameters = inspect.signature(type(self)).parameters
        written = [
            f"{name}={_written(value, parameters[name].annotation)!r}" for name, value in self.settings().items()
        ]
        return f"{type(self).__name__}({', '.join(written)})"

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, Part) or type(self) is not type(other):
            return NotImplemented
        settings = self.settings()
        known = all(value is not ... for value in settings.values())
        return self is other or (known and settings == other.settings())

    def __hash__(self) -> int:
        return hash(repr(self))


def _written(value: Any, annotation: Any) -> Any:
    """Return a number as a fraction where the parameter takes one and it is shorter."""
    return written_number(value) if isinstance(value, float) and str in get_args(annotation) else value
