"""What a training step minimises, one way of training a file."""

from naa_lightning.training.losses.adversarial import AdversarialTraining
from naa_lightning.training.losses.clean import CleanTraining
from naa_lightning.training.losses.ensemble_adversarial import EnsembleAdversarialTraining
from naa_lightning.training.losses.loss import Step, TrainingLoss
from naa_lightning.training.losses.trades import Trades

__all__ = ["AdversarialTraining", "CleanTraining", "EnsembleAdversarialTraining", "Step", "Trades", "TrainingLoss"]
