"""From a configuration to an experiment whose mistakes are found in seconds.

Nothing here loads a model, or Lightning and the other libraries that take seconds to load themselves.
"""

import json
import re
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial
from itertools import groupby
from pathlib import Path as FilePath
from typing import Any, TypeVar

from hydra.core.hydra_config import HydraConfig
from omegaconf import DictConfig, OmegaConf

import naa_lightning.config.resolvers  # noqa: F401 - for the configuration
from naa_lightning.attacks import Attack, Budget, Objective, Smoothing, Transform, Update
from naa_lightning.attribution import (
    BASELINES,
    OUTPUTS,
    Attribute,
    Baseline,
    Conductance,
    Path,
    attribute,
    image_baseline,
)
from naa_lightning.config.options import in_options, key_of
from naa_lightning.config.schema import (
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
from naa_lightning.config.studies import LayerStudy, Study
from naa_lightning.config.training_plan import plan_of, plan_training
from naa_lightning.engine import Engine
from naa_lightning.exceptions import ModelError, UserError
from naa_lightning.models import ClassifierSource, EnsembleSource, ModelSource, TrainedModel
from naa_lightning.models.defences import Defence
from naa_lightning.models.target import Target
from naa_lightning.training import TrainingPlan

T = TypeVar("T")


@dataclass(frozen=True)
class AttackExperiment:
    """One attack run.

    Args:
        run: Its configuration.
        surrogate: What is attacked; None in a run that rates images of unknown origin.
        targets: What the images are tried on: first the surrogate, or each of its members. Those with one model follow
            each other.
        attack: As its parts say.
        engine: How the surrogate is run.
        exact: The method that attributes exactly.
        attribute: `naa_lightning.attribution.attribute` with the run's output, baseline and bound on memory.
        study: What to answer instead of attacking, if anything.
    """

    run: AttackRun
    surrogate: ClassifierSource | EnsembleSource | None
    targets: Sequence[Target]
    attack: Attack
    engine: Engine
    exact: Conductance
    attribute: Attribute
    study: Study | None

    @property
    def white_box(self) -> Sequence[ClassifierSource]:
        """The surrogate, or its members."""
        return _members(self.surrogate)

    @property
    def black_box(self) -> list[Target]:
        """The targets whose models are not attacked."""
        return [target for target in self.targets if target.source not in self.white_box]

    @property
    def sources(self) -> list[ModelSource]:
        """The targets' models, each once."""
        return [source for source, _ in groupby(self.targets, key=lambda target: target.source)]


@dataclass(frozen=True)
class TrainingExperiment:
    """One training run: its configuration, and what is trained and how."""

    run: TrainRun
    plan: TrainingPlan


def compose_attack_run(config: DictConfig) -> AttackExperiment:
    """Check `attack.yaml`, composed, and build what needs no heavy library.

    A target that has a surrogate's name is that surrogate, with its weights. Where nothing is crafted, surrogate and
    attack are unknown unless the command line names them.

    Raises:
        UserError: A key or value is refused, or a model's weights cannot be had.
    """
    if config.get("craft") is False and isinstance(config.get("adversarial_dir"), str):
        _forget_the_usual_origin(config)
    run = validated(AttackRun, plain_values(config))
    attack = compose_attack(run.attack)
    surrogate = None if run.surrogate is None else _surrogate(run.surrogate)
    study = None if run.study is None else _part(Study, run.study, "study")
    targets = _targets(run, _members(surrogate))
    exact, attribution = _attribution(run.attribution)
    engine = build(Engine, run.engine, "engine")
    experiment = AttackExperiment(run, surrogate, targets, attack, engine, exact, attribution, study)
    _check_work(experiment)
    for source in experiment.white_box:
        if run.craft and attack.objective.feature_level and not source.layer and not isinstance(study, LayerStudy):
            raise UserError(
                f"attack={run.attack.name} attacks a layer, and surrogate {source.name} names none: give its `layer`"
            )
        if run.attribution.exact_images and not source.layer:
            raise UserError(
                f"attribution.exact_images={run.attribution.exact_images} attributes over the attacked layer, and "
                f"surrogate {source.name} names none: give its `layer`"
            )
    for model in experiment.sources:
        key = key_of(model, run)
        with in_options(key, ModelError):
            model.check()
        if isinstance(model, TrainedModel) and not model.weights_path.is_file():
            _check_that_recipes_hold(run.trainer)
            plan_of(model, key)
    return experiment


def _forget_the_usual_origin(config: DictConfig) -> None:
    """Do not take images of another origin for those of the configuration's usual surrogate and attack."""
    said = HydraConfig.get().overrides.task
    if "surrogate" in config and not any(re.match(r"\+{0,2}surrogate[=.@]", word) for word in said):
        config.surrogate = None
    if not any(re.match(r"\+{0,2}attack(=|\.name=)", word) for word in said):
        config.attack.name, config.attack.paper = _origin(FilePath(config.adversarial_dir)), "unknown"


def _origin(folder: FilePath) -> str:
    """Name adversarial images by their folder, or where they are those of a run, by its attack."""
    folder = folder.expanduser().resolve()
    run = folder.parent if folder.name == "adversarial" else folder
    try:
        return str(json.loads((run / "results.json").read_text(encoding="utf-8"))["attack"])
    except (OSError, ValueError, KeyError):
        return run.name


def _check_work(experiment: AttackExperiment) -> None:
    """Check that there is something to craft or to rate, and something to try it on."""
    run = experiment.run
    if run.craft:
        if experiment.surrogate is None:
            raise UserError("there is no surrogate to craft on: give surrogate=, or rate images with craft=false")
        if run.adversarial_dir is not None:
            raise UserError(f"adversarial_dir={run.adversarial_dir} is what craft=false rates: give both or neither")
        return
    if run.adversarial_dir is None:
        raise UserError("craft=false rates images that are there: give adversarial_dir=FOLDER")
    if not FilePath(run.adversarial_dir).expanduser().is_dir():
        raise UserError(f"adversarial_dir={run.adversarial_dir} is not a folder; name the one that holds the images")
    if experiment.study is not None:
        raise UserError("a study crafts its own images: leave out craft=false or the study")
    if experiment.surrogate is None and run.attribution.exact_images:
        raise UserError("attribution.exact_images needs the surrogate that the images were crafted on: give surrogate=")
    if not experiment.targets:
        raise UserError("there is no model to try the images on: give targets= or surrogate=")


def compose_training_run(config: DictConfig) -> TrainingExperiment:
    """Check `train.yaml`, composed.

    The recipe is the configuration's `training` and `data`, where it has them, then the surrogate's own.

    Raises:
        UserError: A key or value is refused, or there is nothing to train on.
    """
    run = validated(TrainRun, plain_values(config))
    if "members" in run.surrogate:
        raise UserError("several surrogates are trained one by one: python train.py -m surrogate=a,b")
    node = dict(run.surrogate)
    own = node.pop("recipe", None) or {}
    training = run.training or _merged(run.usual_training, own.get("training", {}))
    if run.loss is not None:
        training["loss"] = {"label_smoothing": training["loss"].get("label_smoothing", 0.0), **run.loss}
    data = run.data or own.get("data", {})
    if "_target_" not in data:
        raise UserError(f"surrogate={node.get('name')} has no data of its own to train on: give data=folder or others")
    recipe = {"training": training, "data": data}
    source = _part(ClassifierSource, node, "surrogate")
    if source.weights is not None:
        raise UserError(
            f"surrogate.weights={source.weights} would not be used: give it as training.start to go on from there"
        )
    if run.trainer.get("precision", "32-true") != "32-true":
        raise UserError(f"give trainer.precision={run.trainer['precision']} as training.precision: it is of the recipe")
    _check_that_recipes_hold(run.trainer)
    if isinstance(source, TrainedModel):
        source = replace(source, recipe=recipe)
    run = replace(run, training=training, data=data)
    return TrainingExperiment(run, plan_training(source, recipe, run.paths.models_dir, "training", "data"))


def _merged(node: Node, changes: Node) -> Node:
    merged: Node = OmegaConf.to_container(OmegaConf.merge(node, changes))  # type: ignore[assignment]
    return merged


def _check_that_recipes_hold(node: Node) -> None:
    """Check that a recipe alone says what weights depend on."""
    for key in ("max_epochs", "min_epochs", "max_steps", "min_steps", "gradient_clip_val", "accumulate_grad_batches"):
        if key in node:
            raise UserError(f"trainer.{key} would change what the recipe says: give training.epochs and such instead")


def plain_values(config: DictConfig) -> Node:
    """Resolve a composed configuration to plain values.

    Raises:
        omegaconf.errors.OmegaConfBaseException: A value is missing or an interpolation fails.
    """
    values: Node = OmegaConf.to_container(config, resolve=True, throw_on_missing=True)  # type: ignore[assignment]
    return values


def _surrogate(node: Node) -> ClassifierSource | EnsembleSource:
    if "members" not in node:
        return _classifier(node, "surrogate")
    ensemble = validated(EnsembleNode, node, "surrogate")
    if not ensemble.members:
        raise UserError("surrogate: an ensemble needs members: surrogate=[inception_v3,resnet50]")
    members = [_classifier(member, f"surrogate.members.{key}") for key, member in ensemble.members.items()]
    try:
        return EnsembleSource(ensemble.name, members, ensemble.combine)
    except ValueError as error:
        raise UserError(f"surrogate: {error}") from error


def _classifier(node: Node, key: str) -> ClassifierSource:
    source = _part(ModelSource, node, key)
    if not isinstance(source, ClassifierSource):
        raise UserError(
            f"{key}: {source.name} is a {type(source).__name__}, which gives no gradients: it can be a target, and a "
            "surrogate is a network of timm, torchvision or this project"
        )
    return source


def _members(surrogate: ClassifierSource | EnsembleSource | None) -> Sequence[ClassifierSource]:
    match surrogate:
        case None:
            return []
        case EnsembleSource():
            return surrogate.members
        case _:
            return [surrogate]


def _targets(run: AttackRun, white_box: Sequence[ClassifierSource]) -> list[Target]:
    """Return the surrogates and the targets; those without a defence of their own also behind each of `defences`."""
    targets = [Target(source=source) for source in white_box]
    for key, node in run.targets.items():
        target = _target(node, f"targets.{key}", white_box)
        if target not in targets[: len(white_box)]:
            targets.append(target)
    shared = _defences(run.defences, "defences")
    behind = [
        Target(source=target.source, defences={name: defence})
        for target in targets
        if not target.defences
        for name, defence in shared.items()
    ]
    everything = [*targets, *behind]
    for name, count in Counter(target.name for target in everything).items():
        if count > 1:
            raise UserError(f"two models are called {name}: give each surrogate and target its own name")
    sources: dict[str, ModelSource] = {}
    for target in everything:
        if sources.setdefault(target.source.name, target.source) != target.source:
            raise UserError(f"two different models are called {target.source.name}: give each its own name")
    order = list(sources)
    return sorted(everything, key=lambda target: order.index(target.source.name))


def _target(node: Node, key: str, white_box: Sequence[ClassifierSource]) -> Target:
    options = dict(node)
    defences = _defences(options.pop("defences", None) or {}, f"{key}.defences")
    source = _part(ModelSource, options, key)
    for surrogate in white_box:
        if source.name != surrogate.name:
            continue
        same = replace(source, layer=surrogate.layer) if isinstance(source, ClassifierSource) else source
        if same not in (surrogate, replace(surrogate, weights=None)):
            raise UserError(
                f"the target {source.name} differs from the surrogate of that name: rename it or give ~{key}"
            )
        source = surrogate
    return Target(source=source, defences=defences)


def _defences(nodes: Mapping[str, Node], key: str) -> dict[str, Defence]:
    if not isinstance(nodes, Mapping):
        raise UserError(f"{key} must give each defence under a name, got {nodes!r}")
    return {name: _part(Defence, node, f"{key}.{name}") for name, node in nodes.items()}


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
        "images_per_pass": node.images_per_pass,
    }
    return exact, partial(attribute, **options)


def _baseline(name: str) -> Baseline:
    if name in BASELINES:
        return BASELINES[name]
    if not FilePath(name).is_file():
        raise UserError(f"attribution.baseline must be {', '.join(BASELINES)} or an image file, got {name!r}")
    from naa_lightning.data import read_image  # noqa: PLC0415 - loads Lightning

    return image_baseline(read_image(FilePath(name)).float() / 255)


def _part(kind: type[T], node: Mapping[str, Any], key: str) -> T:
    return expect(kind, build_target(node, key), key)
