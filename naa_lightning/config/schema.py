"""Checking a composed configuration and building objects from it, with errors in the user's words."""

import inspect
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from difflib import get_close_matches
from importlib import import_module
from typing import Any, Literal, TypeVar, get_type_hints

from hydra.errors import InstantiationException
from hydra.utils import instantiate
from pydantic import ConfigDict, TypeAdapter, ValidationError, create_model

from naa_lightning.config.hydra_versions import INSTANTIATE_OPTIONS, TRUSTED_PACKAGES
from naa_lightning.exceptions import UserError
from naa_lightning.validation import check_at_least

T = TypeVar("T")
Node = dict[str, Any]

_STRICT_KEYS = ConfigDict(extra="forbid", arbitrary_types_allowed=True)


@dataclass(frozen=True, kw_only=True)
class AttackNode:
    """`attack`: a published attack as its parts."""

    __pydantic_config__ = _STRICT_KEYS

    name: str
    paper: str
    year: int
    gradient_evaluations: int
    objective: Node
    update: Node
    budget: Node
    transforms: dict[str, Node] = field(default_factory=dict)
    smoothing: Node | None = None
    targeted: bool = False


@dataclass(frozen=True, kw_only=True)
class EnsembleNode:
    """`surrogate`, where it is several: each member as a surrogate alone would be."""

    __pydantic_config__ = _STRICT_KEYS

    name: str
    members: dict[str, Node]
    combine: Literal["logits", "losses"] = "logits"


@dataclass(frozen=True, kw_only=True)
class PathsNode:
    """`paths`: where things are read and written."""

    __pydantic_config__ = _STRICT_KEYS

    output_dir: str
    run_dir: str
    data_dir: str
    models_dir: str
    cifar10_dir: str | None = None


@dataclass(frozen=True, kw_only=True)
class ExtrasNode:
    """`extras`: what the terminal shows."""

    __pydantic_config__ = _STRICT_KEYS

    print_config: bool
    ignore_warnings: bool


@dataclass(frozen=True, kw_only=True)
class ReportNode:
    """`report`: what is shown."""

    __pydantic_config__ = _STRICT_KEYS

    panel_images: int
    extreme_images: int
    attention_images: int
    attention_ids: list[int] | None
    baseline: str | None = None

    def __post_init__(self) -> None:
        check_at_least("report.panel_images", self.panel_images, 0)
        check_at_least("report.extreme_images", self.extreme_images, 0)
        check_at_least("report.attention_images", self.attention_images, 0)


@dataclass(frozen=True, kw_only=True)
class AttributionNode:
    """`attribution`: how exact neuron attribution is computed, and of how many images."""

    __pydantic_config__ = _STRICT_KEYS

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

    __pydantic_config__ = _STRICT_KEYS

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
    craft: bool = True
    adversarial_dir: str | None = None
    surrogate: Node | None = None
    study: Node | None = None
    targets: dict[str, Node] = field(default_factory=dict)
    defences: dict[str, Node] = field(default_factory=dict)
    logger: dict[str, Node] | None = None
    callbacks: dict[str, Node] | None = None

    def __post_init__(self) -> None:
        check_at_least("seed", self.seed, 0)


@dataclass(frozen=True, kw_only=True)
class TrainRun:
    """The whole of `train.yaml`, composed."""

    __pydantic_config__ = _STRICT_KEYS

    task_name: str
    tags: list[str]
    surrogate: Node
    usual_training: Node
    trainer: Node
    paths: PathsNode
    extras: ExtrasNode
    training: Node | None = None
    loss: Node | None = None
    data: Node | None = None
    ckpt_path: str | None = None
    logger: dict[str, Node] | None = None
    callbacks: dict[str, Node] | None = None


def validated(schema: type[T], node: Mapping[str, Any], key: str = "") -> T:
    """Return a node as its schema, every key and value checked.

    Args:
        schema: A dataclass.
        node: Plain, resolved values.
        key: Where the node stands in the configuration.

    Raises:
        UserError: A key is unknown or missing, or a value is of the wrong type or out of range.

    Example:
        >>> validated(ExtrasNode, {"print_config": True, "ignore_warnigns": True}, "extras")
        Traceback (most recent call last):
        ...
        naa_lightning.exceptions.UserError: extras.ignore_warnings must be given; there is no option \
extras.ignore_warnigns; did you mean ignore_warnings?
    """
    try:
        return TypeAdapter(schema).validate_python(dict(node))
    except ValidationError as error:
        raise UserError(_explain(error, key, schema)) from error


def build(target: Callable[..., T], node: Mapping[str, Any], key: str) -> T:
    """Call `target` with a node's values as keyword arguments, after checking them against its signature.

    Raises:
        UserError: As `validated`, or `target` itself refuses a value.
    """
    parameters = inspect.signature(target).parameters
    hints = get_type_hints(target if inspect.isfunction(target) else target.__init__)
    fields: dict[str, Any] = {
        name: (hints.get(name, Any), ... if parameter.default is parameter.empty else parameter.default)
        for name, parameter in parameters.items()
    }
    try:
        options = create_model("Options", __config__=_STRICT_KEYS, **fields).model_validate(dict(node))
    except ValidationError as error:
        raise UserError(_explain(error, key, target)) from error
    try:
        return target(**{name: getattr(options, name) for name in node})
    except ValueError as error:
        raise UserError(f"{key}: {error}") from error


def build_target(node: Mapping[str, Any], key: str, **extra: Any) -> Any:
    """Build what a node's `_target_` names; parts of this package are checked as `build` does.

    Args:
        node: Plain, resolved values.
        key: Where the node stands in the configuration.
        **extra: Further arguments, which win over the node's.

    Raises:
        UserError: The target is missing, not found or not trusted, or its arguments are refused.
    """
    path = node.get("_target_")
    if not isinstance(path, str):
        raise UserError(f"{key} must name what it builds in {key}._target_")
    if path.split(".")[0] not in TRUSTED_PACKAGES:
        raise UserError(f"{key}._target_ must be in one of {', '.join(TRUSTED_PACKAGES)}, got {path}")
    module, _, name = path.rpartition(".")
    try:
        target = getattr(import_module(module), name)
    except (ImportError, AttributeError, ValueError):
        raise UserError(f"{key}._target_ names {path}, which does not exist") from None
    if path.startswith("naa_lightning."):
        return build(target, {**{k: v for k, v in node.items() if k != "_target_"}, **extra}, key)
    try:
        return instantiate(node, _convert_="all", **INSTANTIATE_OPTIONS, **extra)
    except InstantiationException as error:
        reason = error.__cause__ or error
        raise UserError(f"{key}: {str(reason).splitlines()[0]}") from error


def expect(kind: type[T], value: Any, key: str) -> T:
    """Return what `build_target` built if it is of a kind.

    Raises:
        UserError: It is not.
    """
    if not isinstance(value, kind):
        raise UserError(f"{key}._target_ must build {kind.__name__}, it builds {type(value).__name__}")
    return value


def _explain(error: ValidationError, key: str, target: Any) -> str:
    sentences = []
    for problem in error.errors():
        *parents, name = [str(part) for part in problem["loc"]] or [""]
        full = ".".join(filter(None, [key, *parents, name]))
        if problem["type"] in {"extra_forbidden", "unexpected_keyword_argument"}:
            close = get_close_matches(name, _options(target, parents), n=1)
            remedy = f"; did you mean {close[0]}?" if close else f"; there are {', '.join(_options(target, parents))}"
            sentences.append(f"there is no option {full}{remedy}")
        elif problem["type"] in {"missing", "missing_keyword_only_argument"}:
            sentences.append(f"{full} must be given")
        else:
            message = problem["msg"].removeprefix("Value error, ").replace("Input should be", "must be")
            ours = problem["type"] == "value_error"  # names its key
            sentences.append(message if ours else f"{full} {message}, got {problem['input']!r}")
    return "; ".join(sentences)


def _options(target: Any, parents: list[str]) -> list[str]:
    for parent in parents:
        target = get_type_hints(target).get(parent, target)
    return [name for name in inspect.signature(target).parameters if not name.startswith("_")]
