"""TRADES: accuracy traded against robustness (Zhang et al., ICML 2019, arXiv:1901.08573)."""

from torch import Tensor
from torch.nn import functional as F

from naa_lightning.attacks import Attack, PredictionDivergence, Sign
from naa_lightning.attacks.objectives.prediction_divergence import divergence
from naa_lightning.training.losses.loss import Step, TrainingLoss, check_smoothing
from naa_lightning.training.pgd import relative_budget
from naa_lightning.validation import check_at_least


class Trades(TrainingLoss):
    """Cross-entropy of clean images + beta KL(p(x) || p(x_adv)), where x_adv is crafted to make that divergence large.

    Args:
        eps, steps, relative_step_size: See `relative_budget`.
        beta: The weight of robustness, 1 / lambda of the paper.
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
        beta: float,
        label_smoothing: float = 0.0,
    ) -> None:
        check_at_least("beta", beta, 0)
        budget = relative_budget(eps=eps, steps=steps, relative_step_size=relative_step_size)
        self.attack = Attack(objective=PredictionDivergence(), update=Sign(), budget=budget)
        self.beta = beta
        self.label_smoothing = check_smoothing(label_smoothing)

    def __call__(self, step: Step) -> Tensor:
        """Return the mean of both parts."""
        adversarial = self.attack.craft(step.model, step.images, step.labels, step.draws).images
        clean = step.model(step.images)
        natural = F.cross_entropy(clean, step.labels, label_smoothing=self.label_smoothing)
        return natural + self.beta * divergence(clean, step.model(adversarial)).mean()
