"""Classifiers that are trained here: where the outcome of a training is kept, and the networks made for it."""

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from torch import nn

from naa_lightning.exceptions import ModelError
from naa_lightning.identity import results_depend_on
from naa_lightning.models.library_model import LibraryModel, Published
from naa_lightning.models.small import SMALL_NETWORKS
from naa_lightning.models.weights import load_weights


@dataclass(frozen=True, kw_only=True)
class TrainedModel(LibraryModel):
    """A small network with weights made by a recipe.

    Args:
        models_dir: The folder of trained weights.
        recipe: All that the weights depend on besides the network: the training's settings and its data. A digest
            of network and recipe is part of the weights' file name, so that others never find these weights.

    Raises:
        ValueError: The architecture is unknown, or mean, std and input size are not all given.
    """

    models_dir: str
    recipe: Mapping[str, Any] = field(default_factory=dict)

    def __post_init__(self) -> None:
        """Check the architecture's name and that the preprocessing is given."""
        super().__post_init__()
        if self.architecture not in SMALL_NETWORKS:
            raise ValueError(f"architecture must be one of {', '.join(SMALL_NETWORKS)}, got {self.architecture!r}")
        if self.mean is None or self.std is None or self.input_size is None:
            raise ValueError("mean, std and input_size must be given: no published weights say them")

    @property
    def weights_path(self) -> Path:
        """The file that holds the weights, or will hold them once they are trained."""
        return self.local_weights or trained_file(self, self.recipe, self.models_dir)

    def network(self, *, pretrained: bool) -> nn.Module:
        """Create the network."""
        network = SMALL_NETWORKS[self.architecture](self.outputs)
        if pretrained:
            load_weights(network, self.weights_path, self.weights_key)
        return network

    def published(self) -> Published:
        """Return what the recipe trains with."""
        assert self.mean is not None
        assert self.std is not None
        assert self.input_size is not None
        return Published(mean=self.mean, std=self.std, input_size=self.input_size, num_classes=self.outputs)

    def check_published_weights(self) -> None:
        """Nothing to fetch: missing weights are trained, if there is a recipe."""
        if not self.recipe and not self.weights_path.is_file():
            raise ModelError(f"{self.name} has neither weights nor a recipe to train them: give `weights` or `recipe`")


def trained_file(source: LibraryModel, recipe: Mapping[str, Any], models_dir: str) -> Path:
    """Return where the weights are kept that a recipe makes of a network."""
    digest = hashlib.sha256(json.dumps(made_of(source, recipe), sort_keys=True).encode()).hexdigest()
    return Path(models_dir).expanduser() / f"{source.name}-{digest[:12]}.safetensors"


def made_of(source: LibraryModel, recipe: Mapping[str, Any]) -> dict[str, Any]:
    """Return all that trained weights depend on, as plain values.

    Where a published data set or other models lie, and how many processes read images, are not among them.
    """
    made: dict[str, Any] = {
        "library": type(source).__name__,
        "architecture": source.architecture,
        "num_classes": source.num_classes,
        "create_kwargs": source.create_kwargs,
        "mean": source.mean,
        "std": source.std,
        "input_size": source.input_size,
        "recipe": results_depend_on({"training": recipe.get("training", {}), "data": recipe.get("data", {})}),
    }
    if (source.interpolation, source.antialias) != ("bilinear", False):
        made |= {"interpolation": source.interpolation, "antialias": source.antialias}
    others = {key: getattr(source, key) for key in ("value_range", "channels", "layout", "first_class", "weights_key")}
    made |= {key: value for key, value in others.items() if value}
    if isinstance(source, TrainedModel):
        made["network"] = repr(source.network(pretrained=False))
    return made
