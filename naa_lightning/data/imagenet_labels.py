"""ImageNet's own label files for its 50,000 validation images, which lie in one folder.

- `LOC_val_solution.csv`, as on Kaggle: ImageId, and PredictionString, which begins with a WordNet id.
- `ILSVRC2012_validation_ground_truth.txt` of the development kit: one number per line, that of a class in `meta.mat`
  beside it.
"""

import logging
from pathlib import Path

from naa_lightning.class_names import imagenet_ids
from naa_lightning.data.images import ImageRecord
from naa_lightning.data.label_file import read_rows
from naa_lightning.data.table_file import column, parse_table, read_text
from naa_lightning.exceptions import DataError, reason_of
from naa_lightning.image_folder import find_images

log = logging.getLogger(__name__)

KAGGLE_HEADS = {"image": "ImageId", "classes": "PredictionString"}
GROUND_TRUTH = "ILSVRC2012_validation_ground_truth.txt"
META = "meta.mat"


def is_imagenet_file(file: Path) -> bool:
    """Tell one of ImageNet's own label files by its heads, or by its name."""
    if file.name == GROUND_TRUTH:
        return True
    if not file.is_file():
        return False
    rows = parse_table(read_text(file), file).rows
    return bool(rows) and all(column(rows[0].cells, head) is not None for head in KAGGLE_HEADS.values())


def list_imagenet(file: Path, root: Path) -> list[ImageRecord]:
    """List the validation images that are there, with their classes among ImageNet-1k's in the order of WordNet ids.

    Args:
        file: The label file.
        root: The folder of the images, whose names may have any suffix.

    Returns:
        The images in the order of the file. An image's id is its row.

    Raises:
        DataError: The label file is missing or malformed, or none of the images is there, or one twice.
    """
    ids = _of_devkit(file) if file.name == GROUND_TRUTH else _of_kaggle(file)
    places = {name: index for index, name in enumerate(imagenet_ids())}
    there: dict[str, str] = {}
    named = {image for image, _ in ids}
    for path in find_images(root).images:
        found = path.relative_to(root).as_posix()
        if path.stem in there and path.stem in named:
            raise DataError(f"{root} holds {there[path.stem]} and {found}, both of one image; remove one")
        there[path.stem] = found
    records = []
    for row, (image, wordnet_id) in enumerate(ids):
        if wordnet_id not in places:
            raise DataError(
                f"{file}, row {row + 1}: {wordnet_id!r} is no WordNet id of ImageNet-1k; fetch the file anew"
            )
        if image in there:
            records.append(ImageRecord(row, there[image], places[wordnet_id]))
    if not records:
        raise DataError(
            f"{root} holds none of the {len(ids)} images of {file}, such as {ids[0][0]}; correct `root=PATH`"
        )
    if len(records) < len(ids):
        log.info("%s: %d of the %d images of %s are here", root, len(records), len(ids), file.name)
    return records


def _of_kaggle(file: Path) -> list[tuple[str, str]]:
    return [(row["image"], row["classes"].partition(" ")[0]) for row in read_rows(file, KAGGLE_HEADS)]


def _of_devkit(file: Path) -> list[tuple[str, str]]:
    if not file.is_file():
        raise DataError(f"`csv={file}` is not a file; correct the path")
    ids, found = _ids_of_devkit(file.with_name(META)), []
    for row, number in enumerate(read_text(file).split(), start=1):
        if not number.isdecimal() or int(number) not in ids:
            raise DataError(f"{file}, line {row}: {number!r} is no ILSVRC2012_ID of {META}; fetch the file anew")
        found.append((f"ILSVRC2012_val_{row:08d}", ids[int(number)]))
    if not found:
        raise DataError(f"{file} is empty; fetch it anew")
    return found


def _ids_of_devkit(meta: Path) -> dict[int, str]:
    """Return the WordNet ids of the classes that the development kit numbers, without those made of others."""
    from scipy.io import loadmat  # noqa: PLC0415 - needed of few

    if not meta.is_file():
        raise DataError(
            f"{meta} is missing, which says what the numbers of {GROUND_TRUTH} are; put it beside that file"
        )
    try:
        synsets = loadmat(meta, squeeze_me=True, variable_names=["synsets"])["synsets"]
        return {int(row["ILSVRC2012_ID"]): str(row["WNID"]) for row in synsets if int(row["num_children"]) == 0}
    except Exception as error:  # a damaged file can fail in any way
        raise DataError(
            f"{meta} cannot be read as the development kit's ({reason_of(error)}); fetch it anew"
        ) from error
