"""The NeurIPS 2017 adversarial competition's development set: 1,000 "ImageNet-compatible" PNGs of 299x299.

`nips2017.bin` identifies the published files: for each image, sorted by ImageId, the ImageId (8 bytes, written as 16
hexadecimal digits in file names) and the SHA-256 of its PNG (32 bytes).
"""

import struct
from dataclasses import replace
from functools import partial
from pathlib import Path
from tempfile import TemporaryDirectory

from torch import Tensor

from naa_lightning.class_names import imagenet_names
from naa_lightning.data.datamodule import ImageDataModule
from naa_lightning.data.download import RemoteFile, fetch, fetch_missing, require_reachable, save
from naa_lightning.data.images import ImageRecord, LabelledImages, check_labels
from naa_lightning.data.label_file import Labelling, list_images, read_rows, require_files
from naa_lightning.exceptions import DataError, MissingDataError
from naa_lightning.image_file import read_image

NAA_AUTHORS_COPY = "https://raw.githubusercontent.com/jpzhang1810/NAA/372730ab3de3419a150a6bb90dc010a6988a30bc"
COMPETITION_CSV = "dev_dataset.csv"


class Nips2017Data(ImageDataModule):
    """The development set, or a part of it, in any of the formats in which it is passed around.

    A copy is recognised by what its folder holds. Images lie in the folder or in its sub-folder `images`.

    - the competition's: `<ImageId>.png` and `dev_dataset.csv` with ImageId, TrueLabel, TargetClass, which count from
      1. An image's id is its rank by ImageId.
    - numbered: `1.png` to `N.png`, with one TrueLabel per line in `labels.txt`, in the folder or its parent, or else
      the competition's CSV file, whose rows by ImageId are then the numbers. `N.png` has the id N - 1.
    - `labels.csv` with filename, label and perhaps targeted_label, which count from 0. An image's id is its row.

    Args:
        root: Folder of a local copy, which is left as it is; None for the copy in `cache`.
        cache: Folder of a copy that is downloaded when it is first needed: the NAA authors' copy, of which only the
            first `limit` images are fetched.
        download: Whether `cache` may be filled; else only what it holds is used.
        url: The URL below which `dataset/dev_dataset.csv` and `dataset/images/1.png` to `1000.png` are published.
        name, batch_size, num_workers, limit, class_names: See `ImageDataModule`.
    """

    num_classes = 1000

    def __init__(
        self,
        *,
        cache: str | Path,
        root: str | Path | None = None,
        download: bool = True,
        url: str = NAA_AUTHORS_COPY,
        name: str = "nips2017",
        batch_size: int = 16,
        num_workers: int = 2,
        limit: int | None = None,
        class_names: str | Path | None = None,
    ) -> None:
        super().__init__(
            name=name, batch_size=batch_size, num_workers=num_workers, limit=limit, class_names=class_names
        )
        self.root = Path(cache if root is None else root).expanduser()
        self.download = download and root is None
        self.url = url.rstrip("/")

    def prepare_data(self) -> None:
        """Download what is missing, if it may.

        Raises:
            DataError: The server cannot be reached or gives other files than the published ones.
        """
        if not self.download:
            return
        if not _holds_anything(self.root):
            _download_csv(self.url, self.root)
        _, records = _list_copy(self.root)
        digests = published_digests()
        if [Path(record.file).stem for record in records] == list(digests):
            files = [
                RemoteFile(f"dataset/images/{record.id + 1}.png", record.file, digest)
                for record, digest in zip(records, digests.values(), strict=True)
            ]
            fetch_missing(self.url, self.root, files[: self.limit])

    def load(self) -> LabelledImages:
        """List the copy.

        Raises:
            DataError: There is none, its label file is malformed, or one of the first `limit` images is missing.
        """
        if not _holds_anything(self.root):
            raise MissingDataError(
                f"{self.root} holds no copy of the NeurIPS 2017 images; name one with `root=PATH`, or fetch it with "
                "`root=null` `download=true`"
            )
        label_file, records = _list_copy(self.root)
        require_files(self.root, records[: self.limit], label_file)
        self.class_names = imagenet_names()
        return LabelledImages(records, partial(_read, self.root), folder=self.root)


def published_digests() -> dict[str, bytes]:
    """SHA-256 of each published PNG by ImageId, in sorted order.

    >>> digests = published_digests()
    >>> len(digests), next(iter(digests))
    (1000, '000b7d55b6184b08')
    """
    table = Path(__file__).with_suffix(".bin").read_bytes()
    return {image_id.hex(): digest for image_id, digest in struct.iter_unpack("8s32s", table)}


def _read(root: Path, record: ImageRecord) -> Tensor:
    return read_image(root / record.file)


def _png_stems(root: Path) -> set[str]:
    return {path.stem for folder in (root, root / "images") for path in folder.glob("*.png")}


def _holds_anything(root: Path) -> bool:
    labels = (COMPETITION_CSV, "labels.txt", "labels.csv")
    return any((root / name).is_file() for name in labels) or bool(_png_stems(root))


def _list_copy(root: Path) -> tuple[Path, list[ImageRecord]]:
    """Find the label file of a copy and what it lists."""
    csv = root / "labels.csv"
    if csv.is_file():
        listed = list_images(csv, root, Labelling(), target_column="targeted_label")
        return csv, [replace(record, file=_place(root, record.file)) for record in listed]
    numbers = {stem for stem in _png_stems(root) if stem.isdecimal() and len(stem) < 16}
    for labels in (root / "labels.txt", root.parent / "labels.txt"):
        if numbers and labels.is_file():
            return labels, _records_of_lines(root, labels)
    csv = root / COMPETITION_CSV
    if not csv.is_file():
        raise DataError(f"{root} has no {COMPETITION_CSV}, labels.txt or labels.csv that fits its PNG images; add it")
    records = _records_of_csv(root, csv, numbered=bool(numbers))
    if numbers and len(numbers) != len(records):
        raise DataError(f"{csv} does not list as many images as {root} has; add the labels.txt that fits them")
    return csv, records


def _place(root: Path, name: str) -> str:
    return name if (root / name).is_file() else f"images/{name}"


def _records_of_csv(root: Path, csv: Path, *, numbered: bool = False) -> list[ImageRecord]:
    records = []
    rows = read_rows(csv, {head: head for head in ("ImageId", "TrueLabel", "TargetClass")})
    for i, row in enumerate(sorted(rows, key=lambda row: row["ImageId"])):
        where = f"{csv}, ImageId {row['ImageId']}"
        file = _place(root, f"{i + 1 if numbered else row['ImageId']}.png")
        label, target = (Labelling().class_of(row[column], where) - 1 for column in ("TrueLabel", "TargetClass"))
        records.append(ImageRecord(i, file, label, target))
    return records


def _records_of_lines(root: Path, labels: Path) -> list[ImageRecord]:
    """Numbered images; target classes come from the competition's CSV file where it lists the same labels."""
    lines = labels.read_text(encoding="utf-8", errors="replace").split()
    records = [
        ImageRecord(i, _place(root, f"{i + 1}.png"), Labelling().class_of(line, f"{labels}, line {i + 1}") - 1)
        for i, line in enumerate(lines)
    ]
    csv = root / COMPETITION_CSV
    if csv.is_file():
        listed = _records_of_csv(root, csv, numbered=True)
        if [record.label for record in listed] == [record.label for record in records]:
            return listed
    return records


def _download_csv(url: str, root: Path) -> None:
    address = f"{url}/dataset/{COMPETITION_CSV}"
    require_reachable(address, root / COMPETITION_CSV)
    content = fetch(address)
    with TemporaryDirectory() as folder:
        csv = Path(folder) / COMPETITION_CSV
        csv.write_bytes(content)
        records = _records_of_csv(root, csv)
    check_labels(records, Nips2017Data.num_classes)
    if [Path(record.file).stem for record in records] != list(published_digests()):
        raise DataError(f"{address} does not list the 1,000 published images; name another source with `url=URL`")
    save(root / COMPETITION_CSV, content)
