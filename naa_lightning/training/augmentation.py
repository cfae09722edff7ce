"""Random views of training images."""

import torch
from torch import Tensor
from torch.nn import functional as F

from naa_lightning.rng import Draws
from naa_lightning.validation import check_at_least

GREY = 0.5


class Augmentation:
    """Flips, shifts, crops and partly covers images, each in its own way, without changing their size.

    Args:
        flip: Probability that an image is mirrored left to right, in [0, 1].
        shift: Images are moved by up to so many whole pixels each way; what enters is mirrored at the edge.
        smallest_crop: A crop of an area between this share and all of the image, at any place, is enlarged to its size
            (bilinear); 1 crops nothing.
        covered: Side in pixels of a square that is made grey, with its centre anywhere in the image (cutout; DeVries
            and Taylor, arXiv:1708.04552).

    Raises:
        ValueError: A value is out of range.
    """

    def __init__(self, *, flip: float = 0.0, shift: int = 0, smallest_crop: float = 1.0, covered: int = 0) -> None:
        if not 0 <= flip <= 1:
            raise ValueError(f"flip must be in [0, 1], got {flip}")
        check_at_least("shift", shift, 0)
        check_at_least("covered", covered, 0)
        if not 0 < smallest_crop <= 1:
            raise ValueError(f"smallest_crop must be in (0, 1], got {smallest_crop}")
        self.flip = flip
        self.shift = shift
        self.smallest_crop = smallest_crop
        self.covered = covered

    def __call__(self, images: Tensor, draws: Draws) -> Tensor:
        """Return images (B, 3, H, W) as the model is to see them once."""
        if self.flip or self.shift or self.smallest_crop < 1:
            images = self._moved(images, draws)
        return self._covered(images, draws) if self.covered else images

    def _moved(self, images: Tensor, draws: Draws) -> Tensor:
        area, flip, *place = draws.uniform("augmentation", 0, images.new_empty(len(images), 4)).unbind(1)
        side = (self.smallest_crop + (1 - self.smallest_crop) * area).sqrt()
        mirrored = torch.where(flip < self.flip, -side, side)
        height, width = images.shape[-2:]
        # Whole pixels, so that what is only shifted is not blurred.
        right, down = (
            (((size / 2) * (1 - side) + self.shift) * (2 * at - 1)).round() * (2 / size)
            for size, at in zip((width, height), place, strict=True)
        )
        nothing = torch.zeros_like(side)
        rows = [torch.stack([mirrored, nothing, right], 1), torch.stack([nothing, side, down], 1)]
        grid = F.affine_grid(torch.stack(rows, 1), list(images.shape), align_corners=False)
        seen: Tensor = F.grid_sample(images, grid, padding_mode="reflection", align_corners=False)
        return seen

    def _covered(self, images: Tensor, draws: Draws) -> Tensor:
        height, width = images.shape[-2:]
        place = draws.uniform("augmentation/covered", 0, images.new_empty(len(images), 2))
        inside = [
            torch.arange(size, device=images.device) - (at * size).floor()[:, None] + self.covered // 2
            for size, at in zip((height, width), place.unbind(1), strict=True)
        ]
        rows, columns = ((distance >= 0) & (distance < self.covered) for distance in inside)
        return torch.where(rows[:, None, :, None] & columns[:, None, None, :], GREY, images)
