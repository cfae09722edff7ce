"""Training a classifier by a recipe, once."""

import logging
import time
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from pytorch_lightning import Callback, Trainer, seed_everything
from pytorch_lightning.callbacks import EMAWeightAveraging, LearningRateMonitor
from pytorch_lightning.loggers import Logger
from torch import nn

from naa_lightning.callbacks.checkpoint import TrainingCheckpoint, check_resumable, trained_state
from naa_lightning.classifier_module import ClassifierModule
from naa_lightning.data import TrainableData, check_trainable
from naa_lightning.errors import UserError
from naa_lightning.models.saved import save_model
from naa_lightning.models.weights import load_weights
from naa_lightning.processes.ranks import Ranks
from naa_lightning.trainer import device_of, make_data, make_trainer, training_strategy
from naa_lightning.training import TrainingPlan
from naa_lightning.training.recipe import precision_on

log = logging.getLogger(__name__)


def train(
    plan: TrainingPlan,
    trainer: Mapping[str, Any],
    callbacks: Sequence[Callback],
    loggers: Sequence[Logger] = (),
    *,
    ranks: Ranks | None = None,
    ckpt_path: str | None = None,
) -> float:
    """Train a model and save the weights of its best epoch with what is known of them.

    A training that was stopped goes on from the last epoch that it finished.

    Args:
        plan: What is trained, and how.
        trainer: The node of a Lightning `Trainer`.
        callbacks: Added to the trainer.
        loggers: Take the learning curves.
        ranks: Train together; None: one process.
        ckpt_path: A checkpoint to go on from instead.

    Returns:
        The accuracy on the test images, in [0, 1].

    Raises:
        UserError: The plan, its data or the checkpoint are refused, or the loss is no number.
    """
    ranks = ranks or Ranks()
    data = _data(plan, ranks)
    checkpoint = _checkpoint(plan, ckpt_path)
    seed_everything(plan.recipe.seed, workers=True, verbose=False)
    module = ClassifierModule(
        plan.source.wrap(_network(plan)),
        num_classes=plan.source.num_classes,
        recipe=plan.recipe,
        title=f"training {plan.source.name}",
        remedy=f"give a smaller training.learning_rate; the checkpoints of the epochs before are in {plan.checkpoints}",
    )
    precision = precision_on(plan.recipe.precision, device_of(trainer, ranks.place))
    with training_strategy(trainer, ranks) as options:
        fitter = _fitter(plan, module, trainer, {**options, "precision": precision}, callbacks, loggers)
        start = time.perf_counter()
        fitter.fit(module, datamodule=data, ckpt_path=checkpoint, weights_only=True)
        seconds = time.perf_counter() - start
        module.load_state_dict(trained_state(plan.checkpoints / "best.ckpt"))
        fitter.test(module, datamodule=data, verbose=False)
    facts = _facts(plan, data, fitter, seconds)
    source = replace(plan.source, classes=data.class_names and list(data.class_names))
    ranks.from_first(lambda: save_model(plan.weights_path, source, module.classifier.network, facts))
    if ranks.first:
        log.info("trained %s: %s; %s", plan.source.name, _in_words(facts), plan.weights_path)
    return float(facts["accuracy"])


def _data(plan: TrainingPlan, ranks: Ranks) -> TrainableData:
    """List the images, downloaded if need be, and check that they suit the model."""
    data = make_data(plan.node.get("data", {}), f"{plan.source.name}'s data")
    if not isinstance(data, TrainableData):
        raise UserError(f"{plan.source.name} cannot be trained on data={data.name}, which has no training images")

    def prepare() -> None:
        data.prepare_data()
        data.setup("fit")
        check_trainable(data, plan.source.num_classes, plan.source.name)

    ranks.first_before_others(prepare)
    data.share(ranks.place.rank, ranks.place.world_size)
    return data


def _checkpoint(plan: TrainingPlan, ckpt_path: str | None) -> Path | None:
    """Return what to go on from: what is asked for, or the last checkpoint of this very training."""
    last = plan.checkpoints / "last.ckpt"
    if ckpt_path is None and not last.is_file():
        return None
    path = last if ckpt_path is None else Path(ckpt_path).expanduser()
    check_resumable(path, plan.made_of)
    log.info("going on from %s", path)
    return path


def _network(plan: TrainingPlan) -> nn.Module:
    network = plan.source.network(pretrained=plan.recipe.start == "published")
    if plan.recipe.start not in {"random", "published"}:
        load_weights(network, Path(plan.recipe.start).expanduser())
    return network


def _fitter(
    plan: TrainingPlan,
    module: ClassifierModule,
    trainer: Mapping[str, Any],
    options: Mapping[str, Any],
    callbacks: Sequence[Callback],
    loggers: Sequence[Logger],
) -> Trainer:
    recipe = plan.recipe
    kept = TrainingCheckpoint(plan.checkpoints, module.monitor, plan.made_of)
    added: list[Callback] = [kept]
    if recipe.ema_decay is not None:
        added.insert(0, EMAWeightAveraging(decay=recipe.ema_decay))
    if loggers:
        added.insert(0, LearningRateMonitor("step"))
    return make_trainer(
        trainer,
        callbacks=[*callbacks, *added],
        loggers=loggers,
        max_epochs=recipe.epochs,
        num_sanity_val_steps=0,
        log_every_n_steps=10,
        use_distributed_sampler=False,
        enable_checkpointing=True,
        **options,
    )


def _facts(plan: TrainingPlan, data: TrainableData, fitter: Trainer, seconds: float) -> dict[str, Any]:
    """Return what the model's file says of it besides its description."""
    measured = {name: float(value) for name, value in fitter.callback_metrics.items() if name.startswith("test/")}
    robustness = plan.recipe.robustness
    robust = None
    if robustness is not None and "test/robust_accuracy" in measured:
        attack = {key: getattr(robustness, key) for key in ("eps", "steps", "step_size")}
        images = min(robustness.test_images, len(data.images))
        robust = {"accuracy": measured["test/robust_accuracy"], "images": images, "attack": attack}
    return {
        "accuracy": measured["test/accuracy"],
        "calibration_error": measured["test/calibration_error"],
        "images": len(data.images),
        "robust": robust,
        "data": data.name,
        "epochs": plan.recipe.epochs,
        "seconds": seconds,
        "device": str(fitter.strategy.root_device),
        "precision": fitter.precision,
        "recipe": dict(plan.node),
    }


def _in_words(facts: Mapping[str, Any]) -> str:
    words = f"{100 * facts['accuracy']:.1f} % of {facts['images']} test images right"
    if robust := facts["robust"]:
        words += f", {100 * robust['accuracy']:.1f} % of {robust['images']} within {robust['attack']['eps']} of them"
    return words
