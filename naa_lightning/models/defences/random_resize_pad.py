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
        enlargement: The side of the result over that of the image, at least 1, as a number or a fraction; the paper's.
        repeats: The number of random draws for which each image is classified; ours. The release averages over 30.

    Raises:
        ValueError: A value is out of range.
    """

    def __init__(self, *, enlargement: float | str = "331/299", repeats: int = 5) -> None:
        self.enlargement = parse_number("enlargement", enlargement, 1)
        check_at_least("repeats", repeats, 1)
        self.repeats = repeats

    def transform(self, images: Tensor, draws: Draws, index: int) -> Tensor:
        """Return images of shape (B, 3, larger H, larger W), each by its own draw."""
        drawn = draws.uniform("defence/random_resize_pad", index, images.new_empty(len(images), 3))
        share, *places = drawn.double().unbind(1)
        rows, no_row = self._sources(images.shape[2], share, places[0])
        columns, no_column = self._sources(images.shape[3], share, places[1])
        image = torch.arange(len(images), device=images.device)[:, None, None, None]
        channel = torch.arange(3, device=images.device)[None, :, None, None]
        moved = images[image, channel, rows[:, None, :, None], columns[:, None, None, :]]
        return moved.masked_fill(no_row[:, None, :, None] | no_column[:, None, None, :], MID_GREY)

    def _sources(self, side: int, share: Tensor, place: Tensor) -> tuple[Tensor, Tensor]:
        """Return the source of every row of the result and whether it is padding, two tensors of shape (B, larger)."""
        larger = round(side * self.enlargement)
        enlarged = (side + (share * (larger - side)).long())[:, None]
        padding = (place[:, None] * (larger - enlarged + 1)).long()
        row = torch.arange(larger, device=share.device) - padding
        return (row * side // enlarged).clamp(0, side - 1), (row < 0) | (row >= enlarged)
