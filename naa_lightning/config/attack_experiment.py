"""From `attack.yaml`, composed, to an experiment whose mistakes are found in seconds.

Nothing here loads a model, or Lightning and the other libraries that take seconds to load themselves.
"""

import shlex
from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial
from itertools import groupby
from pathlib import Path

from hydra.conf import HydraConf
from hydra.core.hydra_config import HydraConfig
from omegaconf import DictConfig, OmegaConf

import naa_lightning.config.extendable
import naa_lightning.config.resolvers  # noqa: F401 - both for the configuration
from naa_lightning.attacks import Attack
from naa_lightning.attribution import Attribution, Conductance
from naa_lightning.config.attack import compose_attack
from naa_lightning.config.attribution import compose_attribution
from naa_lightning.config.budget import check_levels, check_norm
from naa_lightning.config.building import build, build_part, plain_values, validated
from naa_lightning.config.ensemble import separate_members
from naa_lightning.config.image_origin import take_over_origin
from naa_lightning.config.models import compose_surrogate, compose_targets, members_of
from naa_lightning.config.options import in_options, key_of
from naa_lightning.config.overrides import folder_option
from naa_lightning.config.schema import AttackRun
from naa_lightning.config.studies import Study
from naa_lightning.config.training_plan import check_that_recipes_hold, plan_of
from naa_lightning.config.trust import find_own_code
from naa_lightning.engine import Engine
from naa_lightning.exceptions import ModelError, UserError
from naa_lightning.exports import FORMATS, kind_of
from naa_lightning.models import ClassifierSource, EnsembleSource, ModelSource, TrainedModel
from naa_lightning.models.target import Target


@dataclass(frozen=True)
class AttackExperiment:
    """One attack run.

    Args:
        run: The checked configuration.
        surrogate: The white-box network or ensemble; None in a run that rates images of unknown origin.
        targets: The models that classify the images, the surrogate or its members first. Targets of one model follow
            each other.
        attack: The attack, composed of its parts.
        engine: The way of running the surrogate.
        exact: The method that attributes exactly.
        attribute: `naa_lightning.attribution.attribute` with the run's output, baseline and bound on memory.
        study: The study that is made instead of an attack; None for an attack.
        overrides: The configuration keys and groups that the command line sets.
        command: The command line that runs it again.
        folder_option: What is added to the command so that it goes on where it was stopped, in a sweep with all jobs.
    """

    run: AttackRun
    surrogate: ClassifierSource | EnsembleSource | None
    targets: Sequence[Target]
    attack: Attack
    engine: Engine
    exact: Conductance
    attribute: partial[Attribution]
    study: Study | None
    overrides: Sequence[str] = ()
    command: str = ""
    folder_option: str = ""

    @property
    def white_box(self) -> Sequence[ClassifierSource]:
        """The surrogate, or its members."""
        return members_of(self.surrogate)

    @property
    def black_box(self) -> list[Target]:
        """The targets whose models are not attacked."""
        return [target for target in self.targets if target.source not in self.white_box]

    @property
    def sources(self) -> list[ModelSource]:
        """The targets' models, each once."""
        return [source for source, _ in groupby(self.targets, key=lambda target: target.source)]


def checked_attack_run(config: DictConfig, hydra: HydraConf | None = None) -> AttackRun:
    """Return `attack.yaml`, composed, with every key and value checked.

    Args:
        config: The composed configuration, which is changed where Hydra cannot say what it means: several surrogates
            get a node each, a target without a name has that of its key, and where nothing is crafted, surrogate,
            attack and targets are those of the run that made the images, unless the command line names them.
        hydra: Hydra's own part of the configuration; None for that of the job that runs.

    Raises:
        UserError: A key or value is refused.
    """
    hydra = hydra or HydraConfig.get()
    find_own_code(config.get("trust") or [], hydra)
    separate_members(config, hydra)
    if not config.get("surrogate"):  # an empty list, or deleted
        config.surrogate = None
    check_norm(config, hydra)
    if config.get("craft") is False and isinstance(config.get("adversarial_dir"), str):
        take_over_origin(config, hydra)
    for key, target in (config.get("targets") or {}).items():
        if isinstance(target, DictConfig) and OmegaConf.is_missing(target, "name"):
            target.name = key
    values = plain_values(config)
    return validated(AttackRun, {**values, "targets": values.get("targets") or {}})  # null is none


def compose_attack_run(config: DictConfig, hydra: HydraConf | None = None) -> AttackExperiment:
    """Check `attack.yaml`, composed, and build what needs no heavy library.

    Args:
        config: The composed configuration, which is changed as by `checked_attack_run`.
        hydra: Hydra's own part of the configuration; None for that of the job that runs.

    Raises:
        UserError: A key or value is refused, or a model's weights cannot be had.
    """
    hydra = hydra or HydraConfig.get()
    run = checked_attack_run(config, hydra)
    attack = compose_attack(run.attack)
    surrogate = None if run.surrogate is None else compose_surrogate(run.surrogate)
    study = None if run.study is None else build_part(Study, run.study, "study")
    targets = compose_targets(run, members_of(surrogate))
    exact, attribution = compose_attribution(run.attribution)
    engine = build(Engine, run.engine, "engine")
    overrides = list(hydra.overrides.task)
    folders = [source.path for source in hydra.runtime.config_sources if source.provider == "command-line"]
    command = shlex.join(["naa-attack", *(part for folder in folders for part in ("--config-dir", folder)), *overrides])
    option = folder_option(hydra, run.paths.run_dir)
    experiment = AttackExperiment(
        run, surrogate, targets, attack, engine, exact, attribution, study, overrides, command, option
    )
    _check_work(experiment)
    for model in experiment.sources:
        key = key_of(model, run)
        with in_options(key, ModelError):
            model.check()
        if isinstance(model, TrainedModel) and not model.weights_path.is_file():
            check_that_recipes_hold(run.trainer)
            plan_of(model, key)
    return experiment


def _check_work(experiment: AttackExperiment) -> None:
    """Check that there is something to craft or to rate, and something to try it on."""
    run = experiment.run
    if run.craft:
        check_levels(experiment.attack.budget, run.attack.budget.get("eps", experiment.attack.budget.eps))
        if experiment.surrogate is None:
            raise UserError("there is no surrogate to craft on: give surrogate=, or rate images with craft=false")
        if run.adversarial_dir is not None:
            raise UserError(f"adversarial_dir={run.adversarial_dir} is what craft=false rates: give both or neither")
        return
    if run.adversarial_dir is None:
        raise UserError("craft=false rates images that are there: give adversarial_dir=FOLDER")
    images = Path(run.adversarial_dir).expanduser()
    if not images.is_dir() and kind_of(images) is None:
        endings = ", ".join(format.ending for format in FORMATS.values() if format.ending)
        raise UserError(
            f"adversarial_dir={run.adversarial_dir} is not a folder, nor a file that naa-report export writes "
            f"({endings}); name the one that holds the images"
        )
    if experiment.study is not None:
        raise UserError("a study crafts its own images: leave out craft=false or the study")
    if experiment.surrogate is None and run.attribution.exact_images:
        raise UserError("attribution.exact_images needs the surrogate that the images were crafted on: give surrogate=")
    if not experiment.targets:
        raise UserError("there is no model to try the images on: give targets= or surrogate=")
