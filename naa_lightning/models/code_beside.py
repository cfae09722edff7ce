"""The modules that lie beside a file of own code and that it imports, which must be those that Python finds."""

import ast
import sys
import warnings
from collections.abc import Iterator, Sequence
from importlib.machinery import PathFinder
from pathlib import Path

from naa_lightning.exceptions import ModelError

_INSTALLED = {"timm", "torchvision", "transformers"}


def imported_beside(file: Path, folder: Path | None = None) -> dict[str, Path]:
    """Return the files in a folder that a file of Python imports, and those that these import; nothing is run.

    The libraries of networks are left out: their own repositories are used through what is installed.

    Args:
        file: The file.
        folder: The folder whose modules it imports by their bare names; None for its own.

    Returns:
        The files by the names of their modules.
    """
    folder = folder or file.parent
    found: dict[str, Path] = {}
    waiting = [file]
    while waiting:
        path = waiting.pop()
        for parts in _imported(path, path.parent.relative_to(folder).parts):
            for count in range(1, 1 if parts[0] in _INSTALLED else len(parts) + 1):
                name, place = ".".join(parts[:count]), folder.joinpath(*parts[:count])
                for beside in (place / "__init__.py", place.parent / f"{place.name}.py"):
                    if name not in found and beside.is_file():
                        found[name] = beside
                        waiting.append(beside)
    return found


def check_imports(file: Path, model: str, path: Sequence[str]) -> None:
    """Check that what a file of Python imports from its own folder is not hidden by other modules of the same names.

    Args:
        file: The file.
        model: The name of the model that it is for, in errors.
        path: The folders in which Python looks for modules.

    Raises:
        ModelError: Another module of such a name is loaded already, or found before it.
    """
    for name, beside in imported_beside(file).items():
        if name in sys.modules:
            other = getattr(sys.modules[name], "__file__", None)
        else:
            above = name.split(".")[:-1]
            spec = PathFinder.find_spec(name, [str(Path(entry, *above)) for entry in path])
            other = spec and spec.origin
        if other is not None and Path(other).resolve() != beside.resolve():
            raise ModelError(f"{model}: {file} would import {other} as {name}, not {beside}: rename the latter")


def _imported(path: Path, package: Sequence[str]) -> Iterator[Sequence[str]]:
    """Yield the parts of the names that a file of a package imports; none where Python cannot read it."""
    try:
        with warnings.catch_warnings(action="ignore"):
            tree = ast.parse(path.read_bytes())
    except (OSError, SyntaxError, ValueError):  # which importing it tells
        return
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            yield from (alias.name.split(".") for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            above = package[: len(package) + 1 - node.level] if node.level else ()
            named = node.module.split(".") if node.module else ()
            yield from ([*above, *named, alias.name] for alias in node.names)
