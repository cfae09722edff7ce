"""What people read: numbers, tables, figures and dashboards, all from a run's files."""

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from naa_lightning.report.loading import load

__all__ = ["load"]


def __getattr__(name: str) -> Any:
    if name not in __all__:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    from naa_lightning.report.loading import load  # noqa: PLC0415 - not needed by a program that only attacks

    return load
