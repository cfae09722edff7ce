"""Telling a model that recognises images from one that guesses."""

LEAST_SKILL = 0.05
"""Below this share of what lies between guessing and perfection, a model is no better than guessing."""
USUAL_SKILL = 0.5
"""The skill that a model may have that was asked for too few images, as long as its interval reaches so far."""

TO_LOOK_AT = (
    "look at labels (counted from 0, in the order of the model's classes), mean and std, the order of channels, the "
    "range of the values, num_classes"
)
"""What is usually wrong where a model guesses."""


def skill(accuracy: float, num_classes: int) -> float:
    """Return what an accuracy is above that of guessing, relative to what it could be.

    Guessing among K classes is right for 1/K of the images. The skill is (accuracy - 1/K) / (1 - 1/K), which is Cohen's
    kappa against uniform guesses.

    Args:
        accuracy: The share of images that are classified correctly, in [0, 1].
        num_classes: The number K of classes, 2 or more.

    Example:
        >>> skill(0.1, 10), skill(0.75, 2), skill(1.0, 10)
        (0.0, 0.5, 1.0)
    """
    guessed = 1 / num_classes
    return (accuracy - guessed) / (1 - guessed)


def is_chance(accuracy: float, high: float, num_classes: int) -> bool:
    """Return whether a clean accuracy is no better than guessing, or hardly, and not for want of images.

    Args:
        accuracy: The share of clean images that are classified correctly, in [0, 1].
        high: The upper end of its 95 % interval.
        num_classes: The number of classes.

    Example:
        >>> is_chance(0.12, 0.2, 10), is_chance(0.2, 0.3, 10), is_chance(0.02, 0.04, 1000), is_chance(0.5, 0.85, 2)
        (True, False, True, False)
    """
    return num_classes > 1 and skill(accuracy, num_classes) < LEAST_SKILL and skill(high, num_classes) < USUAL_SKILL
