"""Whether a surrogate's softmax is saturated, so that gradients through it vanish."""

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor
from torch.nn import functional as F

from naa_lightning.models import Classifier, frozen

# At this lead of the largest logit over the next its probability is 1 - 5e-5, far from what float32 rounds to 1.
LEAD = 10.0


@dataclass(frozen=True)
class Saturation:
    """What the gradients of some images look like at a surrogate.

    Args:
        images: The number of images.
        certain: The number of those whose class has a probability that is 1 in floating point.
        zero: The number of those whose cross-entropy has a gradient of zero.
        non_finite: The number of those whose gradient has values that are not finite.
        lead: The mean lead of the largest logit over the next.
    """

    images: int
    certain: int
    zero: int
    non_finite: int
    lead: float

    @property
    def temperature(self) -> float:
        """The temperature, of two digits, at which the largest logit leads by about 10; 1 where it does not lead so."""
        return float(f"{max(1.0, self.lead / LEAD):.2g}")

    @property
    def is_saturated(self) -> bool:
        """Whether a temperature would help: gradients vanish, or most images have a class of probability 1."""
        return not self.non_finite and (self.zero > 0 or 2 * self.certain > self.images)

    def __str__(self) -> str:
        """Say what keeps gradients from telling where to go; empty where nothing does."""
        if self.non_finite:
            return f"the gradient of its cross-entropy is not finite for {self.non_finite} of {self.images} images"
        if not self.is_saturated:
            return ""
        return (
            f"its softmax is saturated: for {self.certain} of {self.images} images a class has a probability that "
            f"rounds to 1, for {self.zero} the gradient of the cross-entropy is zero"
        )


def saturation_of(surrogate: Classifier, images: Sequence[Tensor], labels: Sequence[int]) -> Saturation:
    """Look at the probabilities and gradients of a few images, one by one.

    Args:
        surrogate: The classifier.
        images: Images of shape (3, H, W) in [0, 1], on the surrogate's device.
        labels: Their classes.
    """
    leads, largest, certain = [], [], 0
    for image, label in zip(images, labels, strict=True):
        point = image[None].detach().requires_grad_()
        with frozen(surrogate), torch.enable_grad():
            logits = surrogate(point).float()
            loss = F.cross_entropy(logits, torch.tensor([label], device=image.device))
            (gradient,) = torch.autograd.grad(loss, point)
        first, second = logits.detach().topk(2).values[0]
        leads.append(first - second)
        largest.append(gradient.abs().amax())
        certain += int(logits.softmax(1).max() == 1)
    sizes = torch.stack(largest)
    return Saturation(
        images=len(images),
        certain=certain,
        zero=int((sizes == 0).sum()),
        non_finite=int((~sizes.isfinite()).sum()),
        lead=float(torch.stack(leads).mean()),
    )
