"""Which code a configuration may run.

A configuration names parts of an experiment; it does not run arbitrary code. Without being told more, `_target_` names
what this package defines, and Lightning's trainer, callbacks, loggers, profilers, strategies and plugins. Code of the
user's own runs where the command line names it, by `trust=` or as a `function=`: a file of presets cannot trust itself.
A file of torch.export and a repository of torch.hub are code as well: only `trust=` lets them run.
What stands in `hydra.` is Hydra's own to build; Hydra 1.3 asks nobody, 1.4 builds what `MAIN_OPTIONS` allow.
"""

import re
import sys
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from hydra.conf import HydraConf
from hydra.core.hydra_config import HydraConfig

from naa_lightning.config.schema import Node
from naa_lightning.exceptions import UserError

_LIGHTNING = re.compile(r"pytorch_lightning\.(Trainer$|(callbacks|loggers|profilers|strategies|plugins)\.)")
_TYPED_FILE = re.compile(r"\+{0,2}[\w.]+\.function=(.+\.py):\w+")
_EXPORTED = ".pt2"
_GITHUB = "github:"
_UNIFIED = "lightning.pytorch."  # the same classes by the name of another distribution


def is_lightnings(path: str) -> bool:
    """Tell whether a dotted name is one of Lightning that every configuration may build."""
    return _LIGHTNING.match(path) is not None


def is_own(path: str) -> bool:
    """Tell whether a dotted name is one of the user's own code."""
    return not is_lightnings(path) and not path.startswith("naa_lightning.")


def trusted_values(values: Node) -> Node:
    """Return the plain values of a configuration, in which Lightning goes by the name of its package.

    Args:
        values: Plain, nested values. Their `trust` names the user's own packages, modules, and Python files.

    Raises:
        UserError: A part is not trusted.

    Example:
        >>> trusted_values({"logger": {"csv": {"_target_": "lightning.pytorch.loggers.CSVLogger"}}})
        {'logger': {'csv': {'_target_': 'pytorch_lightning.loggers.CSVLogger'}}}
        >>> trusted_values({"logger": {"x": {"_target_": "subprocess.run"}}})
        Traceback (most recent call last):
        ...
        naa_lightning.exceptions.UserError: logger.x._target_ names subprocess.run, which is not known to be safe: \
trust=[subprocess] on the command line allows it
    """
    trust = values.get("trust") or []
    modules = [_module(entry) for entry in trust if not entry.endswith(_EXPORTED)]

    def check(code: str, key: str, entry: str) -> None:
        if not any(f"{_module(code)}.".startswith(f"{module}.") for module in modules):
            raise _refusal(key, code, entry)

    def known(name: str, value: Any, key: str) -> Any:
        if not isinstance(value, str):
            return walked(value, f"{key}.")
        if name == "_target_":
            if value.startswith(_UNIFIED):
                value = f"pytorch_lightning.{value.removeprefix(_UNIFIED)}"
            if is_own(value):
                check(value, key, value.partition(".")[0])
        if name == "function" and ":" in value and not _is_typed(value):
            code = value.rpartition(":")[0]
            check(code, key, code if _is_path(code) else code.partition(".")[0])
        if name == "path" and value.lower().endswith(_EXPORTED) and value not in trust:
            raise _refusal(key, value, value)
        return value

    def walked(node: Any, above: str) -> Any:
        if isinstance(node, Mapping):
            if isinstance(repo := node.get("repo"), str):  # of torch.hub
                entry = repo if node.get("source", "local") == "local" else f"{_GITHUB}{repo}"
                if entry not in trust:
                    raise _refusal(f"{above}repo", repo, entry)
            return {name: known(name, value, f"{above}{name}") for name, value in node.items()}
        return [walked(value, above) for value in node] if isinstance(node, list) else node

    trusted: Node = walked(values, "")
    return trusted


def find_own_code(trust: Sequence[str], hydra: HydraConf) -> None:
    """Let Python find the user's own code: what lies beside trusted files, and beside that of a typed `function=`.

    With any trust also what lies in the folder of `--config-dir`. Without, that folder is not looked into: a file there
    of the name of a library that is not installed would run in its stead.

    Args:
        trust: The user's own packages, modules, and Python files.
        hydra: Hydra's own part of the configuration.

    Raises:
        UserError: A file says what is trusted, or a trusted file is not there, or these are no names.
    """
    if isinstance(trust, str) or not isinstance(trust, Sequence) or not all(isinstance(entry, str) for entry in trust):
        raise UserError(f"trust must be a list of packages and files, such as trust=[mine], got {trust}")
    if trust and not any(re.match(r"\+{0,2}trust=", override) for override in hydra.overrides.task):
        raise UserError(f"trust=[{','.join(trust)}] stands in a file of presets: give it on the command line")
    trusted = (*_folders(trust), *_config_dirs(hydra)) if trust else ()
    for folder in (*trusted, *_typed_folders(hydra)):
        if folder not in sys.path:
            sys.path.append(folder)


def _refusal(key: str, code: str, entry: str) -> UserError:
    return UserError(
        f"{key} names {code}, which is not known to be safe: trust=[{entry}] on the command line allows it"
    )


def _module(entry: str) -> str:
    """Return the dotted name of what is trusted, also where it is given as a file or a folder."""
    return Path(entry).stem if _is_path(entry) else entry


def _is_path(entry: str) -> bool:
    return ("/" in entry or entry.endswith(".py")) and not entry.startswith(_GITHUB)


def _is_typed(function: str) -> bool:
    """Tell whether the command line itself names a function."""
    overrides = HydraConfig.get().overrides.task if HydraConfig.initialized() else []
    return any(override.endswith(f"function={function}") for override in overrides)


def _typed_folders(hydra: HydraConf) -> Iterator[str]:
    for override in hydra.overrides.task:
        if file := _TYPED_FILE.fullmatch(override):
            yield str(Path(file[1]).expanduser().resolve().parent)


def _folders(trust: Sequence[str]) -> Iterator[str]:
    for path in (Path(entry).expanduser() for entry in trust if _is_path(entry) and not entry.endswith(_EXPORTED)):
        if not path.exists():
            raise UserError(f"trust=[{path}]: there is no such file or folder")
        yield str(path.resolve().parent)


def _config_dirs(hydra: HydraConf) -> Iterator[str]:
    for source in hydra.runtime.config_sources:
        if source.provider == "command-line" and source.schema == "file":
            yield str(Path(source.path).resolve())
