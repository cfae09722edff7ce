"""One training: a network, what is done with it, and the file that it ends in."""

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

from naa_lightning.models import LibraryModel
from naa_lightning.models.trained import made_of, trained_file
from naa_lightning.training.recipe import Recipe


@dataclass(frozen=True)
class TrainingPlan:
    """What is trained, and how.

    Args:
        source: The description of the network.
        recipe: The way in which it is trained.
        node: The recipe as the configuration says it, `training` and `data`.
        models_dir: The folder of trained weights.
        data_key: The configuration key of the recipe's data.
    """

    source: LibraryModel
    recipe: Recipe
    node: Mapping[str, Any]
    models_dir: str
    data_key: str

    @cached_property
    def weights_path(self) -> Path:
        """The file that the weights will be in."""
        return trained_file(self.source, self.node, self.models_dir)

    @property
    def checkpoints(self) -> Path:
        """The folder of its checkpoints."""
        return self.weights_path.with_suffix("")

    @cached_property
    def made_of(self) -> dict[str, Any]:
        """All that the weights depend on, as plain values."""
        return made_of(self.source, self.node)
