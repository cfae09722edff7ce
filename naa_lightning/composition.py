"""From a configuration to the parts of an experiment, all checked before any model is loaded."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, TypeVar

from omegaconf import DictConfig, OmegaConf
from pytorch_lightning import Callback, Trainer
from pytorch_lightning.loggers import Logger

from naa_lightning.attacks import Attack, Budget
from naa_lightning.config import AttackNode, AttackRun, Node, build, build_target
from naa_lightning.data import ImageDataModule, check_labels
from naa_lightning.errors import UserError
from naa_lightning.models import ModelSource

T = TypeVar("T")


@dataclass(frozen=True)
class Experiment:
    """The parts of one attack run.

    Args:
        surrogate: What is attacked; also the white-box target.
        black_box: The targets besides the surrogate.
        attack: Objective, update and budget.
        data: Its images are listed and their labels checked.
        callbacks: Of the trainer.
    """

    surrogate: ModelSource
    black_box: Sequence[ModelSource]
    attack: Attack
    data: ImageDataModule
    callbacks: Sequence[Callback]


def compose(run: AttackRun) -> Experiment:
    """Build an experiment's parts; a target that has the surrogate's name is the surrogate.

    Raises:
        UserError: A part refuses its configuration, weights or images cannot be had, or a label is no class.
    """
    surrogate = model_source(run.surrogate, "surrogate")
    targets = [model_source(node, f"targets.{key}") for key, node in run.targets.items()]
    black_box = [target for target in targets if target.name != surrogate.name]
    _refuse_namesakes(black_box)
    attack = compose_attack(run.attack)
    callbacks = build_all(run.callbacks, "callbacks")
    make_trainer(run.trainer)
    data = data_module(run.data)
    for source in (surrogate, *black_box):
        source.check()
    data.prepare_data()
    data.setup("predict")
    for source in (surrogate, *black_box):
        check_labels(data.images.records, source.num_classes)
    return Experiment(surrogate, black_box, attack, data, callbacks)


def plain_values(config: DictConfig) -> Node:
    """Resolve a composed configuration to plain values.

    Raises:
        omegaconf.errors.OmegaConfBaseException: A mandatory value is missing or an interpolation fails.
    """
    values: Node = OmegaConf.to_container(config, resolve=True, throw_on_missing=True)  # type: ignore[assignment]
    return values


def model_source(node: Mapping[str, Any], key: str) -> ModelSource:
    """Build the description of a classifier."""
    return _expect(ModelSource, build_target(node, key), key)  # type: ignore[type-abstract]


def data_module(node: Mapping[str, Any]) -> ImageDataModule:
    """Build the DataModule."""
    return _expect(ImageDataModule, build_target(node, "data"), "data")  # type: ignore[type-abstract]


def compose_attack(node: AttackNode) -> Attack:
    """Join an attack's parts."""
    return Attack(
        objective=build_target(node.objective, "attack.objective"),
        update=build_target(node.update, "attack.update"),
        budget=build(Budget, node.budget, "attack.budget"),
    )


def build_all(nodes: Mapping[str, Mapping[str, Any]] | None, key: str) -> list[Any]:
    """Build every entry of a group such as callbacks or logger; None is an empty group."""
    return [build_target(node, f"{key}.{name}") for name, node in (nodes or {}).items()]


def make_trainer(
    node: Mapping[str, Any],
    *,
    callbacks: Sequence[Callback] = (),
    loggers: Sequence[Logger] = (),
    **options: Any,
) -> Trainer:
    """Build a Trainer for crafting, asking or training.

    Inference mode is off, because crafting needs gradients in a predict step.

    Raises:
        UserError: The configuration asks for a device that is not there, or for several processes.
    """
    options = {
        "callbacks": list(callbacks),
        "logger": list(loggers),
        "inference_mode": False,
        "enable_checkpointing": False,
        "enable_progress_bar": False,
        "enable_model_summary": False,
        **options,
    }
    trainer = _expect(Trainer, build_target(node, "trainer", **options), "trainer")
    if trainer.world_size > 1:
        raise UserError(
            f"the trainer asks for {trainer.world_size} processes, but crafting runs in one: use one device"
        )
    return trainer


def _expect(kind: type[T], value: Any, key: str) -> T:
    if not isinstance(value, kind):
        raise UserError(f"{key}._target_ must build a {kind.__name__}, it builds a {type(value).__name__}")
    return value


def _refuse_namesakes(sources: Sequence[ModelSource]) -> None:
    names = [source.name for source in sources]
    for name in names:
        if names.count(name) > 1:
            raise UserError(f"two targets are called {name}: give each its own targets.KEY.name")
