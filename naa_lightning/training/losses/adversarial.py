"""Adversarial training by projected gradient descent (Madry et al., ICLR 2018, arXiv:1706.06083).

With one step that begins at random it is fast adversarial training (Wong et al., ICLR 2020, arXiv:2001.03994).
"""

from torch import Tensor
from torch.nn import functional as F

from naa_lightning.training.losses.loss import Step, TrainingLoss, check_smoothing
from naa_lightning.training.pgd import pgd, relative_budget


class AdversarialTraining(TrainingLoss):
    """Cross-entropy of images crafted on the model as it is, its batch normalisation in evaluation mode meanwhile.

    Args:
        eps, steps, relative_step_size, random_start: See `relative_budget`.
        label_smoothing: The share of the label's probability that is spread over all classes, in [0, 1).

    Raises:
        ValueError: A value is out of range.
    """

    def __init__(
        self,
        *,
        eps: float | str,
        steps: int,
        relative_step_size: float | str,
        random_start: bool,
        label_smoothing: float = 0.0,
    ) -> None:
        self.attack = pgd(
            relative_budget(eps=eps, steps=steps, relative_step_size=relative_step_size, random_start=random_start)
        )
        self.label_smoothing = check_smoothing(label_smoothing)

    def __call__(self, step: Step) -> Tensor:
        """Return the mean cross-entropy of adversarial images."""
        adversarial = self.attack.craft(step.model, step.images, step.labels, step.draws).images
        return F.cross_entropy(step.model(adversarial), step.labels, label_smoothing=self.label_smoothing)
