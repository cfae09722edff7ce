"""Images of one size in one array, which need not fit into memory."""

from collections.abc import Iterable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np
from torch import Tensor

from naa_lightning.exceptions import UserError
from naa_lightning.exports.contents import ImagePair

KINDS = ("clean", "adversarial")
# What all images have in common a name with, and the fact of each.
NUMBERS = {"labels": "label", "target_classes": "target_class", "ids": "id"}
TEXTS = {"files": "file", "clean_sha256": "clean_sha256", "adversarial_sha256": "adversarial_sha256"}


@dataclass(frozen=True)
class Stacked:
    """The pairs of an export.

    Args:
        images: The "clean" and the "adversarial" images, each uint8 (N, 3, H, W) or (N, H, W, 3).
        numbers: The "labels", "target_classes" and "ids", each int64 (N,).
        texts: The "files" of the clean images, and the digests of the pixels, "clean_sha256" and "adversarial_sha256".
    """

    images: dict[str, np.ndarray]
    numbers: dict[str, np.ndarray]
    texts: dict[str, list[str]]


@contextmanager
def stacked(pairs: Iterable[ImagePair], beside: Path, *, channels_last: bool) -> Iterator[Stacked]:
    """Stack images for a block of code, in files that are mapped into memory.

    Args:
        pairs: The images.
        beside: A file in whose folder there is room for all of them.
        channels_last: Whether the channels are the last axis, else the second.

    Raises:
        UserError: The images differ in size.
        OSError: There is no room for them.
    """
    facts = []
    first: tuple[str, Tensor] | None = None
    with TemporaryDirectory(prefix=".", dir=beside.parent) as folder:
        raw = {kind: Path(folder) / kind for kind in KINDS}
        with ExitStack() as files:
            opened = {kind: files.enter_context(path.open("wb")) for kind, path in raw.items()}
            for pair in pairs:
                first = first or (pair.file, pair.clean)
                if pair.clean.shape != first[1].shape:
                    raise UserError(
                        f"{first[0]} is {_size(first[1])}, {pair.file} is {_size(pair.clean)}, and this format needs "
                        "images of one size: export to webdataset or huggingface, which take any"
                    )
                for kind, image in (("clean", pair.clean), ("adversarial", pair.adversarial)):
                    laid = image.permute(1, 2, 0) if channels_last else image
                    opened[kind].write(laid.contiguous().numpy().data)
                facts.append(pair.facts)
        assert first is not None, "a run has images"
        _, height, width = first[1].shape
        shape = (len(facts), height, width, 3) if channels_last else (len(facts), 3, height, width)
        yield Stacked(
            # "c": nothing is written to it, and torch warns of what nothing may be written to
            images={kind: np.memmap(path, np.uint8, mode="c", shape=shape) for kind, path in raw.items()},
            numbers={plural: np.array([of[name] for of in facts], dtype=np.int64) for plural, name in NUMBERS.items()},
            texts={plural: [str(of[name]) for of in facts] for plural, name in TEXTS.items()},
        )


def _size(image: Tensor) -> str:
    return f"{image.shape[2]}x{image.shape[1]}"
