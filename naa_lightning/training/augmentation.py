"""Random views of training images."""

import torch
from torch import Tensor
from torch.nn import functional as F

from naa_lightning.draws import Draws
from naa_lightning.values import check_at_least


class Augmentation:
    """Flips, shifts and crops images, each in its own way, without changing their size.

    Args:
        flip: Probability that an image is mirrored left to right, in [0, 1].
        shift: Images are moved by up to so many whole pixels each way; what enters is mirrored at the edge.
        smallest_crop: A crop of an area between this share and all of the image, at any place, is enlarged to its size
            (bilinear); 1 crops nothing.

    Raises:
        ValueError: A value is out of range.
    """

    def __init__(self, *, flip: float = 0.0, shift: int = 0, smallest_crop: float = 1.0) -> None:
        if not 0 <= flip <= 1:
            raise ValueError(f"flip must be in [0, 1], got {flip}")
        check_at_least("shift", shift, 0)
        if not 0 < smallest_crop <= 1:
            raise ValueError(f"smallest_crop must be in (0, 1], got {smallest_crop}")
        self.flip = flip
        self.shift = shift
        self.smallest_crop = smallest_crop

    def __call__(self, images: Tensor, draws: Draws) -> Tensor:
        """Return images (B, 3, H, W) as the model is to see them once."""
        if self.flip == self.shift == 0 and self.smallest_crop == 1:
            return images
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
