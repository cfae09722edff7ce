"""What a target predicted, as rates, and the means over targets."""

from typing import Literal

from pydantic import Field

from naa_lightning.metrics.chance import is_chance
from naa_lightning.records.json_file import Part

RATES = ("fooling_rate", "error_rate", "success_rate", "clean_accuracy", "target_rate", "robust_accuracy")
"""The rates of a target, as `naa_lightning.metrics.TransferRates` defines them."""

Share = float | None
Role = Literal["white-box", "black-box"]
Headline = Literal["success_rate", "target_rate"]


def headline_rate(*, targeted: bool) -> Headline:
    """Return the name of the rate that stands for a run."""
    return "target_rate" if targeted else "success_rate"


class RateResult(Part):
    """A share in [0, 1] with its 95 % Wilson interval; all None where there was nothing to count.

    Args:
        value: The share.
        low: Lower end of its interval.
        high: Upper end of its interval.
        count: Number of answers that are counted.
        total: Number of answers among which they are counted.
        spread: Standard deviation over the draws of a random defence; None where there is one draw.
    """

    value: Share = None
    low: Share = None
    high: Share = None
    count: int = 0
    total: int = 0
    spread: float | None = None


class Unanswered(Part):
    """Numbers of images without a prediction for one reason, over all draws.

    Args:
        clean: Number of clean images.
        adversarial: Number of adversarial images.
    """

    clean: int = 0
    adversarial: int = 0


class TargetResult(Part):
    """What one target predicted.

    Args:
        role: Whether the images were crafted on its model.
        model: The name of its model.
        defences: The names of its defences, of which the first one meets an image first.
        repeats: Number of predictions for each image, for each of which its defences draw anew.
        num_classes: Number of classes that its model tells apart; None in older files.
        fooling_rate, error_rate, success_rate, clean_accuracy, target_rate, robust_accuracy: The rates, see
            `naa_lightning.metrics.TransferRates`.
        unanswered: Numbers of images without a prediction, by the reason: "invalid" or "abstained".
        invalid_files: The files for which the logits are no numbers.
        shares_weights: The name of the surrogate whose weights its model has, half of them or more; None for a
            surrogate, and where it has weights of its own.
    """

    role: Role
    model: str = ""
    defences: tuple[str, ...] = ()
    repeats: int = 1
    num_classes: int | None = None
    fooling_rate: RateResult = RateResult()
    error_rate: RateResult = RateResult()
    success_rate: RateResult = RateResult()
    clean_accuracy: RateResult = RateResult()
    target_rate: RateResult = RateResult()
    robust_accuracy: RateResult = RateResult()
    unanswered: dict[str, Unanswered] = Field(default_factory=dict)
    invalid_files: tuple[str, ...] = ()
    shares_weights: str | None = None

    @property
    def no_judge(self) -> str | None:
        """The reason why transfer is not judged by it, so that it stands in no mean; None where there is none."""
        if self.shares_weights:
            return f"shares weights with {self.shares_weights}"
        return "clean accuracy no better than guessing" if self.is_chance else None

    def rate(self, name: str) -> RateResult:
        """Return the rate of this name."""
        found: RateResult = getattr(self, name)
        return found

    @property
    def is_chance(self) -> bool:
        """Whether its clean accuracy is no better than guessing; see `naa_lightning.metrics.chance`."""
        known, accuracy = self.num_classes, self.clean_accuracy
        if known is None or accuracy.value is None or accuracy.high is None:
            return False
        return is_chance(accuracy.value, accuracy.high, known)

    def left_out(self, headline: str) -> str | None:
        """Return the reason why it is in no mean over targets; None where it is.

        Args:
            headline: The rate that stands for the run.
        """
        return self.no_judge or (None if self.rate(headline).total else "no image counts")


class FailedTarget(Part):
    """A target that gave no predictions.

    Args:
        reason: The reason.
        role, model, defences: See `TargetResult`.
    """

    reason: str
    role: Role = "black-box"
    model: str = ""
    defences: tuple[str, ...] = ()


class EstimateResult(Part):
    """A mean over targets, or a difference of two, with its 95 % interval; all None where no image counts.

    Args:
        value: The mean.
        low, high: The ends of its interval.
    """

    value: float | None = None
    low: float | None = None
    high: float | None = None


class MeanResult(Part):
    """The mean of each rate over black-box targets, None where no target has the rate.

    Args:
        targets: The names of the targets that the means are over: those that are better than guessing and on which an
            image counts for the headline rate.
        left_out: The reason why a target is not among them, by its name.
        fooling_rate, error_rate, success_rate, clean_accuracy, target_rate, robust_accuracy: The means.
    """

    targets: tuple[str, ...] = ()
    left_out: dict[str, str] = Field(default_factory=dict)
    fooling_rate: Share = None
    error_rate: Share = None
    success_rate: Share = None
    clean_accuracy: Share = None
    target_rate: Share = None
    robust_accuracy: Share = None

    def rate(self, name: str) -> Share:
        """Return the mean of the rate of this name."""
        found: Share = getattr(self, name)
        return found
