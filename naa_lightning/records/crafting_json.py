"""What a folder's images were crafted with, so that no other run mixes its own among them."""

import json
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from naa_lightning.atomic import write_atomically
from naa_lightning.exceptions import FolderInUseError

FILE_NAME = "crafting.json"


def write_or_check_identity(folder: Path, identity: Mapping[str, Any], *, empty: bool) -> None:
    """Write down what a folder's images depend on, or compare it with what stands there.

    Args:
        folder: The folder of the run.
        identity: The values that the images depend on, plain and nested.
        empty: Whether the folder holds no image yet, so that what stands there binds nobody.

    Raises:
        FolderInUseError: The folder's images were crafted with other values; the message lists the differences.
    """
    path = folder / FILE_NAME
    if empty or not path.is_file():
        write_atomically(path, json.dumps(identity, indent=2) + "\n")
        return
    before, now = dict(_leaves(json.loads(path.read_text(encoding="utf-8")))), dict(_leaves(identity))
    differences = [
        f"{key} was {before.get(key, 'absent')!r}, is {now.get(key, 'absent')!r}"
        for key in sorted(before.keys() | now.keys())
        if before.get(key) != now.get(key)
    ]
    if differences:
        raise FolderInUseError(
            f"the images in {folder} were crafted with another configuration ({'; '.join(differences[:5])}): "
            "choose another folder"
        )


def _leaves(node: Any, key: str = "") -> Iterator[tuple[str, Any]]:
    if isinstance(node, Mapping) and node:
        for name, value in node.items():
            yield from _leaves(value, f"{key}.{name}" if key else str(name))
    else:
        yield key, json.loads(json.dumps(node))
