"""Where the time of a trainer's work goes, as Lightning's profilers measure it."""

import re
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from pytorch_lightning.profilers import AdvancedProfiler, Profiler, PyTorchProfiler, SimpleProfiler
from rich.console import Console

from naa_lightning.distributed.process_info import ProcessInfo
from naa_lightning.exceptions import UserError


class _Printed(Profiler):
    """Prints the table that Lightning writes to a file."""

    def summary(self) -> str:
        """Print and return the table; Lightning asks for it once, when its work is done."""
        table = super().summary()
        Console().print(f"{self.filename}: {table}", markup=False, highlight=False, soft_wrap=True)
        return table


class _Simple(_Printed, SimpleProfiler): ...


class _Advanced(_Printed, AdvancedProfiler): ...


class _PyTorch(_Printed, PyTorchProfiler): ...


_SILENT: Mapping[str, Callable[..., Profiler]] = {
    "simple": SimpleProfiler,
    "advanced": AdvancedProfiler,
    "pytorch": PyTorchProfiler,
}
_PRINTED: Mapping[str, Callable[..., Profiler]] = {"simple": _Simple, "advanced": _Advanced, "pytorch": _PyTorch}


def make_profiler(name: Any, folder: Path, title: str, process: ProcessInfo) -> Profiler | None:
    """Build a profiler that prints its table, on the first rank, and writes it and any trace into a folder.

    Args:
        name: "simple" (seconds of each hook), "advanced" (Python's functions), "pytorch" (operators, and a trace for
            Chrome or TensorBoard); None for no profiler.
        folder: Folder of the files.
        title: Name of the work, by which the files are called.
        process: This process among those of the run.

    Raises:
        UserError: There is no such profiler.
    """
    if name is None:
        return None
    if not isinstance(name, str) or name not in _SILENT:
        raise UserError(f"trainer.profiler must be one of {', '.join(_SILENT)} or null, got {name!r}")
    called = re.sub("[^A-Za-z0-9._+]+", "-", title)
    if process.world_size > 1:
        called += f"-rank{process.rank}"
    return (_SILENT if process.rank else _PRINTED)[name](dirpath=folder, filename=called)
