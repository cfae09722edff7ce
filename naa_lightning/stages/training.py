"""Training a classifier by a recipe, once."""

import json
import logging
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from pytorch_lightning import Callback, seed_everything
from pytorch_lightning.loggers import Logger
from pytorch_lightning.utilities.model_helpers import is_overridden
from safetensors.torch import save

from naa_lightning.classifier_module import ClassifierModule, Training
from naa_lightning.config import build
from naa_lightning.data import check_labels
from naa_lightning.errors import UserError
from naa_lightning.models import TrainedModel
from naa_lightning.trainer import make_data, make_trainer
from naa_lightning.whole_file import write_whole

log = logging.getLogger(__name__)


def train(
    source: TrainedModel, trainer: Mapping[str, Any], callbacks: Sequence[Callback], loggers: Sequence[Logger] = ()
) -> float:
    """Train a model by its recipe and save its weights with what is known of them.

    Args:
        source: Names the network, the recipe and the file.
        trainer: The node of a Lightning `Trainer`.
        callbacks: Added to the trainer.
        loggers: Take the learning curves.

    Returns:
        The accuracy on the validation images, in [0, 1].

    Raises:
        UserError: The recipe or its data are refused.
    """
    recipe = source.recipe
    training = build(Training, recipe.get("training", {}), f"{source.name}.recipe.training")
    data = make_data(recipe.get("data", {}), f"{source.name}.recipe.data")
    if not is_overridden("train_dataloader", data):
        raise UserError(f"{source.name} cannot be trained on data={data.name}, which has no training images")
    data.prepare_data()
    data.setup("fit")
    check_labels(data.images.records, source.num_classes)
    seed_everything(training.seed, workers=True, verbose=False)
    module = ClassifierModule(
        source.untrained(), num_classes=source.num_classes, title=f"training {source.name}", training=training
    )
    fitter = make_trainer(
        trainer,
        callbacks=callbacks,
        loggers=loggers,
        max_epochs=training.epochs,
        num_sanity_val_steps=0,
        log_every_n_steps=1,
    )
    start = time.perf_counter()
    fitter.fit(module, datamodule=data)
    accuracy = float(fitter.callback_metrics["val/accuracy"])
    _save(source, module, accuracy, time.perf_counter() - start)
    log.info("trained %s: %.1f %% of the held-out images right, %s", source.name, 100 * accuracy, source.weights_path)
    return accuracy


def _save(source: TrainedModel, module: ClassifierModule, accuracy: float, seconds: float) -> None:
    state = {name: tensor.contiguous().cpu() for name, tensor in module.classifier.network.state_dict().items()}
    facts = {
        "name": source.name,
        "architecture": source.architecture,
        "num_classes": source.num_classes,
        "mean": source.mean,
        "std": source.std,
        "input_size": source.input_size,
        "layer": source.layer,
        "accuracy": accuracy,
        "seconds": seconds,
        "recipe": source.recipe,
    }
    path: Path = source.weights_path
    write_whole(path.with_suffix(".json"), json.dumps(facts, indent=2) + "\n")
    write_whole(path, save(state))
