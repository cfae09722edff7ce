"""How far an adversarial image may be from its clean image, and in how many steps it gets there."""

import math

import torch
from torch import Tensor


class Budget:
    """An L-infinity budget.

    Args:
        eps: Largest change of a pixel value, images being in [0, 1]; a number, or as papers write it: "16/255".
        steps: How many steps are made.
        step_size: Change of a pixel value in one step, written like eps; None for eps / steps.

    Raises:
        ValueError: A value is out of range or no number.

    Example:
        >>> Budget(eps="16/255", step_size="1.6/255").step_size == 1.6 / 255
        True
        >>> Budget(eps=-0.1)
        Traceback (most recent call last):
        ...
        ValueError: eps must be between 0 and 1 (for example 16/255), got -0.1
    """

    def __init__(self, *, eps: float | str = "16/255", steps: int = 10, step_size: float | str | None = None) -> None:
        self.eps = _number("eps", eps)
        if not 0 <= self.eps <= 1:
            raise ValueError(f"eps must be between 0 and 1 (for example 16/255), got {eps}")
        if steps < 1:
            raise ValueError(f"steps must be at least 1, got {steps}")
        self.steps = steps
        self.step_size = self.eps / steps if step_size is None else _number("step_size", step_size)
        if not 0 <= self.step_size <= 1:
            raise ValueError(f"step_size must be between 0 and 1 (for example 1.6/255), got {step_size}")

    def project(self, adversarial: Tensor, clean: Tensor) -> Tensor:
        """Clip (B, 3, H, W) images to eps around the clean images and to [0, 1]."""
        return torch.clamp(adversarial, (clean - self.eps).clamp_min(0), (clean + self.eps).clamp_max(1))

    def quantise(self, adversarial: Tensor, clean: Tensor) -> Tensor:
        """Round images to 8 bits so that the result stays within the budget.

        Args:
            adversarial: (B, 3, H, W) in [0, 1].
            clean: As adversarial.

        Returns:
            uint8, (B, 3, H, W); each value differs from the rounded clean one by at most floor(255 eps).
        """
        levels = math.floor(self.eps * 255 + 1e-9)
        original = (clean * 255).round().to(torch.int16)
        rounded = (adversarial * 255).round().to(torch.int16)
        result = torch.clamp(rounded, original - levels, original + levels).clamp(0, 255)
        assert int((result - original).abs().max()) <= levels
        return result.to(torch.uint8)


def _number(key: str, value: float | str) -> float:
    numerator, slash, denominator = str(value).partition("/")
    try:
        return float(numerator) / (float(denominator) if slash else 1.0)
    except (ValueError, ZeroDivisionError):
        raise ValueError(f"{key} must be a number or a fraction such as 16/255, got {value!r}") from None
