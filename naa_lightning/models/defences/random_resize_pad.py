"""Random resizing and padding (Xie et al., ICLR 2018, arXiv:1711.01991)."""

import torch
from torch import Tensor

from naa_lightning.models.defences.defence import InputDefence
from naa_lightning.rng import Draws
from naa_lightning.validation import check_at_least, parse_number

MID_GREY = 0.5


class RandomResizePad(InputDefence):
    """Enlarge each image by a random little, and place it at random on a larger grey one.

    The paper's images have 299 pixels per side; they get a random side from 299 to 330 and a random one of all places
    on 331 x 331. Ours keeps the ratio 331/299 for images of any size, and both sides of an image grow together. As in
    the authors' release the nearest pixel is taken and the padding is zero where images are in [-1, 1]: mid-grey. The
    release also flips images at random and starts at a side of 310, which the paper does not.

    The result is larger than the image; the model behind brings it to the size that it takes.

    Args:
        enlargement: Side of the result over that of the image, written as a number or a fraction; the paper's.
        repeats: How many times a target is asked about each image; ours. The release averages over 30 in one answer.

    Raises:
        ValueError: A value is out of range.
    """

    def __init__(self, *, enlargement: float | str = "331/299", repeats: int = 5) -> None:
        self.enlargement = parse_number("enlargement", enlargement, 1)
        check_at_least("repeats", repeats, 1)
        self.repeats = repeats

    def transform(self, images: Tensor, draws: Draws, index: int) -> Tensor:
        """Return images (B, 3, larger H, larger W), each by its own draw."""
        drawn = draws.uniform("defence/random_resize_pad", index, images.new_empty(len(images), 3))
        share, *places = drawn.double().unbind(1)
        rows, no_row = self._sources(images.shape[2], share, places[0])
        columns, no_column = self._sources(images.shape[3], share, places[1])
        image = torch.arange(len(images), device=images.device)[:, None, None, None]
        channel = torch.arange(3, device=images.device)[None, :, None, None]
        moved = images[image, channel, rows[:, None, :, None], columns[:, None, None, :]]
        return moved.masked_fill(no_row[:, None, :, None] | no_column[:, None, None, :], MID_GREY)

    def _sources(self, side: int, share: Tensor, place: Tensor) -> tuple[Tensor, Tensor]:
        """Where every row of the result comes from, and which rows are padding, for each image: (B, larger) each."""
        larger = round(side * self.enlargement)
        enlarged = (side + (share * (larger - side)).long())[:, None]
        padding = (place[:, None] * (larger - enlarged + 1)).long()
        row = torch.arange(larger, device=share.device) - padding
        return (row * side // enlarged).clamp(0, side - 1), (row < 0) | (row >= enlarged)
