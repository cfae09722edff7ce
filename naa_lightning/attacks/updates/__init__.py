"""How gradients become steps, one update a file."""

from naa_lightning.attacks.updates.momentum import Momentum
from naa_lightning.attacks.updates.update import Update

__all__ = ["Momentum", "Update"]
