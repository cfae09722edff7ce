"""All that a study found: `layers.json` and `attribution.json`."""

from collections.abc import Mapping
from pathlib import Path
from typing import ClassVar, Literal

from naa_lightning.records.json_file import Part, read_as, write_as
from naa_lightning.records.provenance import Provenance
from naa_lightning.records.targets import EstimateResult, Headline, RateResult


class LayerResult(Part):
    """How well images transfer that are crafted on one layer.

    Args:
        name: The dotted name of the layer.
        shape: The shape of its output for one image.
        progress: The share of the network that has run when it has, in (0, 1].
        verdict: "recommended"; "as good" where the paired interval of the difference to that layer reaches 0; "worse";
            None where no image counts.
        black_box_mean: The mean over black-box targets of the headline rate.
        difference: The difference of this mean to that of the recommended layer.
        targets: The headline rate of each target.
        seconds_per_image: Mean crafting time.
    """

    name: str
    shape: tuple[int, ...]
    progress: float
    verdict: Literal["recommended", "as good", "worse"] | None
    black_box_mean: EstimateResult
    difference: EstimateResult
    targets: dict[str, RateResult]
    seconds_per_image: float


class MethodResult(Part):
    """How well a method with a number of points agrees with the reference at one layer; means over the images.

    A mean is None where no image has the number, as where all attributions are 0.

    Args:
        layer: The name of the layer, with the model's in front where there are several models.
        method: The name of the method in the configuration, or "reference".
        points: Number of points on the path; None for a method without a path.
        gradient_evaluations: Number of gradients per image.
        completeness_gap: The gap of `naa_lightning.metrics.AttributionMetric`.
        cosine: Cosine similarity with the reference.
        rank_correlation: Rank correlation with the reference.
        positive_share, participation, gini: The statistics of `naa_lightning.metrics.AttributionMetric`.
        seconds: Seconds per image.
    """

    layer: str
    method: str
    points: int | None
    gradient_evaluations: int
    completeness_gap: float | None
    cosine: float | None
    rank_correlation: float | None
    positive_share: float | None
    participation: float | None
    gini: float | None
    seconds: float


class StudyResults(Provenance):
    """What any study tells of itself.

    Args:
        seconds: The time of the last call.
    """

    seconds: float | None = None


class LayerStudyResults(StudyResults):
    """Which layer of a surrogate should be attacked.

    Args:
        rate: The name of the headline rate.
        white_box: The names of the targets that were attacked.
        recommended: The name of the layer whose images transfer best; None where no image counts.
        layers: The layers, in the order of the network.
    """

    FILE_NAME: ClassVar = "layers.json"

    rate: Headline
    white_box: tuple[str, ...]
    recommended: str | None
    layers: tuple[LayerResult, ...]

    @property
    def best(self) -> LayerResult | None:
        """The recommended layer."""
        return next((layer for layer in self.layers if layer.verdict == "recommended"), None)

    @property
    def equals(self) -> list[str]:
        """The names of the layers that are as good."""
        return [layer.name for layer in self.layers if layer.verdict == "as good"]


class AttributionStudyResults(StudyResults):
    """How well attribution methods approximate a reference.

    Args:
        methods: The methods with each number of points at each layer, the reference of a layer first.
    """

    FILE_NAME: ClassVar = "attribution.json"

    methods: tuple[MethodResult, ...]

    @property
    def by_layer(self) -> Mapping[str, list[MethodResult]]:
        """The methods at each layer, the reference first."""
        found: dict[str, list[MethodResult]] = {}
        for method in self.methods:
            found.setdefault(method.layer, []).append(method)
        return found


def write_study(folder: Path, results: LayerStudyResults | AttributionStudyResults) -> None:
    """Write a study's JSON file into its folder."""
    write_as(results, folder / results.FILE_NAME)


def read_study(folder: Path) -> LayerStudyResults | AttributionStudyResults | None:
    """Read the study of a folder; None where there is none.

    Raises:
        UserError: Its file is not what a study writes, or is of a later version.
    """
    kinds: tuple[type[LayerStudyResults | AttributionStudyResults], ...] = (LayerStudyResults, AttributionStudyResults)
    return next((read_as(kind, path) for kind in kinds if (path := folder / kind.FILE_NAME).is_file()), None)
