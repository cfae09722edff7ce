"""From `train.yaml`, composed, to a training whose mistakes are found in seconds."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

from hydra.conf import HydraConf
from hydra.core.hydra_config import HydraConfig
from omegaconf import DictConfig, OmegaConf

import naa_lightning.config.extendable
import naa_lightning.config.resolvers  # noqa: F401 - both for the configuration
from naa_lightning.config.building import build_part, plain_values, validated
from naa_lightning.config.ensemble import listed_surrogates
from naa_lightning.config.schema import Node, TrainRun
from naa_lightning.config.training_plan import check_that_recipes_hold, plan_training
from naa_lightning.config.trust import find_own_code
from naa_lightning.exceptions import UserError
from naa_lightning.models import ClassifierSource, LibraryModel, TrainedModel
from naa_lightning.training import TrainingPlan


@dataclass(frozen=True)
class TrainingExperiment:
    """One training run.

    Args:
        run: The checked configuration.
        plan: The network and its recipe.
    """

    run: TrainRun
    plan: TrainingPlan


def compose_training_run(config: DictConfig, hydra: HydraConf | None = None) -> TrainingExperiment:
    """Check `train.yaml`, composed.

    Args:
        config: The composed configuration. Its `training` and `data` replace the surrogate's own recipe where they
            are chosen, and change it otherwise.
        hydra: Hydra's own part of the configuration; None for that of the job that runs.

    Raises:
        UserError: A key or value is refused, or there is nothing to train on.
    """
    hydra = hydra or HydraConfig.get()
    if listed_surrogates(hydra) or "members" in (config.get("surrogate") or {}):
        raise UserError("several surrogates are trained one by one: naa-train -m surrogate=a,b")
    find_own_code(config.get("trust") or [], hydra)
    run = validated(TrainRun, plain_values(config))
    node = dict(run.surrogate)
    own = node.pop("recipe", None) or {}
    training = run.training
    if hydra.runtime.choices.get("training") is None:
        training = _changed(_changed(run.standard_training, own.get("training", {})), training)
    if run.seed is not None:
        training = {**training, "seed": run.seed}
    data = run.data if "_target_" in run.data else _changed(own.get("data", {}), run.data)
    if "_target_" not in data:
        raise UserError(f"surrogate={node.get('name')} has no data of its own to train on: give data=folder or others")
    recipe = {"training": training, "data": data}
    source = build_part(ClassifierSource, node, "surrogate")
    if not isinstance(source, LibraryModel):
        raise UserError(
            f"surrogate: {source.name} is a {type(source).__name__}: only networks of timm, torchvision and this "
            "project are trained here; train your own and give its weights"
        )
    if source.weights is not None:
        raise UserError(
            f"surrogate.weights={source.weights} would not be used: give it as training.start to go on from there"
        )
    if run.trainer.get("precision", "32-true") != "32-true":
        raise UserError(f"give trainer.precision={run.trainer['precision']} as training.precision: it is of the recipe")
    check_that_recipes_hold(run.trainer)
    if isinstance(source, TrainedModel):
        source = replace(source, recipe=recipe)
    run = replace(run, training=training, data=data)
    return TrainingExperiment(run, plan_training(source, recipe, run.weights_dir, "training", "data"))


def _changed(recipe: Node, changes: Mapping[str, Any]) -> Node:
    """Return a recipe with changes; another loss keeps only the smoothing of the labels."""
    if "_target_" in (changes.get("loss") or {}):
        recipe = {**recipe, "loss": {"label_smoothing": recipe["loss"].get("label_smoothing", 0.0)}}
    merged: Node = OmegaConf.to_container(OmegaConf.merge(recipe, changes))  # type: ignore[assignment]
    return merged
