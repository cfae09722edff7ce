"""How large and how visible perturbations are, over many images."""

from dataclasses import fields

import torch
from torch import Tensor

from naa_lightning.metrics.named_values import NamedValues
from naa_lightning.metrics.perturbation import PerturbationSizes


class PerturbationMetric(NamedValues):
    """Mean and worst of `PerturbationSizes` over the images for which a number is defined and finite; NaN without any.

    Higher is not better for the sizes and the perceptual distance; `ssim` and `psnr` run the other way.

    Example:
        >>> from naa_lightning.metrics import perturbation_sizes
        >>> metric = PerturbationMetric()
        >>> metric.update(perturbation_sizes(torch.zeros(1, 3, 2, 2), torch.full((1, 3, 2, 2), 0.5)))
        >>> metric.update(perturbation_sizes(torch.zeros(1, 3, 2, 2), torch.full((1, 3, 2, 2), 0.25)))
        >>> found = metric.compute()
        >>> found["linf_mean"].item(), found["linf_max"].item()
        (0.375, 0.5)
    """

    higher_is_better = False
    sums: Tensor
    images: Tensor
    largest: Tensor
    smallest: Tensor

    def __init__(self) -> None:
        super().__init__()
        for name, start, reduce in (
            ("sums", 0, "sum"),
            ("images", 0, "sum"),
            ("largest", -torch.inf, "max"),
            ("smallest", torch.inf, "min"),
        ):
            default = torch.full((len(fields(PerturbationSizes)),), start, dtype=torch.float64)
            self.add_state(name, default=default, dist_reduce_fx=reduce)

    def update(self, sizes: PerturbationSizes) -> None:
        """Add a batch."""
        values = torch.stack(list(vars(sizes).values())).double()
        finite = values.isfinite()
        self.sums += values.where(finite, 0).sum(1)
        self.images += finite.sum(1)
        self.largest = self.largest.maximum(values.where(finite, -torch.inf).amax(1))
        self.smallest = self.smallest.minimum(values.where(finite, torch.inf).amin(1))

    def compute(self) -> dict[str, Tensor]:
        """Return scalars: the mean of every size by its name, such as `linf_mean`, and the worst.

        The worst are `linf_max`, `l2_max`, `ssim_min`, `psnr_min` and `lpips_max`. Images that are equal have no
        finite psnr, so that it is over images that differ.
        """
        seen = self.images > 0
        largest, smallest = self.largest.where(seen, torch.nan), self.smallest.where(seen, torch.nan)
        found = {}
        for row, field in enumerate(fields(PerturbationSizes)):
            found[f"{field.name}_mean"] = self.sums[row] / self.images[row]
            if field.name in {"ssim", "psnr"}:
                found[f"{field.name}_min"] = smallest[row]
            else:
                found[f"{field.name}_max"] = largest[row]
        return found
