"""Randomized smoothing (Cohen et al., ICML 2019, arXiv:1902.02918)."""

from collections import Counter
from collections.abc import Sequence

import torch
from torch import Tensor

from naa_lightning.models.defences.defence import Defence, Predict
from naa_lightning.models.predicted_classes import ABSTAINED, INVALID, PredictedClasses
from naa_lightning.rng import Draws
from naa_lightning.validation import check_at_least


class RandomizedSmoothing(Defence):
    """Let copies of the image with Gaussian noise vote, and decide only if the vote is clear: the paper's `PREDICT`.

    It decides for the class with the most votes if two classes that are equally likely would hardly differ so much, by
    the two-sided binomial test of the two highest counts. A copy of which nothing is predicted has no vote. The noisy
    copies are not clipped to [0, 1]. The paper's guarantee is for models trained with the noise.

    Args:
        noise: The standard deviation of the noise on images in [0, 1]; the least of the paper's for ImageNet.
        copies: The number of noisy copies that vote; the least that the paper tries.
        significance: The probability of a decision between two equally likely classes, in (0, 1); the paper's.
        repeats: The number of random draws for which each image is classified; ours.

    Raises:
        ValueError: A value is out of range, or so few copies can never decide.
    """

    def __init__(
        self, *, noise: float = 0.25, copies: int = 100, significance: float = 0.001, repeats: int = 2
    ) -> None:
        check_at_least("noise", noise, 0)
        check_at_least("copies", copies, 1)
        if not 0 < significance < 1:
            raise ValueError(f"significance must be between 0 and 1, got {significance}")
        if _chance(copies, 0) > significance:
            raise ValueError(f"copies={copies} cannot decide at significance={significance}, even if all agree")
        check_at_least("repeats", repeats, 1)
        self.noise = noise
        self.copies = copies
        self.significance = significance
        self.repeats = repeats

    def predict(self, model: Predict, images: Tensor, draws: Draws, index: int) -> PredictedClasses:
        """Classify the noisy copies, one batch for each, and return their vote."""
        votes = []
        for copy in range(index * self.copies, (index + 1) * self.copies):
            noise = draws.normal("defence/randomized_smoothing", copy, images)
            votes.append(model(images + self.noise * noise, copy).classes)
        decisions = [self._decision(column) for column in torch.stack(votes, 1).tolist()]
        classes, confidence = zip(*decisions, strict=True)
        return PredictedClasses(
            torch.tensor(classes, device=images.device),
            torch.tensor(confidence, dtype=torch.float32, device=images.device),
        )

    def _decision(self, votes: Sequence[int]) -> tuple[int, float]:
        """Return the class and its share of the copies."""
        counts = Counter(vote for vote in votes if vote >= 0).most_common(2)
        if not counts:
            return INVALID, 0.0
        winner, most = counts[0]
        second = counts[1][1] if len(counts) > 1 else 0
        return (ABSTAINED, 0.0) if _chance(most, second) > self.significance else (winner, most / self.copies)


def _chance(most: int, second: int) -> float:
    """Return the probability that two equally likely classes get counts at least so far apart."""
    from scipy.stats import binomtest  # noqa: PLC0415 - takes a second to load

    return float(binomtest(most, most + second, 0.5).pvalue)
