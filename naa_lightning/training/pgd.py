"""The attack that models are hardened against, and their robustness measured with."""

from naa_lightning.attacks import Attack, Budget, CrossEntropy, Sign


def pgd(budget: Budget) -> Attack:
    """Return projected gradient descent on the cross-entropy (Madry et al., ICLR 2018, arXiv:1706.06083)."""
    return Attack(objective=CrossEntropy(), update=Sign(), budget=budget)
