"""What a folder's images were crafted with, so that no other run mixes its own among them."""

import hashlib
import json
from collections.abc import Collection, Mapping
from pathlib import Path
from typing import Any

from naa_lightning.atomic import write_atomically
from naa_lightning.exceptions import FolderInUseError
from naa_lightning.identity import leaves
from naa_lightning.records.manifest import SavedImage

FILE_NAME = "crafting.json"
# Beside what the images depend on: the configuration by which others find their surrogate, attack and targets.
_CONFIG = "config"


def identity_digest(identity: Mapping[str, Any]) -> str:
    """Return a digest of what images are crafted with, by which each row of the manifest names it.

    Args:
        identity: The values that the images depend on, plain and nested.
    """
    return hashlib.sha256(json.dumps(identity, sort_keys=True).encode()).hexdigest()


def check_identity(
    folder: Path, identity: Mapping[str, Any], saved: Mapping[int, SavedImage], known: Collection[str] | None = None
) -> None:
    """Compare what a folder's images depend on with what stands there.

    Args:
        folder: The folder of the run.
        identity: The values that the images depend on, plain and nested.
        saved: The rows of the manifest; a folder without any is bound to nothing.
        known: The keys of which the values are known yet; None for all.

    Raises:
        FolderInUseError: The folder's images were crafted with other values; the message lists the differences.
    """
    said = _read(folder / FILE_NAME)
    if not saved or said is None:
        return
    before, now = ({key: part[key] for key in part if known is None or key in known} for part in (said, identity))
    if differences := _differences(before, now):
        raise FolderInUseError(
            f"the images in {folder} were crafted with another configuration ({'; '.join(differences[:5])}): "
            "choose another folder"
        )


def write_or_check_identity(
    folder: Path, identity: Mapping[str, Any], saved: Mapping[int, SavedImage], config: Mapping[str, Any]
) -> None:
    """Compare what a folder's images depend on with what stands there, and write it down.

    Where the file was lost or damaged, what the rows of the manifest say is enough to write it anew.

    Args:
        folder: The folder of the run, which no other run is in.
        identity: The values that the images depend on, plain and nested.
        saved: The rows of the manifest; a folder without any is bound to nothing.
        config: The surrogate, attack, targets and defences of the run, which stand beside it under "config".

    Raises:
        FolderInUseError: The folder's images were crafted with other values; the message lists the differences. Or
            nothing says what they were crafted with.
    """
    path = folder / FILE_NAME
    said, digest = _read(path), identity_digest(identity)
    check_identity(folder, identity, saved)
    if any(row.made_of != digest for row in saved.values() if row.made_of or said is None):
        raise FolderInUseError(
            f"{path} is missing, damaged or of other images than {len(saved)} that are there, and they were crafted "
            "with another configuration, or it is not known with which: choose another folder"
        )
    write_atomically(path, json.dumps({**identity, _CONFIG: config}, indent=2) + "\n")


def _read(path: Path) -> Mapping[str, Any] | None:
    try:
        said = json.loads(path.read_text(encoding="utf-8"))
    except (FileNotFoundError, ValueError):  # also of bytes that are no UTF-8
        return None
    return {key: part for key, part in said.items() if key != _CONFIG} if isinstance(said, Mapping) else None


def _differences(before: Mapping[str, Any], now: Mapping[str, Any]) -> list[str]:
    was, is_now = (dict(leaves(json.loads(json.dumps(values)))) for values in (before, now))  # lists are lists
    return [
        f"{key} was {was.get(key, 'absent')!r}, is {is_now.get(key, 'absent')!r}"
        for key in sorted(was.keys() | is_now.keys())
        if was.get(key) != is_now.get(key)
    ]
