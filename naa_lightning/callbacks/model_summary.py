"""What networks are made of, before they are used."""

from pytorch_lightning import Callback, LightningModule, Trainer
from pytorch_lightning.utilities.model_summary import summarize
from rich.console import Console

from naa_lightning.modules.classifier import ClassifierModule
from naa_lightning.modules.crafting import AttackModule
from naa_lightning.modules.target import TargetModule


class ModelSummary(Callback):
    """Prints the layers and numbers of parameters of what is trained, of the surrogate, and of each target.

    Lightning's own summaries are of trainings alone.

    Args:
        max_depth: Number of levels of layers within layers that get a row of their own, of which the network itself is
            the second; -1 for all.
    """

    def __init__(self, max_depth: int = 3) -> None:
        self._max_depth = max_depth

    def on_fit_start(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """Print the summary of what is about to be trained, attacked or asked."""
        if trainer.is_global_zero and isinstance(pl_module, ClassifierModule | AttackModule | TargetModule):
            text = f"{pl_module.title}\n{summarize(pl_module, self._max_depth)}"
            Console().print(text, soft_wrap=True, markup=False, highlight=False)

    on_predict_start = on_fit_start
