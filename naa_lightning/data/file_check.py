"""Opening all image files once before the first is needed, so that what is wrong with them is told at the start."""

import logging
import time
import warnings
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from pathlib import Path

from PIL import Image

from naa_lightning.exceptions import DataError
from naa_lightning.image_file import InnerFile, inspect_image

log = logging.getLogger(__name__)

# Files on a disk that many share are waited for, and several are at once.
THREADS = 8
# How many of the files that are refused are named.
NAMED = 5
# Seconds between two lines of progress.
PATIENCE = 10.0


def check_files(files: Sequence[Path | InnerFile], max_pixels: int) -> None:
    """Check that image files can be used, as far as that is told without decoding the usual ones.

    It is said how many images are transparent, and in between how far the check is where it takes long.

    Args:
        files: The files.
        max_pixels: The number of pixels that an image may have.

    Raises:
        DataError: Some cannot; the message counts them and names the first ones.
    """
    refused, transparent = [], 0
    said = time.monotonic()
    with warnings.catch_warnings(), ThreadPoolExecutor(THREADS) as pool:
        warnings.simplefilter("ignore", Image.DecompressionBombWarning)  # what is too large is refused in our own words
        for done, found in enumerate(pool.map(partial(_inspected, max_pixels=max_pixels), files), start=1):
            if isinstance(found, DataError):
                refused.append(str(found))
            else:
                transparent += found
            if time.monotonic() > said + PATIENCE:
                said = time.monotonic()
                log.info("%d of %d image files are checked", done, len(files))
    if refused:
        raise DataError(_listed(refused, len(files)))
    if transparent:
        log.info("%d of %d images are transparent in parts: laid over white", transparent, len(files))


def _inspected(file: Path | InnerFile, *, max_pixels: int) -> bool | DataError:
    try:
        return inspect_image(file, max_pixels)
    except DataError as error:
        return error


def _listed(refused: Sequence[str], count: int) -> str:
    if len(refused) == 1:
        return refused[0]
    more = [f"and {len(refused) - NAMED} more"] if len(refused) > NAMED else []
    return f"{len(refused)} of {count} images are refused: {'; '.join([*refused[:NAMED], *more])}"
