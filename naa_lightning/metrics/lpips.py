"""The perceptual distance LPIPS (Zhang et al., CVPR 2018), where its network is already on this machine."""

import logging
from pathlib import Path
from pickle import UnpicklingError

import torch
from torch import Tensor, nn

log = logging.getLogger(__name__)

# the smallest side of which AlexNet's last pooling leaves a pixel
SHORTEST_SIDE = 31


class Lpips(nn.Module):
    """One distance per image; always in evaluation mode.

    Args:
        network: A function of two batches of images and `normalize`, which says that they are in [0, 1].
    """

    def __init__(self, network: nn.Module) -> None:
        super().__init__()
        self.network = network

    def forward(self, clean: Tensor, adversarial: Tensor) -> Tensor:
        """Return the distances (B,) of images (B, 3, H, W) in [0, 1]; NaN where a side is too short for AlexNet."""
        if min(clean.shape[2:]) < SHORTEST_SIDE:
            return torch.full_like(clean[:, 0, 0, 0], torch.nan)
        distances: Tensor = self.network(clean, adversarial, normalize=True)
        return distances.flatten()


def lpips_network() -> nn.Module | None:
    """Return LPIPS over AlexNet if torch's cache holds AlexNet's published weights, else None.

    It never downloads anything, and says so where the file is damaged: a number that is only reported shall not hold up
    a run.
    """
    import torchvision  # noqa: PLC0415 - slow to import, and only needed here
    from torchmetrics.image.lpip import LearnedPerceptualImagePatchSimilarity  # noqa: PLC0415 - likewise

    url = torchvision.models.AlexNet_Weights.DEFAULT.url
    weights = Path(torch.hub.get_dir()) / "checkpoints" / url.rpartition("/")[2]
    if not weights.is_file():
        return None
    try:
        return Lpips(LearnedPerceptualImagePatchSimilarity(net_type="alex").net)
    except (OSError, EOFError, RuntimeError, ValueError, UnpicklingError) as error:  # of a damaged file
        log.warning(
            "LPIPS is left out: %s does not hold AlexNet's weights (%s); delete it", weights, type(error).__name__
        )
        return None
