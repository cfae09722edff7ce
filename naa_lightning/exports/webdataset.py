"""Exports as a WebDataset: one `.tar` file, in which the files of one image share a key."""

import io
import json
import os
import tarfile
from collections.abc import Collection, Iterable, Iterator, Mapping
from functools import partial
from pathlib import Path
from typing import Any

from naa_lightning.exports.contents import Description, Export, ImagePair, checked_files, origin_of, reading
from naa_lightning.image_file import encode_png

_ADVERSARIAL, _JSON = "adversarial.png", "json"


def write_webdataset(path: Path, pairs: Iterable[ImagePair], description: Description) -> None:
    """Write files.

    An image's key is its id. It has `KEY.adversarial.png`, `KEY.clean.png`, `KEY.cls`, the label, and `KEY.json` with
    the `id`, `file`, `label`, `target_class` (-1: none), `clean_sha256` and `adversarial_sha256`. What made the images
    and the names of the classes stand as JSON in the archive's comment.

    Args:
        path: The file.
        pairs: The images, in the order of their ids.
        description: What it says of them.

    Raises:
        OSError: It cannot be written.
    """
    comment = json.dumps({**description.origin, "class_names": description.class_names}, sort_keys=True)
    with tarfile.open(path, "x", format=tarfile.PAX_FORMAT, pax_headers={"comment": comment}) as archive:
        for pair in pairs:
            files = {
                _ADVERSARIAL: encode_png(pair.adversarial),
                "clean.png": encode_png(pair.clean),
                "cls": str(pair.label).encode(),
                _JSON: json.dumps(pair.facts).encode(),
            }
            for ending, content in files.items():
                member = tarfile.TarInfo(f"{pair.id:09d}.{ending}")
                member.size = len(content)
                archive.addfile(member, io.BytesIO(content))


def open_webdataset(path: Path) -> Export:
    """Read what is said of the images in a file.

    Nothing is unpacked to where the archive's names lead.

    Raises:
        UserError: It is damaged, compressed, or holds something else.
    """
    with reading(path), _opened(path) as archive:
        _check_end(path)
        samples = _samples(archive)
        if not samples:
            raise ValueError(f"it holds no KEY.{_ADVERSARIAL}")
        facts = [_facts(archive, parts) for parts in samples.values()]
        # An image without facts is called as its key.
        names = checked_files(
            path, [of["file"] if of else f"{key}.png" for key, of in zip(samples, facts, strict=True)]
        )
        images = dict(zip(names, (parts[_ADVERSARIAL] for parts in samples.values()), strict=True))
        origin = origin_of(path, archive.pax_headers.get("comment"))
        labels, digests = ([of[name] for of in facts if name in of] or None for name in ("label", "clean_sha256"))
        return Export(path, names, origin, partial(_images, path, images), labels, digests)


def _images(path: Path, images: Mapping[str, tarfile.TarInfo], wanted: Collection[str]) -> Iterator[tuple[str, bytes]]:
    with _opened(path) as archive:
        for file in wanted:
            with reading(path):
                content = _content(archive, images[file])
            yield file, content


def _opened(path: Path) -> tarfile.TarFile:
    try:
        return tarfile.open(path, "r:")
    except tarfile.ReadError as error:
        raise ValueError("it is compressed or damaged; a plain .tar file is read") from error


def _check_end(path: Path) -> None:
    """Check that an archive has its end, which `tarfile` does not miss where a whole file is the last."""
    with path.open("rb") as file:
        file.seek(-2 * tarfile.BLOCKSIZE, os.SEEK_END)
        if any(file.read()):
            raise EOFError("it is cut short")


def _samples(archive: tarfile.TarFile) -> dict[str, dict[str, tarfile.TarInfo]]:
    """Return the files of each key that has an adversarial image, by their endings."""
    samples: dict[str, dict[str, tarfile.TarInfo]] = {}
    for member in archive:
        if member.isdir():
            continue
        if not member.isreg() or member.issparse():
            raise ValueError(f"{member.name} in it is no plain file")
        folder, slash, name = member.name.rpartition("/")
        key, _, ending = name.partition(".")
        samples.setdefault(folder + slash + key, {})[ending] = member
    return {key: parts for key, parts in samples.items() if _ADVERSARIAL in parts}


def _facts(archive: tarfile.TarFile, parts: Mapping[str, tarfile.TarInfo]) -> Mapping[str, Any]:
    """Return what is known of an image besides its pixels; nothing where nothing says it."""
    return dict(json.loads(_content(archive, parts[_JSON]))) if _JSON in parts else {}


def _content(archive: tarfile.TarFile, member: tarfile.TarInfo) -> bytes:
    file = archive.extractfile(member)
    assert file is not None, "it is a plain file"
    content = file.read()
    if len(content) < member.size:
        raise EOFError(f"it ends within {member.name}")
    return content
