"""How robust accuracy is measured."""

from dataclasses import dataclass

from naa_lightning.attacks import Attack
from naa_lightning.training.pgd import pgd, relative_budget
from naa_lightning.validation import check_at_least


@dataclass(frozen=True, kw_only=True)
class Robustness:
    """Projected gradient descent on the cross-entropy from a random start (PGD; Madry et al., 2018).

    Args:
        eps, steps, relative_step_size: See `relative_budget`.
        validation_images: The number of validation images attacked after every epoch of a training that hardens.
        test_images: The number of test images attacked once the model is trained.

    Raises:
        ValueError: A value is out of range.
    """

    eps: float | str
    steps: int
    relative_step_size: float | str
    validation_images: int
    test_images: int

    def __post_init__(self) -> None:
        check_at_least("validation_images", self.validation_images, 0)
        check_at_least("test_images", self.test_images, 0)
        self.attack()

    def attack(self) -> Attack:
        """Return the attack."""
        step = self.relative_step_size
        return pgd(relative_budget(eps=self.eps, steps=self.steps, relative_step_size=step, random_start=True))
