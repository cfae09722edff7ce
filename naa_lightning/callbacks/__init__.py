"""Callbacks of Lightning's trainer around training, crafting and prediction."""

from naa_lightning.callbacks.crafting_log import CraftingLog
from naa_lightning.callbacks.crafting_times import CraftingTimes
from naa_lightning.callbacks.progress import ProgressBar
from naa_lightning.callbacks.writer import AdversarialWriter

__all__ = ["AdversarialWriter", "CraftingLog", "CraftingTimes", "ProgressBar"]
