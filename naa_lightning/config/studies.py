"""The options of studies."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from naa_lightning.attribution import Method, Path
from naa_lightning.config.building import build, build_part
from naa_lightning.config.schema import Node
from naa_lightning.validation import check_at_least


class Study:
    """Any study."""


@dataclass(frozen=True)
class Candidate:
    """A method with a number of points.

    Args:
        name: The name of the method in the configuration.
        points: The number of points on its path; None for a method without a path.
        method: The method.
    """

    name: str
    points: int | None
    method: Method


@dataclass(frozen=True, kw_only=True)
class AttributionStudy(Study):
    """How well do attribution methods approximate exact neuron attribution, and at what cost?

    Args:
        layers: Names of the surrogate's layers; None for the attacked ones.
        ids: Ids of the images; None for all of the data set.
        methods: Configurations of methods of `naa_lightning.attribution`, by name.
        points: Numbers of path points, for methods whose path says none.
        reference: The configuration of the method that the others are compared with, with its number of points; None
            for exact attribution, as `attribution` of the run's configuration says.

    Raises:
        ValueError: There is no method or number of points.
        UserError: A method refuses its configuration.
    """

    methods: Mapping[str, Node]
    points: Sequence[int]
    layers: Sequence[str] | None = None
    ids: Sequence[int] | None = None
    reference: Node | None = None

    def __post_init__(self) -> None:
        if not self.methods:
            raise ValueError("methods must name at least one")
        if not self.points:
            raise ValueError("points must name at least one number")
        self.candidates()
        self.reference_method()

    def candidates(self) -> list[Candidate]:
        """Return every method with every number of points."""
        return [
            candidate
            for name, node in self.methods.items()
            for candidate in _candidates(name, node, f"study.methods.{name}", self.points)
        ]

    def reference_method(self) -> Method | None:
        """Return the reference, if it is another than exact attribution."""
        if self.reference is None:
            return None
        return _candidates("reference", self.reference, "study.reference", points=())[0].method


def _candidates(name: str, node: Node, key: str, points: Sequence[int]) -> list[Candidate]:
    if "path" not in node:
        return [Candidate(name, None, build_part(Method, node, key))]
    path = node["path"]
    points = [path["points"]] if "points" in path else points
    if not points:
        raise ValueError(f"{key}.path.points must be given")
    found = []
    for number in points:
        walked = build(Path, {**path, "points": number}, f"{key}.path")
        found.append(Candidate(name, number, build_part(Method, node, key, path=walked)))
    return found


@dataclass(frozen=True, kw_only=True)
class LayerStudy(Study):
    """Which of a surrogate's layers should be attacked?

    Args:
        layers: Names of the candidates; None for those that a pass through the network finds.
        depth: The largest number of dotted parts in a found name: 1 for `layer2`, 2 for `layer2.3`.
        candidates: The largest number of candidates, spread evenly over the list of those found; None for all.
        branches: Whether layers are found that other layers run beside; see
            `naa_lightning.models.candidates.candidate_layers`.
    """

    layers: Sequence[str] | None = None
    depth: int = 2
    candidates: int | None = 12
    branches: bool = False

    def __post_init__(self) -> None:
        if self.layers is not None and not 0 < len(set(self.layers)) == len(self.layers):
            raise ValueError(f"layers must name each candidate once, got [{', '.join(self.layers)}]")
        check_at_least("depth", self.depth, 1)
        if self.candidates is not None:
            check_at_least("candidates", self.candidates, 2)
