"""How large and how visible perturbations are."""

from dataclasses import dataclass

import torch
from torch import Tensor, nn

SSIM_WINDOW = 11


@dataclass
class PerturbationSizes:
    """What an attack changed of images in [0, 1], each (B,).

    Args:
        linf: The largest change of any pixel.
        l2: The Euclidean length of the change.
        ssim: Structural similarity, 1 for equal images; NaN where a side is shorter than its window of 11 pixels.
            In single precision, as usual, so that it is off by up to 0.003 where an image is one flat colour.
        psnr: Peak signal-to-noise ratio in dB, infinite for equal images.
        lpips: Perceptual distance, 0 for equal images; NaN where no network measured it.
    """

    linf: Tensor
    l2: Tensor
    ssim: Tensor
    psnr: Tensor
    lpips: Tensor


def perturbation_sizes(clean: Tensor, adversarial: Tensor, lpips: nn.Module | None = None) -> PerturbationSizes:
    """Compare adversarial images with clean ones.

    Args:
        clean: Clean images of shape (B, 3, H, W) in [0, 1].
        adversarial: Adversarial images of the same shape.
        lpips: A network that gives distances (B,) of two such batches on their device, such as `lpips_network()`.

    Raises:
        ValueError: The two are not of one shape (B, 3, H, W).

    Example:
        >>> sizes = perturbation_sizes(torch.zeros(1, 3, 2, 2), torch.full((1, 3, 2, 2), 0.1))
        >>> round(float(sizes.linf), 3), round(float(sizes.l2), 3), round(float(sizes.psnr), 3)
        (0.1, 0.346, 20.0)
    """
    if clean.shape != adversarial.shape or clean.ndim != 4 or clean.shape[1] != 3:
        raise ValueError(
            f"expected images of one shape (B, 3, H, W), got {tuple(clean.shape)} and {tuple(adversarial.shape)}"
        )
    change = (adversarial - clean).flatten(1)
    unknown = torch.full_like(change[:, 0], torch.nan)
    return PerturbationSizes(
        linf=change.abs().amax(1),
        l2=torch.linalg.vector_norm(change, dim=1),
        ssim=unknown if min(clean.shape[2:]) < SSIM_WINDOW else _ssim(clean, adversarial),
        psnr=-10 * change.square().mean(1).log10(),
        lpips=unknown if lpips is None else lpips(clean, adversarial),
    )


def _ssim(clean: Tensor, adversarial: Tensor) -> Tensor:
    """Image by image, because a whole batch takes fifteen times its memory and no less time."""
    from torchmetrics.functional.image import (  # noqa: PLC0415 - slow to import, and only needed here
        structural_similarity_index_measure,
    )

    pairs = zip(clean.unsqueeze(1), adversarial.unsqueeze(1), strict=True)
    found = [structural_similarity_index_measure(b, a, reduction="none", data_range=1.0) for a, b in pairs]
    return torch.cat(found)  # type: ignore[arg-type]
