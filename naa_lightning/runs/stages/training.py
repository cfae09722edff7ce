"""Training a classifier by a recipe, once."""

import hashlib
import json
import logging
import math
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

import torch
from pytorch_lightning import Callback, seed_everything
from pytorch_lightning.callbacks import LearningRateMonitor
from pytorch_lightning.loggers import Logger
from torch import nn

from naa_lightning.callbacks.checkpoint import BestEpoch, LastEpoch, WholeCheckpoints, check_resumable, read_checkpoint
from naa_lightning.callbacks.running_mean import RunningMean
from naa_lightning.config.options import in_options
from naa_lightning.data import TrainableData, check_classes, check_trainable
from naa_lightning.distributed.lock import exclusive
from naa_lightning.distributed.ranks import Ranks
from naa_lightning.engine.out_of_memory import is_out_of_memory
from naa_lightning.exceptions import DataError, ModelError, UserError
from naa_lightning.models import ClassifierSource, LibraryModel, NetworkSource
from naa_lightning.models.saved import read_facts, save_model
from naa_lightning.models.weights import check_whole, read_weights, start_from, weight_files
from naa_lightning.modules.classifier import ClassifierModule
from naa_lightning.runs.trainer import device_of, make_data, make_trainer
from naa_lightning.runs.training_strategy import training_strategy
from naa_lightning.training import TrainingPlan
from naa_lightning.training.losses import EnsembleAdversarialTraining
from naa_lightning.training.recipe import precision_on

log = logging.getLogger(__name__)


def train(
    plan: TrainingPlan,
    trainer: Mapping[str, Any],
    callbacks: Sequence[Callback],
    loggers: Sequence[Logger] = (),
    *,
    folder: Path | None = None,
    ranks: Ranks | None = None,
    ckpt_path: str | None = None,
) -> float:
    """Train a model and save the weights of its best epoch with what is known of them.

    A training that was stopped goes on from the last epoch that it finished; one that was finished is not repeated.

    Args:
        plan: The classifier to train, and its recipe.
        trainer: The `trainer` node of the configuration.
        callbacks: The callbacks of the trainer.
        loggers: The loggers of the learning curves.
        folder: The folder of the run, which takes what the trainer writes; None for that of the checkpoints.
        ranks: The ranks that train together; None for a single process.
        ckpt_path: The checkpoint to go on from instead; None for the training's own last one.

    Returns:
        The score of the best epoch on the validation images: the accuracy, in [0, 1], or of a training that hardens the
        robust accuracy plus a thousandth of the accuracy. NaN of a model that was trained when it was not recorded.

    Raises:
        UserError: The plan, its data or the checkpoint are refused, or the loss is no number.
        Stopped: SIGTERM or Ctrl-C asked for it.
    """
    ranks = ranks or Ranks()
    with ExitStack() as stack:
        stack.enter_context(in_options(plan.data_key, DataError))
        if ranks.first:
            stack.enter_context(exclusive(plan.checkpoints / "lock", f"training {plan.source.name}"))
        data = _data(plan, ranks)
        content = ranks.from_first(lambda: _content(plan, data))
        facts = ranks.from_first(lambda: _known(plan, content))
        if facts is None or ckpt_path is not None:
            facts = _train(plan, data, content, trainer, callbacks, loggers, folder, ranks, ckpt_path)
        elif ranks.first:
            accuracy = 100 * facts["accuracy"]
            log.info("%s was trained before, %.1f %% right; %s", plan.source.name, accuracy, _anew(plan))
    return float(facts.get("validation_score", math.nan))


def _known(plan: TrainingPlan, content: str) -> dict[str, Any] | None:
    """Return what is known of a model that was trained before.

    Raises:
        UserError: It has seen other files than it would now, or its weights are damaged.
    """
    path = plan.weights_path.with_suffix(".json")
    if not path.is_file() or not plan.weights_path.is_file():
        return None
    check_whole(plan.weights_path)
    facts = read_facts(path)
    if facts.get("content") != content or not isinstance(facts.get("accuracy"), float):
        raise UserError(
            f"{plan.source.name} was trained before, but on other files than are there now; {_anew(plan)}, or give "
            "the new one another surrogate.name"
        )
    return facts


def _anew(plan: TrainingPlan) -> str:
    return f"to train it anew, remove {plan.weights_path} and {plan.checkpoints}"


def _train(
    plan: TrainingPlan,
    data: TrainableData,
    content: str,
    trainer: Mapping[str, Any],
    callbacks: Sequence[Callback],
    loggers: Sequence[Logger],
    folder: Path | None,
    ranks: Ranks,
    ckpt_path: str | None,
) -> dict[str, Any]:
    ranks.from_first(data.check_training_files)
    made_of = {**plan.made_of, "content": content}
    checkpoint = ranks.everywhere(lambda: _checkpoint(plan, made_of, ckpt_path))
    best, last = BestEpoch(plan.checkpoints, "val/score", checkpoint), LastEpoch(plan.checkpoints, made_of)
    seed_everything(plan.recipe.seed, workers=True, verbose=False)
    device = device_of(trainer, ranks.process)
    module = ClassifierModule(
        plan.source.wrap(ranks.everywhere(lambda: _network(plan, trainer, device))),
        num_classes=plan.source.num_classes,
        recipe=plan.recipe,
        title=f"training {plan.source.name}",
        remedy=f"give a smaller training.learning_rate; {_kept(plan)}",
    )
    with training_strategy(trainer, ranks) as options, _out_of_memory_explained(plan):
        fitter = make_trainer(
            trainer,
            folder=folder or plan.checkpoints,
            title=module.title,
            process=ranks.process,
            callbacks=[*callbacks, *_added(plan, loggers, device), best, last],
            loggers=loggers,
            precision=precision_on(plan.recipe.precision, device),
            max_epochs=plan.recipe.epochs,
            num_sanity_val_steps=0,
            log_every_n_steps=10,
            use_distributed_sampler=False,
            sync_batchnorm=False,  # done already
            enable_checkpointing=True,
            **options,
        )
        fitter.strategy.checkpoint_io = WholeCheckpoints()
        fitter.fit(module, datamodule=data, ckpt_path=checkpoint, weights_only=True)
        kept = best.path if best.path.is_file() else last.path
        state = read_checkpoint(kept, f"remove {plan.checkpoints} and train again")
        module.load_state_dict(state["state_dict"])
        if best.best_model_score is None:
            score = float(fitter.validate(module, datamodule=data, verbose=False)[0]["val/score"])
        else:
            score = float(best.best_model_score)
        fitter.test(module, datamodule=data, verbose=False)
    facts = {
        **_measured(plan, data, {name: float(value) for name, value in fitter.callback_metrics.items()}),
        "data": data.name,
        "content": content,
        "epochs": plan.recipe.epochs,
        "best_epoch": state["epoch"] + 1,
        "validation_score": score,
        "seconds": last.seconds,
        "device": str(device),
        "precision": fitter.precision,
        "recipe": dict(plan.node),
    }
    ranks.from_first(lambda: save_model(plan.weights_path, _with_classes(plan, data), module.classifier.network, facts))
    if ranks.first:
        log.info("trained %s: %s; %s", plan.source.name, _description(facts), plan.weights_path)
    return facts


def _data(plan: TrainingPlan, ranks: Ranks) -> TrainableData:
    """List the images, downloaded if need be, and check that they suit the model."""
    data = make_data(plan.node["data"], plan.data_key)
    if not isinstance(data, TrainableData):
        raise UserError(f"{plan.source.name} cannot be trained on data={data.name}, which has no training images")

    def prepare() -> None:
        data.prepare_data()
        data.expect_classes(plan.source.num_classes, plan.source.classes)
        data.setup("fit")
        if not data.labelled:
            raise DataError(f"{plan.source.name} cannot be trained on images without labels; leave out `labels`")
        with in_options("surrogate", ModelError):
            check_trainable(data, plan.source.num_classes, plan.source.name)
        for source in _held_out(plan):
            if source.num_classes != plan.source.num_classes:
                raise UserError(
                    f"images cannot be crafted on {source.name}, which tells {source.num_classes} classes apart, to "
                    f"train {plan.source.name}, which tells {plan.source.num_classes} apart; leave it out of "
                    "training.loss.models, or name a model trained on these data"
                )
            check_classes(source.classes, source.name, data.class_names, data.name)

    ranks.first_before_others(prepare)
    data.restrict(plan.recipe.batches, validate_on_training=plan.recipe.validated_on == "training")
    data.share(ranks.process.rank, ranks.process.world_size)
    return data


def _held_out(plan: TrainingPlan) -> Sequence[ClassifierSource]:
    loss = plan.recipe.loss
    return loss.sources if isinstance(loss, EnsembleAdversarialTraining) else ()


def _content(plan: TrainingPlan, data: TrainableData) -> str:
    """Return a digest of which images a training sees, and of the weights that it starts from or crafts on."""
    images = [(r.file, r.label) for part in (data.training_images(), data.validation_images()) for r in part.records]
    digest = hashlib.sha256(json.dumps(images).encode())
    start = None if plan.recipe.start in {"random", "published"} else Path(plan.recipe.start).expanduser()
    held_out = (source.local_weights for source in _held_out(plan) if isinstance(source, NetworkSource))
    for weights in [start, *held_out]:
        for file in [] if weights is None else weight_files(weights):
            digest.update(file.read_bytes())
    return digest.hexdigest()


def _checkpoint(plan: TrainingPlan, made_of: Mapping[str, Any], ckpt_path: str | None) -> Path | None:
    """Return the checkpoint to go on from: the one asked for, or the last one of this very training."""
    last = plan.checkpoints / "last.ckpt"
    if ckpt_path is None and not last.is_file():
        return None
    path = last if ckpt_path is None else Path(ckpt_path).expanduser()
    anew = f"remove {plan.checkpoints}, and the training begins anew"
    check_resumable(path, made_of, anew if ckpt_path is None else "correct ckpt_path or leave it out")
    log.info("going on from %s", path)
    return path


def _network(plan: TrainingPlan, trainer: Mapping[str, Any], device: torch.device) -> nn.Module:
    """Create the network as the training finds it.

    Raises:
        UserError: The weights to start from do not fit, or the device cannot share its normalisation.
    """
    network = plan.source.network(pretrained=False)
    _start(plan, network)
    if not trainer.get("sync_batchnorm", False):
        return network
    if device.type != "cuda":
        raise UserError(f"trainer.sync_batchnorm=true shares batch normalisation between GPUs, and this is a {device}")
    from timm.layers.norm_act import convert_sync_batchnorm  # noqa: PLC0415 - takes a second, and W&B with it

    # Lightning's own would lose the activations of timm's normalisations.
    shared: nn.Module = convert_sync_batchnorm(network)  # type: ignore[no-untyped-call]
    return shared


def _start(plan: TrainingPlan, network: nn.Module) -> None:
    start = plan.recipe.start
    if start == "random":
        return
    if start == "published":
        state, origin = plan.source.published_state(), f"the published weights of {plan.source.name}"
    else:
        state, origin = read_weights(Path(start).expanduser(), "training.start", plan.source.weights_key)
    left_out = start_from(network, state, origin)
    if left_out:
        log.info("training %s: %s are for other classes, and begin at random", plan.source.name, ", ".join(left_out))


def _added(plan: TrainingPlan, loggers: Sequence[Logger], device: torch.device) -> list[Callback]:
    added: list[Callback] = []
    if loggers:
        added.append(LearningRateMonitor("step"))
    if plan.recipe.ema_decay is not None:
        added.append(RunningMean(plan.recipe.ema_decay, device))
    return added


@contextmanager
def _out_of_memory_explained(plan: TrainingPlan) -> Iterator[None]:
    try:
        yield
    except Exception as error:
        if not is_out_of_memory(error):
            raise
        remedy = "give a smaller data.batch_size or another device"
        raise UserError(f"training {plan.source.name}: out of memory; {remedy}; {_kept(plan)}") from error


def _kept(plan: TrainingPlan) -> str:
    return f"finished epochs, if any, are kept in {plan.checkpoints}"


def _with_classes(plan: TrainingPlan, data: TrainableData) -> LibraryModel:
    return replace(plan.source, classes=None if data.class_names is None else list(data.class_names))


def _measured(plan: TrainingPlan, data: TrainableData, metrics: Mapping[str, float]) -> dict[str, Any]:
    robustness = plan.recipe.robustness
    robust = None
    if robustness is not None and "test/robust_accuracy" in metrics:
        robust = {
            "accuracy": metrics["test/robust_accuracy"],
            "images": min(robustness.test_images, len(data.images)),
            "attack": {key: getattr(robustness, key) for key in ("eps", "steps", "relative_step_size")},
        }
    return {
        "accuracy": metrics["test/accuracy"],
        "calibration_error": metrics["test/calibration_error"],
        "images": len(data.images),
        "robust": robust,
    }


def _description(facts: Mapping[str, Any]) -> str:
    text = f"{100 * facts['accuracy']:.1f} % of {facts['images']} test images right"
    if robust := facts["robust"]:
        text += f", {100 * robust['accuracy']:.1f} % of {robust['images']} within {robust['attack']['eps']} of them"
    return text
