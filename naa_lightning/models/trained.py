"""Classifiers that this project trains itself."""

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from torch import nn

from naa_lightning.errors import UserError
from naa_lightning.models.classifier import Classifier
from naa_lightning.models.classifier_source import ClassifierSource, Preprocessing
from naa_lightning.models.small import SMALL_NETWORKS
from naa_lightning.models.weights import load_weights


@dataclass(frozen=True, kw_only=True)
class TrainedModel(ClassifierSource):
    """A small network with weights made by a recipe.

    Args:
        models_dir: Where trained weights are kept.
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
        if self.weights is not None:
            return Path(self.weights)
        network = repr(self.network(pretrained=False))
        made_of = [network, self.mean, self.std, self.input_size, self.recipe]
        digest = hashlib.sha256(json.dumps(made_of, sort_keys=True).encode()).hexdigest()
        return Path(self.models_dir) / f"{self.name}-{digest[:12]}.safetensors"

    def network(self, *, pretrained: bool) -> nn.Module:
        """Create the network."""
        network = SMALL_NETWORKS[self.architecture](self.num_classes)
        if pretrained:
            load_weights(network, self.weights_path)
        return network

    def published(self) -> Preprocessing:
        """Return what the recipe trains with."""
        assert self.mean is not None
        assert self.std is not None
        assert self.input_size is not None
        return Preprocessing(mean=self.mean, std=self.std, input_size=self.input_size)

    def check_published(self) -> None:
        """Nothing to fetch: missing weights are trained, if there is a recipe."""
        if not self.recipe and not self.weights_path.is_file():
            raise UserError(f"{self.name} has neither weights nor a recipe to train them: give `weights` or `recipe`")

    def untrained(self) -> Classifier:
        """Return the classifier as the recipe finds it."""
        return self.wrap(self.network(pretrained=False))
