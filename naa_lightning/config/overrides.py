"""Overrides as they are typed."""

import re
import shlex

from hydra.conf import HydraConf
from hydra.types import RunMode

# What neither Hydra nor a shell reads as anything but itself.
_PLAIN = re.compile(r"[\w./@%:+-]*", re.ASCII)


def as_override(key: str, value: str) -> str:
    """Return an override as Hydra reads it, whatever the value is.

    Example:
        >>> as_override("hydra.run.dir", "runs/1"), as_override("hydra.run.dir", "my runs/a=1")
        ('hydra.run.dir=runs/1', 'hydra.run.dir="my runs/a=1"')
    """
    if _PLAIN.fullmatch(value):
        return f"{key}={value}"
    escaped = re.sub(r'(\\*)("|$)', lambda end: end[1] * 2 + end[2].replace('"', '\\"'), value)
    return f'{key}="{escaped}"'


def as_typed(key: str, value: str) -> str:
    r"""Return an override as it is typed in a shell.

    Example:
        >>> as_typed("hydra.run.dir", "runs/1"), as_typed("hydra.run.dir", "my runs")
        ('hydra.run.dir=runs/1', '\'hydra.run.dir="my runs"\'')
    """
    return shlex.quote(as_override(key, value))


def folder_key(hydra: HydraConf) -> str:
    """Return the key of the folder in which a run goes on, of a job of a sweep that of the sweep.

    Args:
        hydra: Hydra's own part of the composed configuration.
    """
    return "hydra.sweep.dir" if hydra.mode is RunMode.MULTIRUN else "hydra.run.dir"


def folder_option(hydra: HydraConf, folder: str) -> str:
    """Return what is added to a command so that it goes on where it was stopped, a sweep with all its jobs.

    Args:
        hydra: Hydra's own part of the composed configuration.
        folder: The folder of the run.
    """
    key = folder_key(hydra)
    return as_typed(key, folder if key == "hydra.run.dir" else hydra.sweep.dir)
