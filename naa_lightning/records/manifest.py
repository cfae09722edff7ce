"""The list of adversarial images that a run has saved."""

import csv
import hashlib
import io
import math
from collections.abc import Iterable, Sequence
from dataclasses import MISSING, asdict, dataclass, fields
from pathlib import Path

from naa_lightning.atomic import write_atomically
from naa_lightning.data import ImageRecord
from naa_lightning.exceptions import FolderInUseError
from naa_lightning.records.csv_text import as_cell, from_cell

FILE_NAME = "manifest.csv"


@dataclass(frozen=True)
class SavedImage:
    """A row of the manifest: one adversarial image.

    Args:
        id: The image's row in the data set's own order.
        file: The path of the file, relative to the manifest's folder.
        label: The true class.
        target_class: The class that a targeted attack aimed at; -1 in an untargeted run.
        sha256: The SHA-256 digest of the file.
        clean_sha256: The digest of the clean image, see `image_digest`; empty where it is unknown.
        made_of: The digest of what it was crafted with, see `crafting_json`; empty likewise.
        seconds: The image's share of its batch's crafting time, in seconds.
        gradient_evaluations: The number of gradients taken for it.
        zero_gradients, non_finite_gradients: The numbers of its steps' gradients that were zero, or held values that
            are not finite; see `naa_lightning.attacks.attack.Crafted`.
        positive_share, participation, gini, attributed, explained: See `AttributionStatistics`; NaN for an attack
            without attribution.
    """

    id: int
    file: str
    label: int
    target_class: int
    sha256: str
    seconds: float
    gradient_evaluations: int
    clean_sha256: str = ""
    made_of: str = ""
    zero_gradients: int = 0
    non_finite_gradients: int = 0
    positive_share: float = math.nan
    participation: float = math.nan
    gini: float = math.nan
    attributed: float = math.nan
    explained: float = math.nan


_TYPES = {field.name: field.type for field in fields(SavedImage)}
_OPTIONAL = {field.name for field in fields(SavedImage) if field.default is not MISSING}  # older files lack some


class Manifest:
    """Reads and extends `manifest.csv`, to which a row is added as soon as its image is saved.

    Several ranks would mix up their rows in one file, above all on a file system that machines share. So each but the
    first adds to a part of its own, `manifest-<rank>.csv`, until `rewrite` puts everything into the one file.

    Args:
        folder: The folder of the manifest and of the images that it lists.
        rank: The rank of the process that adds rows.
    """

    def __init__(self, folder: Path, rank: int = 0) -> None:
        self.folder = folder
        self.path = folder / FILE_NAME
        self._own = self.path if rank == 0 else folder / f"manifest-{rank}.csv"

    def read(self) -> dict[int, SavedImage]:
        """Return the rows by image id, in their order; one cut short by a killed run is left out."""
        rows = {row.id: row for path in [self.path, *self._parts()] for row in _rows(path)}
        return dict(sorted(rows.items()))

    def repair(self, records: Sequence[ImageRecord]) -> dict[int, SavedImage]:
        """Keep only rows whose image is there, unharmed; the others will be crafted again.

        Args:
            records: The images of the data set, with target classes only where the attack aims at them.

        Returns:
            The rows kept, by image id.

        Raises:
            FolderInUseError: A saved image belongs to another image of the data set.
        """
        kept = {id: row for id, row in self.read().items() if self._intact(row)}
        for record in records:
            row = kept.get(record.id)
            if row is None:
                continue
            saved = (row.file, row.label, row.target_class)
            expected = (adversarial_name(record), record.label, target_class(record))
            if saved != expected:
                raise FolderInUseError(
                    f"{self.path} lists {_described(*saved)} as image {record.id}, where the data set has "
                    f"{_described(record.file, *expected[1:])}: choose another folder"
                )
        self.rewrite(kept.values())
        return kept

    def rewrite(self, rows: Iterable[SavedImage]) -> None:
        """Write all rows to `manifest.csv`, in the order of the images, and remove the parts of the ranks."""
        write_atomically(self.path, _header() + "".join(_line(row) for row in sorted(rows, key=lambda row: row.id)))
        for part in self._parts():
            part.unlink()

    def add(self, row: SavedImage) -> None:
        """Add one row, in one write."""
        with self._own.open("a", encoding="utf-8", newline="") as file:
            file.write(_line(row) if file.tell() else _header() + _line(row))

    def _parts(self) -> list[Path]:
        return sorted(self.folder.glob("manifest-*.csv"))

    def _intact(self, row: SavedImage) -> bool:
        path = self.folder / row.file
        return path.is_file() and hashlib.sha256(path.read_bytes()).hexdigest() == row.sha256


def adversarial_name(record: ImageRecord) -> str:
    """Return what the adversarial image of a clean image is called, relative to the manifest's folder."""
    return Path(record.file).with_suffix(".png").as_posix()


def target_class(record: ImageRecord) -> int:
    """Return an image's target class as the manifest writes it."""
    return -1 if record.target_class is None else record.target_class


def _described(file: str, label: int, target_class: int) -> str:
    return f"{file} (label {label})" if target_class == -1 else f"{file} (label {label}, aimed at {target_class})"


def _rows(path: Path) -> list[SavedImage]:
    if not path.is_file():
        return []
    with path.open(encoding="utf-8", errors="replace", newline="") as file:
        text = file.read()
    complete = text[: text.rfind("\n") + 1]
    rows = map(_parse, csv.DictReader(io.StringIO(complete, newline="")))
    return [row for row in rows if row is not None]


def _header() -> str:
    return ",".join(_TYPES) + "\n"


def _line(row: SavedImage) -> str:
    text = io.StringIO()
    csv.DictWriter(text, list(_TYPES), lineterminator="\n").writerow(asdict(row) | {"file": as_cell(row.file)})
    return text.getvalue()


def _parse(row: dict[str, str]) -> SavedImage | None:
    try:
        row["file"] = from_cell(row["file"])
        return SavedImage(
            **{name: kind(row[name]) for name, kind in _TYPES.items() if name in row or name not in _OPTIONAL}  # type: ignore[operator]
        )
    except (KeyError, TypeError, ValueError):
        return None
