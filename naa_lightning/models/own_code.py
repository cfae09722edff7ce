"""The user's own Python code, named by where it is: "package.module:name" or "path/to/file.py:name"."""

import sys
from hashlib import sha256
from importlib import import_module
from importlib.util import find_spec, module_from_spec, spec_from_file_location
from pathlib import Path
from types import ModuleType
from typing import Any

from naa_lightning.exceptions import ModelError
from naa_lightning.models.black_box.black_box import reason
from naa_lightning.models.code_beside import check_imports, imported_beside

_LIBRARIES = ("site-packages", "dist-packages")


def check_name_of_code(function: str) -> None:
    """Check how code is named.

    Raises:
        ValueError: It is not named as described.
    """
    module, _, name = function.rpartition(":")
    if not module or not name.isidentifier():
        raise ValueError(f"function must be package.module:name or path/to/file.py:name, got {function!r}")


def check_code(function: str, model: str) -> None:
    """Check at once that the file or module is there, and that a file finds what lies beside it.

    A module's packages are imported, itself it is not.

    Args:
        function: The code.
        model: The name of the model that it is for, in errors.

    Raises:
        ModelError: It is not there, or another module hides one that it imports from its folder.
    """
    module = function.rpartition(":")[0]
    if file := _file(module):
        if not file.is_file():
            raise ModelError(f"{model}: there is no file {file}; correct `function`")
        check_imports(file, model, sys.path)
        return
    try:
        found = find_spec(module)
    except (Exception, SystemExit) as error:
        raise ModelError(f"{model}: the module {module} cannot be found: {reason(error)}") from error
    if found is None:
        raise ModelError(
            f"{model}: there is no module {module}; correct `function`, install it, or name a file "
            "(path/to/file.py:name)"
        )


def files_of(function: str) -> list[Path]:
    """Return the file that code is in and, but for an installed library, those that it imports from its folder.

    There are none where its module, which must be there, is in no file.
    """
    module = function.rpartition(":")[0]
    if file := _file(module):
        return [file, *imported_beside(file).values()]
    found = find_spec(module)
    if found is None or not found.has_location or not found.origin:
        return []
    file = Path(found.origin)
    folder = file.parents[module.count(".") + (file.name == "__init__.py")]
    return [file] if folder.name in _LIBRARIES else [file, *imported_beside(file, folder).values()]


def import_code(function: str, model: str) -> Any:
    """Import what a name stands for.

    Args:
        function: The code.
        model: The name of the model that it is for, in errors.

    Raises:
        ModelError: It cannot be imported.
    """
    check_code(function, model)
    module, _, name = function.rpartition(":")
    try:
        code = _load_file(file) if (file := _file(module)) else import_module(module)
    except (Exception, SystemExit) as error:
        raise ModelError(f"{model}: {module} cannot be imported: {reason(error)}") from error
    found = getattr(code, name, None)
    if found is None:
        raise ModelError(f"{model}: there is no {name} in {module}; correct `function`")
    return found


def _file(module: str) -> Path | None:
    return Path(module).expanduser() if module.endswith(".py") else None


def _load_file(path: Path) -> ModuleType:
    """Run a file as a module whose name no other has, so that its folder need not be on the path."""
    digest = sha256(str(path.resolve()).encode()).hexdigest()[:16]
    spec = spec_from_file_location(f"naa_lightning_callable_{path.stem}_{digest}", path)
    assert spec is not None, "it ends in .py"
    assert spec.loader is not None, "it ends in .py"
    module = module_from_spec(spec)
    sys.modules[spec.name] = module  # dataclasses and pickle look for it there
    try:
        spec.loader.exec_module(module)
    except BaseException:
        del sys.modules[spec.name]
        raise
    return module
