"""Several classifiers attacked as one."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

import torch
from torch import Tensor, nn

from naa_lightning.models.as_classifier import as_classifier
from naa_lightning.models.classifier import Classifier
from naa_lightning.models.classifier_source import ClassifierSource

Combine = Literal["logits", "losses"]


class Ensemble(nn.Module):
    """Classifiers that an attack is to fool together.

    An objective of logits is computed on the members' mean logits (Dong et al., 2018), or on each member and averaged.
    A feature-level objective is computed on each attacked layer of each member and averaged.

    Args:
        members: The classifiers, which tell apart the same classes; another module becomes one by `as_classifier`.
        combine: The terms that an objective of logits averages: "logits" or "losses".

    Raises:
        ValueError: There is no member, or `combine` is unknown.

    Example:
        >>> network = nn.Sequential(nn.AdaptiveAvgPool2d(1), nn.Flatten())
        >>> bright = Classifier(network, mean=[0.0] * 3, std=[1.0] * 3)
        >>> dark = Classifier(network, mean=[1.0] * 3, std=[1.0] * 3)
        >>> Ensemble([bright, dark])(torch.ones(1, 3, 2, 2))
        tensor([[0.5000, 0.5000, 0.5000]])
    """

    def __init__(self, members: Sequence[nn.Module], combine: Combine = "logits") -> None:
        super().__init__()
        if not members:
            raise ValueError("an ensemble needs at least one member")
        if combine not in {"logits", "losses"}:
            raise ValueError(f"combine must be logits or losses, got {combine!r}")
        classifiers = nn.ModuleList(as_classifier(member) for member in members)
        self.members: Sequence[Classifier] = classifiers  # type: ignore[assignment]
        self.combine = combine

    @property
    def num_classes(self) -> int | None:
        """The number of classes; None where no member knows it before it runs."""
        return next((member.num_classes for member in self.members if member.num_classes is not None), None)

    def forward(self, images: Tensor) -> Tensor:
        """Return the members' mean logits (B, K) of images (B, 3, H, W) in [0, 1]."""
        return torch.stack([member(images) for member in self.members]).mean(0)

    def tempered(self, temperature: float) -> "Ensemble":
        """Return an ensemble of the members with their logits divided by a temperature; see `Classifier.tempered`."""
        return Ensemble([member.tempered(temperature) for member in self.members], self.combine)

    def layer_views(self) -> list[Classifier]:
        """Return each member once for each of its attacked layers.

        Raises:
            LayerError: A member has no attacked layer.
        """
        return [view for member in self.members for view in member.layer_views()]


def as_surrogate(model: nn.Module) -> Classifier | Ensemble:
    """Return an ensemble as it is, and of any other network a classifier; see `as_classifier`."""
    return model if isinstance(model, Ensemble) else as_classifier(model)


@dataclass(frozen=True)
class EnsembleSource:
    """Describes an ensemble without loading it.

    Args:
        name: The name in tables and files.
        members: The descriptions of the classifiers.
        combine: The terms that are averaged, see `Ensemble`.

    Raises:
        ValueError: There is no member, or members tell apart different numbers of classes.
    """

    name: str
    members: Sequence[ClassifierSource]
    combine: Combine = "logits"

    def __post_init__(self) -> None:
        if not self.members:
            raise ValueError("an ensemble needs members")
        if len({member.num_classes for member in self.members}) > 1:
            numbers = ", ".join(f"{member.name} {member.num_classes}" for member in self.members)
            raise ValueError(f"members must tell apart the same classes, got {numbers}")

    def build(self) -> Ensemble:
        """Load the members, in evaluation mode.

        Raises:
            ModelError: As `ClassifierSource.build`.
        """
        return Ensemble([member.build() for member in self.members], self.combine).eval()
