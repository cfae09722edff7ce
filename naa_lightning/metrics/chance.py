"""Telling a model that recognises images from one that guesses."""

LEAST_SKILL = 0.05
"""Below this share of what lies between guessing and perfection, a model is no better than guessing."""

TO_LOOK_AT = (
    "look at labels (counted from 0, in the order of the model's classes), mean and std, the order of channels, the "
    "range of the values, num_classes"
)
"""What is usually wrong where a model guesses."""


def is_chance(accuracy: float, num_classes: int) -> bool:
    """Return whether a clean accuracy is no better than guessing, or hardly.

    Guessing among K classes is right for 1/K of the images. The skill is what the accuracy is above that, relative to
    what it could be: (accuracy - 1/K) / (1 - 1/K), which is Cohen's kappa against uniform guesses.

    Args:
        accuracy: The share of clean images that are classified correctly, in [0, 1].
        num_classes: The number K of classes.

    Example:
        >>> is_chance(0.12, 10), is_chance(0.2, 10), is_chance(0.02, 1000), is_chance(0.12, 1000)
        (True, False, True, False)
    """
    guessed = 1 / num_classes
    return num_classes > 1 and (accuracy - guessed) / (1 - guessed) < LEAST_SKILL
