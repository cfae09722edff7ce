"""Where options stand in a configuration, added to messages of the library, which knows parameters only."""

import re
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from naa_lightning.config.schema import AttackRun, Node
from naa_lightning.exceptions import (
    DataError,
    MissingDataError,
    MissingTargetClassError,
    MissingWeightsError,
    ModelError,
    UserError,
    in_one_line,
)
from naa_lightning.models import ModelSource

_PARAMETER = re.compile(r"`([a-z_]+(?:=[^`]*)?)`")
_OTHER_REMEDIES = {
    MissingDataError: "or run experiment=digits, which needs no files",
    MissingTargetClassError: "or choose data=nips2017 (with its dev_dataset.csv) or data=digits",
    MissingWeightsError: "or run experiment=digits, which needs none",
}


@contextmanager
def in_options(key: str, about: type[DataError | ModelError]) -> Iterator[None]:
    """Let an error name options of the command line: with the key "data", `root=PATH` becomes data.root=PATH.

    Args:
        key: The place in the configuration of what the error is about.
        about: The kind of error that names parameters of it.

    Raises:
        UserError: The error, in the words of the command line.
    """
    try:
        yield
    except about as error:
        remedies = [_PARAMETER.sub(rf"{key}.\1", in_one_line(error))]
        if isinstance(error, MissingWeightsError) and key.startswith("targets."):
            remedies.append(f"leave the target out (~{key})")
        remedies += [remedy for kind, remedy in _OTHER_REMEDIES.items() if isinstance(error, kind)]
        raise UserError(", ".join(remedies)) from error


def key_of(source: ModelSource, run: AttackRun) -> str:
    """Return the place in the configuration of a model: surrogate, surrogate.members.KEY or targets.KEY."""
    surrogate = run.surrogate or {}
    nodes = {
        "surrogate": surrogate,
        **{f"surrogate.members.{key}": node for key, node in surrogate.get("members", {}).items()},
        **{f"targets.{key}": node for key, node in run.targets.items()},
    }
    named = [key for key, node in nodes.items() if node.get("name") == source.name]
    nameless = {key: Path(node["model"]).expanduser().absolute() for key, node in nodes.items() if _is_nameless(node)}
    of_files = [key for key, file in nameless.items() if source.name in (file.name, file.stem)]
    return next(iter((*named, *of_files, *nameless)), source.name)


def _is_nameless(node: Node) -> bool:
    """Tell whether a model is called as the file or folder of `model` is, or as that says."""
    return node.get("name") is None and isinstance(node.get("model"), str)
