"""The transform of SI-FGSM (Lin et al., ICLR 2020, arXiv:1908.06281)."""

from torch import Tensor

from naa_lightning.attacks.transforms.transform import MID_GREY, Transform
from naa_lightning.rng import Draws
from naa_lightning.validation import check_at_least


class ScaleInvariant(Transform):
    """Scale the image to 1, 1/2, 1/4, ... of its contrast; as in the release, towards mid-grey.

    Args:
        copies: The number of scales.

    Raises:
        ValueError: There is none.
    """

    def __init__(self, *, copies: int = 5) -> None:
        check_at_least("copies", copies, 1)
        self.copies = copies

    def __call__(self, images: Tensor, index: int, draws: Draws) -> Tensor:
        """Return images (B, 3, H, W) at one scale."""
        return MID_GREY + (images - MID_GREY) * 0.5 ** (index % self.copies)
