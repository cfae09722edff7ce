"""From a configuration to an experiment whose mistakes are found in seconds.

Nothing here loads a model, or Lightning and the other libraries that take seconds to load themselves.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path as FilePath
from typing import Any, TypeVar

from omegaconf import DictConfig, OmegaConf

from naa_lightning.attacks import Attack, Budget, Objective, Smoothing, Transform, Update
from naa_lightning.attribution import BASELINES, OUTPUTS, Attribute, Baseline, Conductance, Path, attribute, given
from naa_lightning.config import (
    AttackNode,
    AttackRun,
    AttributionNode,
    EnsembleNode,
    Node,
    TrainRun,
    build,
    build_target,
    expect,
    validated,
)
from naa_lightning.errors import UserError
from naa_lightning.models import EnsembleSource, ModelSource, TrainedModel
from naa_lightning.studies import LayerStudy, Study

T = TypeVar("T")


@dataclass(frozen=True)
class AttackExperiment:
    """One attack run.

    Args:
        run: Its configuration.
        surrogate: What is attacked.
        white_box: The surrogate as a target, or each of its members.
        black_box: The other targets.
        attack: As its parts say.
        exact: The method that attributes exactly.
        attribute: `naa_lightning.attribution.attribute` with the run's output, baseline and bound on memory.
        study: What to answer instead of attacking, if anything.
    """

    run: AttackRun
    surrogate: ModelSource | EnsembleSource
    white_box: Sequence[ModelSource]
    black_box: Sequence[ModelSource]
    attack: Attack
    exact: Conductance
    attribute: Attribute
    study: Study | None

    @property
    def sources(self) -> list[ModelSource]:
        """All targets, white-box first."""
        return [*self.white_box, *self.black_box]


@dataclass(frozen=True)
class TrainingExperiment:
    """One training run: its configuration and the model to train."""

    run: TrainRun
    model: TrainedModel


def compose_attack_run(config: DictConfig) -> AttackExperiment:
    """Check `attack.yaml`, composed, and build what needs no heavy library.

    A target that has a surrogate's name is that surrogate, with its weights.

    Raises:
        UserError: A key or value is refused, or a model's weights cannot be had.
    """
    run = validated(AttackRun, plain_values(config))
    attack = compose_attack(run.attack)
    surrogate = _surrogate(run.surrogate)
    white_box = [surrogate] if isinstance(surrogate, ModelSource) else surrogate.members
    by_name = {source.name: source for source in white_box}
    black_box = []
    for key, node in run.targets.items():
        target = _part(ModelSource, node, f"targets.{key}")
        same = by_name.get(target.name)
        if same is None:
            black_box.append(target)
        elif replace(target, layer=same.layer) not in (same, replace(same, weights=None)):
            raise UserError(
                f"the target {target.name} differs from the surrogate of that name: rename it or give ~targets.{key}"
            )
    study = None if run.study is None else _part(Study, run.study, "study")
    for source in white_box:
        if attack.objective.feature_level and not source.layer and not isinstance(study, LayerStudy):
            raise UserError(
                f"attack={run.attack.name} attacks a layer, and surrogate {source.name} names none: give its `layer`"
            )
        if run.attribution.exact_images and not source.layer:
            raise UserError(
                f"attribution.exact_images={run.attribution.exact_images} attributes over the attacked layer, and "
                f"surrogate {source.name} names none: give its `layer`"
            )
    exact, attribution = _attribution(run.attribution)
    experiment = AttackExperiment(run, surrogate, white_box, black_box, attack, exact, attribution, study)
    names = [source.name for source in experiment.sources]
    for source in experiment.sources:
        if names.count(source.name) > 1:
            raise UserError(f"two models are called {source.name}: give each surrogate and target its own name")
        source.check()
    return experiment


def compose_training_run(config: DictConfig) -> TrainingExperiment:
    """Check `train.yaml`, composed; the model's recipe is the configuration's training and data.

    Raises:
        UserError: A key or value is refused, or the model is none that this project trains.
    """
    run = validated(TrainRun, plain_values(config))
    source = _part(ModelSource, run.surrogate, "surrogate")
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


def _surrogate(node: Node) -> ModelSource | EnsembleSource:
    if "members" not in node:
        return _part(ModelSource, node, "surrogate")
    ensemble = validated(EnsembleNode, node, "surrogate")
    members = [_part(ModelSource, member, f"surrogate.members.{key}") for key, member in ensemble.members.items()]
    try:
        return EnsembleSource(ensemble.name, members, ensemble.combine)
    except ValueError as error:
        raise UserError(f"surrogate: {error}") from error


def compose_attack(node: AttackNode) -> Attack:
    """Join an attack's parts.

    Raises:
        UserError: A part refuses its configuration.
    """
    smoothing = None if node.smoothing is None else _part(Smoothing, node.smoothing, "attack.smoothing")
    parts: dict[str, Any] = {
        "objective": _part(Objective, node.objective, "attack.objective"),
        "transforms": [_part(Transform, part, f"attack.transforms.{key}") for key, part in node.transforms.items()],
        "smoothing": smoothing,
        "update": _part(Update, node.update, "attack.update"),
        "budget": build(Budget, node.budget, "attack.budget"),
        "targeted": node.targeted,
    }
    try:
        return Attack(**parts)
    except ValueError as error:
        raise UserError(f"attack: {error}") from error


def _attribution(node: AttributionNode) -> tuple[Conductance, Attribute]:
    """Return the exact method and `attribute` with its options."""
    try:
        exact = Conductance(path=Path(rule=node.rule, points=node.path_points, noise=0.0))
    except ValueError as error:
        raise UserError(f"attribution: {error}") from error
    options: dict[str, Any] = {
        "output": OUTPUTS[node.output],
        "baseline": _baseline(node.baseline),
        "baselines": node.baselines,
        "path_batch_size": node.path_batch_size,
    }
    return exact, partial(attribute, **options)


def _baseline(name: str) -> Baseline:
    if name in BASELINES:
        return BASELINES[name]
    if not FilePath(name).is_file():
        raise UserError(f"attribution.baseline must be {', '.join(BASELINES)} or an image file, got {name!r}")
    from naa_lightning.data import read_image  # noqa: PLC0415 - loads Lightning

    return given(read_image(FilePath(name)).float() / 255)


def _part(kind: type[T], node: Mapping[str, Any], key: str) -> T:
    return expect(kind, build_target(node, key), key)
