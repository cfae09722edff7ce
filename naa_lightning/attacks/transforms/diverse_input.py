"""The transform of DI-FGSM (Xie et al., CVPR 2019, arXiv:1803.06978)."""

import torch
from torch import Tensor

from naa_lightning.attacks.transforms.transform import MID_GREY, Transform
from naa_lightning.rng import Draws
from naa_lightning.validation import parse_number


class DiverseInput(Transform):
    """Enlarge the image a little, place it at random on a larger grey one, and shrink that to the image's size.

    Both resizings take the nearest pixel. The enlarged sides are uniform between the image's and the larger one's.

    Args:
        probability: The probability with which an image is changed.
        enlargement: The side of the larger image over that of the image, written as a number or a fraction.

    Raises:
        ValueError: A value is out of range.
    """

    def __init__(self, *, probability: float = 0.7, enlargement: float | str = "331/299") -> None:
        if not 0 <= probability <= 1:
            raise ValueError(f"probability must be between 0 and 1, got {probability}")
        self.probability = probability
        self.enlargement = parse_number("enlargement", enlargement, 1)

    def __call__(self, images: Tensor, index: int, draws: Draws) -> Tensor:
        """Return images (B, 3, H, W), each changed or not by its own draw."""
        chance, share, *places = draws.uniform("dim", index, images.new_empty(len(images), 4)).double().unbind(1)
        rows, no_row = self._sources(images.shape[2], share, places[0])
        columns, no_column = self._sources(images.shape[3], share, places[1])
        image = torch.arange(len(images), device=images.device)[:, None, None, None]
        channel = torch.arange(3, device=images.device)[None, :, None, None]
        moved = images[image, channel, rows[:, None, :, None], columns[:, None, None, :]]
        moved = moved.masked_fill(no_row[:, None, :, None] | no_column[:, None, None, :], MID_GREY)
        return torch.where((chance < self.probability)[:, None, None, None], moved, images)

    def _sources(self, side: int, share: Tensor, place: Tensor) -> tuple[Tensor, Tensor]:
        """Where every row of the result comes from, and which rows are padding, for each image: (B, side) each."""
        larger = round(side * self.enlargement)
        enlarged = (side + (share * (larger - side)).long())[:, None]
        padding = (place[:, None] * (larger - enlarged)).long()
        row = torch.arange(side, device=share.device) * larger // side - padding
        return (row * side // enlarged).clamp(0, side - 1), (row < 0) | (row >= enlarged)
