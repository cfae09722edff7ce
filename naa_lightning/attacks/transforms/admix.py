"""The transform of Admix (Wang et al., ICCV 2021, arXiv:2102.00436)."""

from torch import Tensor

from naa_lightning.attacks.transforms.transform import MID_GREY, Transform
from naa_lightning.rng import Draws
from naa_lightning.validation import check_at_least


class Admix(Transform):
    """Add a small share of other images; followed by `ScaleInvariant` it is the published attack.

    The release mixes the images of a batch with each other, so that results depend on the batch. Here the others come
    from a pool of clean images, in a run the first of the data set. As there, they are not made sure to be of another
    class.

    Args:
        copies: The number of other images, one in each copy.
        share: The factor eta by which the other image is multiplied, counted from mid-grey.

    Raises:
        ValueError: A value is out of range.
    """

    mixes_images = True

    def __init__(self, *, copies: int = 3, share: float = 0.2) -> None:
        check_at_least("copies", copies, 1)
        check_at_least("share", share, 0)
        self.copies = copies
        self.share = share

    def __call__(self, images: Tensor, index: int, draws: Draws) -> Tensor:
        """Return images (B, 3, H, W) with another one admixed to each."""
        return images + self.share * (draws.other_images("admix", index, images) - MID_GREY)
