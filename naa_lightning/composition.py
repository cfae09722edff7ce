"""From a configuration to an experiment whose mistakes are found in seconds.

Nothing here loads a model, or Lightning and the other libraries that take seconds to load themselves.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from omegaconf import DictConfig, OmegaConf

from naa_lightning.attacks import Attack, Budget
from naa_lightning.config import AttackNode, AttackRun, Node, TrainRun, build, build_target, expect, validated
from naa_lightning.errors import UserError
from naa_lightning.models import ModelSource, TrainedModel


@dataclass(frozen=True)
class AttackExperiment:
    """One attack run.

    Args:
        run: Its configuration.
        surrogate: What is attacked; also the white-box target.
        black_box: The targets besides the surrogate.
        attack: Objective, update and budget.
    """

    run: AttackRun
    surrogate: ModelSource
    black_box: Sequence[ModelSource]
    attack: Attack

    @property
    def sources(self) -> list[ModelSource]:
        """The surrogate, then the black-box targets."""
        return [self.surrogate, *self.black_box]


@dataclass(frozen=True)
class TrainingExperiment:
    """One training run: its configuration and the model to train."""

    run: TrainRun
    model: TrainedModel


def compose_attack_run(config: DictConfig) -> AttackExperiment:
    """Check `attack.yaml`, composed, and build what needs no heavy library.

    A target that has the surrogate's name is the surrogate, with its weights.

    Raises:
        UserError: A key or value is refused, or a model's weights cannot be had.
    """
    run = validated(AttackRun, plain_values(config))
    attack = compose_attack(run.attack)
    surrogate = _model_source(run.surrogate, "surrogate")
    targets = [_model_source(node, f"targets.{key}") for key, node in run.targets.items()]
    for target in targets:
        same = replace(target, layer=surrogate.layer)
        if same.name == surrogate.name and same not in (surrogate, replace(surrogate, weights=None)):
            raise UserError(
                f"the target {target.name} differs from the surrogate of that name: rename it or give ~targets.KEY"
            )
    black_box = [target for target in targets if target.name != surrogate.name]
    experiment = AttackExperiment(run, surrogate, black_box, attack)
    names = [source.name for source in experiment.sources]
    for source in experiment.sources:
        if names.count(source.name) > 1:
            raise UserError(f"two targets are called {source.name}: give each its own targets.KEY.name")
        source.check()
    return experiment


def compose_training_run(config: DictConfig) -> TrainingExperiment:
    """Check `train.yaml`, composed; the model's recipe is the configuration's training and data.

    Raises:
        UserError: A key or value is refused, or the model is none that this project trains.
    """
    run = validated(TrainRun, plain_values(config))
    source = _model_source(run.surrogate, "surrogate")
    if not isinstance(source, TrainedModel):
        raise UserError(
            f"surrogate={source.name} has published weights; train.py trains surrogate=digits_plain and such"
        )
    if source.weights is not None:
        raise UserError(f"surrogate.weights={source.weights} would be overwritten by training; leave it out")
    return TrainingExperiment(run, replace(source, recipe={"training": run.training, "data": run.data}))


def plain_values(config: DictConfig) -> Node:
    """Resolve a composed configuration to plain values.

    Raises:
        omegaconf.errors.OmegaConfBaseException: A value is missing or an interpolation fails.
    """
    values: Node = OmegaConf.to_container(config, resolve=True, throw_on_missing=True)  # type: ignore[assignment]
    return values


def _model_source(node: Mapping[str, Any], key: str) -> ModelSource:
    return expect(ModelSource, build_target(node, key), key)  # type: ignore[type-abstract]


def compose_attack(node: AttackNode) -> Attack:
    """Join an attack's parts.

    Raises:
        UserError: A part refuses its configuration.
    """
    return Attack(
        objective=build_target(node.objective, "attack.objective"),
        update=build_target(node.update, "attack.update"),
        budget=build(Budget, node.budget, "attack.budget"),
    )
