"""How large and how visible each image's perturbation is."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from naa_lightning.records.table import read_table, write_table

FILE_NAME = "perturbations.parquet"


@dataclass(frozen=True)
class PerturbationRow:
    """A row of `perturbations.parquet`; see `naa_lightning.metrics.PerturbationSizes`.

    Args:
        id: The image's row in the data set's own order.
        file: The path of the adversarial image, relative to the folder of the images.
        linf: The largest change of any pixel, in [0, 1].
        l2: The Euclidean length of the change, in the same unit.
        ssim: Structural similarity, at most 1; None where the image is too small for it.
        psnr: Peak signal-to-noise ratio in dB; None where the images are equal.
        lpips: Perceptual distance; None where it was not measured.
    """

    id: int
    file: str
    linf: float
    l2: float
    ssim: float | None
    psnr: float | None
    lpips: float | None


def write_perturbations(folder: Path, rows: Sequence[PerturbationRow]) -> Path:
    """Write rows to `perturbations.parquet` in a run's folder and return its path; NaN and infinity become null."""
    return write_table(folder / FILE_NAME, PerturbationRow, rows)


def read_perturbations(folder: Path) -> list[PerturbationRow]:
    """Read what `write_perturbations` wrote; no rows where it wrote nothing.

    Raises:
        UserError: The file is damaged, or was written by another version.
    """
    return read_table(folder / FILE_NAME, PerturbationRow)
