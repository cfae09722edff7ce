"""The attack that models are hardened against, and their robustness measured with."""

from naa_lightning.attacks import Attack, Budget, CrossEntropy, Sign


def pgd(*, eps: float | str, steps: int, step_size: float | str, random_start: float | str) -> Attack:
    """Return projected gradient descent on the cross-entropy (Madry et al., ICLR 2018, arXiv:1706.06083).

    Args:
        eps: Largest change of a pixel value, images being in [0, 1]; a number, or as papers write it: "8/255".
        steps: Gradient steps.
        step_size: Of one step, written like eps.
        random_start: Steps begin at random within this distance of the image, written like eps.

    Raises:
        ValueError: A value is out of range.
    """
    budget = Budget(eps=eps, steps=steps, step_size=step_size, random_start=random_start)
    return Attack(objective=CrossEntropy(), update=Sign(), budget=budget)
