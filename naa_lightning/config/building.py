"""Building checked objects from a configuration, with errors in the user's words."""

import inspect
from collections.abc import Callable, Iterable, Mapping
from difflib import get_close_matches
from importlib import import_module
from typing import Any, TypeVar, get_type_hints

from hydra.errors import InstantiationException
from hydra.utils import instantiate
from omegaconf import DictConfig, OmegaConf
from pydantic import TypeAdapter, ValidationError, create_model

from naa_lightning.config.hydra_versions import INSTANTIATE_OPTIONS, TRUSTED_PACKAGES
from naa_lightning.config.schema import STRICT_KEYS, Node
from naa_lightning.exceptions import UserError, reason_of

T = TypeVar("T")


def plain_values(config: DictConfig) -> Node:
    """Resolve a composed configuration to plain values.

    Raises:
        omegaconf.errors.OmegaConfBaseException: A value is missing or an interpolation fails.
    """
    values: Node = OmegaConf.to_container(config, resolve=True, throw_on_missing=True)  # type: ignore[assignment]
    return values


def validated(schema: type[T], node: Mapping[str, Any], key: str = "") -> T:
    """Return a node as its schema, every key and value checked.

    Args:
        schema: A dataclass.
        node: Plain, resolved values.
        key: The full key of the node in the configuration.

    Raises:
        UserError: A key is unknown or missing, or a value is of the wrong type or out of range.

    Example:
        >>> from naa_lightning.config.schema import ExtrasNode
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
        UserError: A key or value does not fit the signature, or `target` itself refuses a value.
    """
    parameters = inspect.signature(target).parameters
    hints = get_type_hints(target if inspect.isfunction(target) else target.__init__)
    fields: dict[str, Any] = {
        name: (hints.get(name, Any), ... if parameter.default is parameter.empty else parameter.default)
        for name, parameter in parameters.items()
    }
    try:
        options = create_model("Options", __config__=STRICT_KEYS, **fields).model_validate(dict(node))
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
        key: The full key of the node in the configuration.
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
    except Exception as error:  # of the other package, in which anything can fail; Hydra 1.3 wraps it
        wrapped = error.__cause__ if isinstance(error, InstantiationException) else None
        raise UserError(f"{key}: {reason_of(wrapped or error)}") from error


def expect(kind: type[T], value: Any, key: str) -> T:
    """Return what `build_target` built if it is of a kind.

    Raises:
        UserError: It is not.
    """
    if not isinstance(value, kind):
        raise UserError(f"{key}._target_ must build {kind.__name__}, it builds {type(value).__name__}")
    return value


def build_part(kind: type[T], node: Mapping[str, Any], key: str) -> T:
    """Build what a node's `_target_` names, which must be of a kind.

    Args:
        kind: The class that the configuration's part must have.
        node: Plain, resolved values.
        key: The full key of the node in the configuration.

    Raises:
        UserError: The part cannot be built, or is of another kind.
    """
    return expect(kind, build_target(node, key), key)


def suggest(name: str, options: Iterable[str], *, all_of_them: bool = False) -> str:
    """Return the remedy for a name that does not exist: the closest of its options, or where none is close, all.

    Args:
        name: The name as the user gave it.
        options: The names that exist.
        all_of_them: Whether all options are listed in any case.

    Example:
        >>> suggest("gama", ["gamma", "noise"]), suggest("x", ["gamma", "noise"])
        ('did you mean gamma?', 'there are gamma, noise')
    """
    options = list(options)
    close = [f"did you mean {name}?" for name in get_close_matches(name, options, n=1)]
    listed = [f"there are {', '.join(options)}"] if all_of_them or not close else []
    return " ".join([*close, *listed])


def _explain(error: ValidationError, key: str, target: Any) -> str:
    sentences = []
    for problem in error.errors():
        *parents, name = [str(part) for part in problem["loc"]] or [""]
        full = ".".join(filter(None, [key, *parents, name]))
        if problem["type"] in {"extra_forbidden", "unexpected_keyword_argument"}:
            sentences.append(f"there is no option {full}; {suggest(name, _options(target, parents))}")
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
