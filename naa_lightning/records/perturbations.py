"""How large and how visible each image's perturbation is."""

from collections.abc import Sequence
from dataclasses import dataclass
from hashlib import sha256

from naa_lightning.records.table import Table


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
        clean_sha256: The SHA-256 digest of the clean image's pixels, uint8 of shape (3, H, W); None in files of
            version 1.
        adversarial_sha256: That of the adversarial image's pixels; None in older files.
    """

    id: int
    file: str
    linf: float
    l2: float
    ssim: float | None
    psnr: float | None
    lpips: float | None
    clean_sha256: str | None = None
    adversarial_sha256: str | None = None


def images_digest(rows: Sequence[PerturbationRow]) -> str:
    """Return the SHA-256 digest of all clean images: of lines "id digest", in the order of the ids."""
    lines = (f"{row.id} {row.clean_sha256}\n" for row in sorted(rows, key=lambda row: row.id))
    return sha256("".join(lines).encode()).hexdigest()


TABLE = Table("perturbations.parquet", PerturbationRow)
write_perturbations = TABLE.write
read_perturbations = TABLE.read
