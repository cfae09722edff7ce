"""How large and how visible each image's perturbation is."""

from dataclasses import dataclass

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
    """

    id: int
    file: str
    linf: float
    l2: float
    ssim: float | None
    psnr: float | None
    lpips: float | None


_TABLE = Table("perturbations.parquet", PerturbationRow)
write_perturbations = _TABLE.write
read_perturbations = _TABLE.read
