"""How far an adversarial image may be from its clean image, and in how many steps it gets there."""

import math

import torch
from torch import Tensor

from naa_lightning.attacks.norm import NORMS, whole_levels
from naa_lightning.attacks.part import Part
from naa_lightning.rng import Draws
from naa_lightning.validation import check_at_least, parse_number


class Budget(Part):
    """How large a perturbation may be, images being in [0, 1].

    Args:
        eps: The largest norm of a perturbation; a number, or as papers write it: "16/255".
        steps: The number of steps.
        step_size: The norm of one step, written like eps, or over it: "eps/8"; None for eps / steps.
        norm: The name of the norm: "linf", the largest change of a pixel value, or "l2", the Euclidean length of an
            image's perturbation.
        random_start: The distance from the clean image within which steps begin at random, written like eps; an
            objective with a start of its own begins there.

    Raises:
        ValueError: A value is out of range or no number.

    Example:
        >>> Budget(eps="16/255", step_size="1.6/255").step_size == 1.6 / 255
        True
        >>> Budget(eps=0.4, step_size="eps/8").step_size
        0.05
        >>> Budget(eps=-0.1)
        Traceback (most recent call last):
        ...
        ValueError: eps must be between 0 and 1 (for example 16/255), got -0.1
    """

    def __init__(
        self,
        *,
        eps: float | str = "16/255",
        steps: int = 10,
        step_size: float | str | None = None,
        norm: str = "linf",
        random_start: float | str = 0.0,
    ) -> None:
        if norm not in NORMS:
            raise ValueError(f"norm must be one of {', '.join(NORMS)}, got {norm!r}")
        check_at_least("steps", steps, 1)
        self.norm = norm
        self.eps = self._distance("eps", eps)
        self.steps = steps
        self.step_size = self.eps / steps if step_size is None else self._step_size(step_size)
        self.random_start = self._distance("random_start", random_start)

    def start(self, images: Tensor, draws: Draws) -> Tensor:
        """Return where the steps begin for images (B, 3, H, W)."""
        if not self.random_start:
            return images
        return self.project(self.sample_within(images, self.random_start, draws, "start", 0), images)

    def sample_within(self, images: Tensor, distance: float, draws: Draws, purpose: str, index: int) -> Tensor:
        """Return images drawn uniformly within a distance of images (B, 3, H, W), not clipped."""
        return images + distance * NORMS[self.norm].random(draws, purpose, index, images)

    def step(self, gradient: Tensor) -> Tensor:
        """Return the step in the direction of steepest ascent of a gradient (B, 3, H, W)."""
        return self.step_size * NORMS[self.norm].ascent_direction(gradient)

    def project(self, adversarial: Tensor, clean: Tensor) -> Tensor:
        """Bring (B, 3, H, W) images to within eps of the clean images and to [0, 1]; what is not finite stays clean."""
        adversarial = torch.where(adversarial.isfinite(), adversarial, clean)
        if self.norm == "linf":  # bounds first: exact at the edges
            return torch.clamp(adversarial, (clean - self.eps).clamp_min(0), (clean + self.eps).clamp_max(1))
        return (clean + NORMS[self.norm].project(adversarial - clean, self.eps)).clamp(0, 1)

    def quantise(self, adversarial: Tensor, clean: Tensor) -> Tensor:
        """Round images to 8 bits so that the result stays within the budget.

        Args:
            adversarial: Adversarial images of shape (B, 3, H, W) in [0, 1].
            clean: Clean images of the same shape.

        Returns:
            uint8 images of shape (B, 3, H, W); the distance to the rounded clean images is at most 255 eps.
        """
        original = (clean * 255).round()
        levels = NORMS[self.norm].project(adversarial * 255 - original, self.eps * 255)
        rounded = NORMS[self.norm].round(levels, self.eps * 255)
        return (original + rounded).clamp(0, 255).to(torch.uint8)

    @property
    def whole_levels(self) -> int:
        """The number of whole levels of 8 bits within eps: the most that a value of a saved image changes by."""
        return whole_levels(255 * self.eps)

    def _step_size(self, value: float | str) -> float:
        before, is_share, share = str(value).partition("eps/")
        if before or not is_share:
            return self._distance("step_size", value)
        divisor = parse_number("step_size's divisor of eps", share)
        if not 0 < divisor < math.inf:
            raise ValueError(f"step_size must divide eps by a positive number, got {value}")
        return self.eps / divisor

    def _distance(self, key: str, value: float | str) -> float:
        distance = parse_number(key, value)
        largest, example = (1.0, "16/255") if self.norm == "linf" else (math.inf, "3.0")
        if not 0 <= distance <= largest or math.isinf(distance):
            bounds = "between 0 and 1" if self.norm == "linf" else "at least 0 and finite"
            raise ValueError(f"{key} must be {bounds} (for example {example}), got {value}")
        return distance
