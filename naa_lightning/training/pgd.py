"""The attack that models are hardened against, and their robustness measured with: how far it goes, in which steps."""

from naa_lightning.attacks import Attack, Budget, CrossEntropy, Sign
from naa_lightning.validation import parse_number


def relative_budget(
    *, eps: float | str, steps: int, relative_step_size: float | str, random_start: bool = False
) -> Budget:
    """Return a budget whose steps are told by their share of it, so that one recipe serves budgets of every size.

    Args:
        eps: The largest change of a pixel value, images being in [0, 1]; a number, or as papers write it: "8/255".
        steps: The number of gradient steps.
        relative_step_size: The size of one step, over eps; a number or a fraction: "1/4".
        random_start: Whether steps begin at random within eps of the image.

    Raises:
        ValueError: A value is out of range.

    Example:
        >>> relative_budget(eps="8/255", steps=7, relative_step_size="1/4").step_size == 2 / 255
        True
    """
    step_size = parse_number("eps", eps) * parse_number("relative_step_size", relative_step_size, 0)
    return Budget(eps=eps, steps=steps, step_size=step_size, random_start=eps if random_start else 0.0)


def pgd(budget: Budget) -> Attack:
    """Return projected gradient descent on the cross-entropy (Madry et al., ICLR 2018, arXiv:1706.06083)."""
    return Attack(objective=CrossEntropy(), update=Sign(), budget=budget)
