"""Folders of small images."""

from collections.abc import Sequence
from pathlib import Path

from PIL import Image

from naa_lightning.data import ImageRecord
from naa_lightning.data.folder import FolderData


def paint(root: Path, *files: str, size: tuple[int, int] = (6, 4)) -> Path:
    for value, file in enumerate(files):
        (root / file).parent.mkdir(parents=True, exist_ok=True)
        Image.new("RGB", size, (value, 0, 0)).save(root / file)
    return root


def write_csv(root: Path, *lines: str) -> Path:
    (root / "labels.csv").write_text("\n".join(lines) + "\n", encoding="utf-8")
    return root


def records(root: Path, csv: str | None = None) -> list[ImageRecord]:
    return list(FolderData(root=root, csv=csv).load().records)


def parts(root: Path, train: list[str], validation: list[str], attacked: list[str]) -> FolderData:
    """Images to train on, to validate on where there are any, and to attack."""
    for name, files in (("train", train), ("validation", validation), ("attacked", attacked)):
        (root / name).mkdir()
        paint(root / name, *files)
    return FolderData(
        root=root / "attacked",
        train=root / "train",
        validation=root / "validation" if validation else None,
        num_workers=0,
    )


def files_and_labels(records: Sequence[ImageRecord]) -> list[tuple[str, int]]:
    return [(record.file, record.label) for record in records]
