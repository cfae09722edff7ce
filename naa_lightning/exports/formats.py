"""The formats of exports: what they are called, how they are told apart and what reads them."""

import tarfile
import zipfile
from collections.abc import Iterable
from pathlib import Path
from typing import NamedTuple

from naa_lightning.atomic import written_whole
from naa_lightning.exports.contents import Description, Export, ImagePair


class Format(NamedTuple):
    """A format.

    Attributes:
        ending: How the names of its files end; empty for a folder.
        example: The line of Python that reads it, with `{path}` for its place in quotes.
    """

    ending: str
    example: str


FORMATS = {
    "huggingface": Format("", 'datasets.load_dataset({path}, split="test")'),
    "npz": Format(".npz", "numpy.load({path})"),
    "pt": Format(".pt", "torch.load({path}, weights_only=True)"),
    "webdataset": Format(".tar", 'datasets.load_dataset("webdataset", data_files={path}, split="train")'),
}
"""The formats by name."""


def write_export(name: str, path: Path, pairs: Iterable[ImagePair], description: Description) -> None:
    """Write an export, which is there whole or not at all.

    Args:
        name: The name of the format.
        path: The file or folder, which is not there yet.
        pairs: The images, in the order of their ids, which may be read as they are written.
        description: What it says of them.

    Raises:
        UserError: The format needs images of one size, and they are of several; or it needs a package that is missing.
        OSError: It cannot be written.
    """
    # Each loads a library of its own.
    from naa_lightning.exports.huggingface import write_huggingface  # noqa: PLC0415
    from naa_lightning.exports.npz import write_npz  # noqa: PLC0415
    from naa_lightning.exports.pt import write_pt  # noqa: PLC0415
    from naa_lightning.exports.webdataset import write_webdataset  # noqa: PLC0415

    write = {"huggingface": write_huggingface, "npz": write_npz, "pt": write_pt, "webdataset": write_webdataset}[name]
    with written_whole(path) as unfinished:
        write(unfinished, pairs, description)


def kind_of(path: Path) -> str | None:
    """Return the format of a file or folder, by its content and not its name; None where it is no export.

    Args:
        path: The file or folder.
    """
    if path.is_dir():
        from naa_lightning.exports.huggingface import shards  # noqa: PLC0415

        return "huggingface" if shards(path) else None
    if not path.is_file():
        return None
    if zipfile.is_zipfile(path):
        try:
            with zipfile.ZipFile(path) as archive:
                names = archive.namelist()
        except (OSError, ValueError, zipfile.BadZipFile):
            return None
        if any(name.endswith("/data.pkl") for name in names):
            return "pt"
        return "npz" if any(name.endswith(".npy") for name in names) else None
    return "webdataset" if tarfile.is_tarfile(path) else None


def open_export(path: Path) -> Export | None:
    """Read what an export holds besides its images; None where a file or folder is no export.

    Args:
        path: The file or folder.

    Raises:
        UserError: It is damaged, or holds what is not safe to read.
    """
    match kind_of(path):
        case "huggingface":
            from naa_lightning.exports.huggingface import open_huggingface  # noqa: PLC0415

            return open_huggingface(path)
        case "npz":
            from naa_lightning.exports.npz import open_npz  # noqa: PLC0415

            return open_npz(path)
        case "pt":
            from naa_lightning.exports.pt import open_pt  # noqa: PLC0415

            return open_pt(path)
        case "webdataset":
            from naa_lightning.exports.webdataset import open_webdataset  # noqa: PLC0415

            return open_webdataset(path)
        case _:
            return None
