"""FIA's weighted features, read as an attribution."""

from collections.abc import Iterator
from dataclasses import dataclass

from torch import Tensor

from naa_lightning.attribution.aggregate import equal_weights
from naa_lightning.attribution.methods.method import AttributionContext, Method
from naa_lightning.rng import Draws
from naa_lightning.validation import check_at_least


@dataclass(frozen=True, kw_only=True)
class AggregateGradient(Method):
    """A = y(x) times the gradient averaged over copies of x with pixels dropped (Wang et al., ICCV 2021, equation 4).

    It knows no baseline: the sum of A is meant to explain no difference.

    Args:
        masks: The number of copies.
        keep: The probability that a pixel value is kept.

    Raises:
        ValueError: A value is out of range.
    """

    masks: int = 30
    keep: float = 0.7

    def __post_init__(self) -> None:
        check_at_least("masks", self.masks, 1)
        if not 0 < self.keep <= 1:
            raise ValueError(f"keep must be in (0, 1], got {self.keep}")

    @property
    def gradient_evaluations(self) -> int:
        """One per copy."""
        return self.masks

    def attribute(self, context: AttributionContext) -> Tensor:
        """Return A, (B, ...) of the attacked layer's shape."""
        copies = masked_copies(context.images, self.masks, self.keep, context.draws)
        return context.features(context.images) * context.gradient(copies, equal_weights(self.masks))


def masked_copies(images: Tensor, masks: int, keep: float, draws: Draws) -> Iterator[Tensor]:
    """Yield copies of images (B, 3, H, W) in which each pixel value is kept with a probability, else 0."""
    for index in range(masks):
        kept = draws.uniform("fia/mask", index, images) < keep
        yield images * kept
