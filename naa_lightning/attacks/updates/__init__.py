"""How gradients become steps, one update a file."""

from naa_lightning.attacks.updates.momentum import Momentum
from naa_lightning.attacks.updates.nesterov import Nesterov
from naa_lightning.attacks.updates.patch_wise import PatchWise
from naa_lightning.attacks.updates.sign import Sign
from naa_lightning.attacks.updates.update import GradientAt, Step, Update
from naa_lightning.attacks.updates.variance_tuned import VarianceTuned

__all__ = ["GradientAt", "Momentum", "Nesterov", "PatchWise", "Sign", "Step", "Update", "VarianceTuned"]
