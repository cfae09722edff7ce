"""From a recipe, as a configuration says it, to the plan of a training."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from naa_lightning.config.building import build, build_part
from naa_lightning.config.schema import Node
from naa_lightning.exceptions import UserError
from naa_lightning.models import LibraryModel, TrainedModel
from naa_lightning.models.saved import library_of
from naa_lightning.models.weights import check_weights_file
from naa_lightning.training import Augmentation, Recipe, Robustness, TrainingLoss, TrainingPlan


def plan_of(source: TrainedModel, key: str) -> TrainingPlan:
    """Return how a model's missing weights are to be made.

    Args:
        source: The description of the model, with its recipe.
        key: The place of the model in the configuration.

    Raises:
        UserError: Its recipe is refused.
    """
    return plan_training(source, source.recipe, source.models_dir, f"{key}.recipe.training", f"{key}.recipe.data")


def plan_training(
    source: LibraryModel, node: Mapping[str, Any], models_dir: str, key: str, data_key: str
) -> TrainingPlan:
    """Return how a network is trained.

    Args:
        source: Describes the network.
        node: The recipe as the configuration says it: `training` and `data`.
        models_dir: The folder of trained weights.
        key: The full key of `training` in the configuration.
        data_key: The full key of `data`.

    Raises:
        UserError: The recipe is refused, or the network could not be saved.
    """
    library_of(source)
    options = dict(node.get("training", {}))
    options["augmentation"] = build(Augmentation, options.get("augmentation", {}), f"{key}.augmentation")
    options["loss"] = build_part(TrainingLoss, _within_its_budget(options, key), f"{key}.loss")
    if options.get("robustness") is not None:
        options["robustness"] = build(Robustness, options["robustness"], f"{key}.robustness")
    recipe = build(Recipe, options, key)
    match recipe.start:
        case "random":
            pass
        case "published" if isinstance(source, TrainedModel):
            raise UserError(f"{key}.start=published: nobody publishes weights of {source.name}; give random or a file")
        case "published":
            try:
                source.check_published_weights()
            except UserError as error:
                raise UserError(f"{key}.start=published: {error}; or give a weights file as {key}.start") from error
        case file:
            check_weights_file(Path(file).expanduser(), f"{key}.start")
    return TrainingPlan(source, recipe, node, models_dir, data_key)


def check_that_recipes_hold(trainer: Node) -> None:
    """Check that a recipe alone says what weights depend on.

    Args:
        trainer: The options of Lightning's trainer.

    Raises:
        UserError: The trainer would change how long or in which steps a network is trained.
    """
    for key in ("max_epochs", "min_epochs", "max_steps", "min_steps", "gradient_clip_val", "accumulate_grad_batches"):
        if key in trainer:
            raise UserError(f"trainer.{key} would change what the recipe says: give training.epochs and such instead")


def _within_its_budget(options: Mapping[str, Any], key: str) -> Mapping[str, Any]:
    """Return the node of the loss, its budget that of the robustness which is measured, unless it has its own.

    Raises:
        UserError: It has neither.
    """
    loss: Mapping[str, Any] = options.get("loss") or {}
    if "eps" not in loss or loss["eps"] is not None:
        return loss
    if options.get("robustness") is None:
        raise UserError(f"{key}.loss.eps must be given, such as 8/255: there is no {key}.robustness that says it")
    return {**loss, "eps": options["robustness"].get("eps")}
