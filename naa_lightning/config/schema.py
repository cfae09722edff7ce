"""The parts of a composed configuration, with the type of every value."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any, Literal

from pydantic import ConfigDict

from naa_lightning.validation import check_at_least, check_file_name

Node = dict[str, Any]

STRICT_KEYS = ConfigDict(extra="forbid", arbitrary_types_allowed=True)


@dataclass(frozen=True, kw_only=True)
class AttackNode:
    """`attack`: a published attack as its parts."""

    __pydantic_config__ = STRICT_KEYS

    name: str
    paper: str
    year: int
    gradient_evaluations: int
    objective: Node
    update_rule: Node
    budget: Node
    transforms: dict[str, Node] = field(default_factory=dict)
    smoothing: Node | None = None
    targeted: bool = False
    temperature: float = 1.0

    def __post_init__(self) -> None:
        check_file_name("attack.name", self.name)


@dataclass(frozen=True, kw_only=True)
class EnsembleNode:
    """`surrogate`, where it is several: each member as a surrogate alone would be."""

    __pydantic_config__ = STRICT_KEYS

    name: str
    members: dict[str, Node]
    combine: Literal["logits", "losses"] = "logits"


@dataclass(frozen=True, kw_only=True)
class PathsNode:
    """`paths`: where things are read and written."""

    __pydantic_config__ = STRICT_KEYS

    output_dir: str
    run_dir: str
    data_dir: str
    models_dir: str
    cifar10_dir: str | None = None


@dataclass(frozen=True, kw_only=True)
class ExtrasNode:
    """`extras`: what the terminal shows, and what a run must be told."""

    __pydantic_config__ = STRICT_KEYS

    print_config: bool
    ignore_warnings: bool
    enforce_tags: bool = False

    def check_tags(self, tags: Sequence[str]) -> None:
        """Check that a run has tags where it must.

        Raises:
            ValueError: It has none.
        """
        if self.enforce_tags and not tags:
            raise ValueError("extras.enforce_tags=true, and the run has no tags: give tags=[NAME]")


@dataclass(frozen=True, kw_only=True)
class ReportNode:
    """`report`: what is shown."""

    __pydantic_config__ = STRICT_KEYS

    first_images: int
    extreme_images: int
    attention_images: int
    attention_ids: list[int] | None
    baseline: str | None = None

    def __post_init__(self) -> None:
        check_at_least("report.first_images", self.first_images, 0)
        check_at_least("report.extreme_images", self.extreme_images, 0)
        check_at_least("report.attention_images", self.attention_images, 0)


@dataclass(frozen=True, kw_only=True)
class AttributionNode:
    """`attribution`: how exact neuron attribution is computed, and of how many images."""

    __pydantic_config__ = STRICT_KEYS

    exact_images: int
    output: Literal["probability", "logit", "margin"]
    baseline: str
    baselines: int
    rule: str
    path_points: int
    images_per_pass: int

    def __post_init__(self) -> None:
        check_at_least("attribution.exact_images", self.exact_images, 0)
        check_at_least("attribution.baselines", self.baselines, 1)
        check_at_least("attribution.images_per_pass", self.images_per_pass, 1)


@dataclass(frozen=True, kw_only=True)
class AttackRun:
    """The whole of `attack.yaml`, composed."""

    __pydantic_config__ = STRICT_KEYS

    task_name: str
    seed: int
    tags: list[str]
    attack: AttackNode
    data: Node
    trainer: Node
    engine: Node
    paths: PathsNode
    extras: ExtrasNode
    report: ReportNode
    attribution: AttributionNode
    preflight: bool = True
    craft: bool = True
    adversarial_dir: str | None = None
    surrogate: Node | None = None
    study: Node | None = None
    targets: dict[str, Node] = field(default_factory=dict)
    defences: dict[str, Node] = field(default_factory=dict)
    logger: dict[str, Node] | None = None
    callbacks: dict[str, Node] | None = None
    trust: list[str] = field(default_factory=list)

    def __post_init__(self) -> None:
        check_file_name("task_name", self.task_name)
        check_at_least("seed", self.seed, 0)
        self.extras.check_tags(self.tags)


@dataclass(frozen=True, kw_only=True)
class TrainRun:
    """The whole of `train.yaml`, composed."""

    __pydantic_config__ = STRICT_KEYS

    task_name: str
    tags: list[str]
    surrogate: Node
    standard_training: Node
    trainer: Node
    paths: PathsNode
    weights_dir: str
    extras: ExtrasNode
    seed: int | None = None
    training: Node = field(default_factory=dict)
    data: Node = field(default_factory=dict)
    ckpt_path: str | None = None
    logger: dict[str, Node] | None = None
    callbacks: dict[str, Node] | None = None
    trust: list[str] = field(default_factory=list)

    def __post_init__(self) -> None:
        check_file_name("task_name", self.task_name)
        self.extras.check_tags(self.tags)
