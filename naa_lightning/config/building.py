"""Building checked objects from a configuration, with errors in the user's words."""

import inspect
import re
from collections.abc import Callable, Mapping
from dataclasses import is_dataclass
from importlib import import_module
from inspect import isclass
from typing import Any, TypeVar, get_args, get_type_hints

from hydra.errors import InstantiationException
from hydra.utils import instantiate
from omegaconf import DictConfig, OmegaConf
from pydantic import ConfigDict, TypeAdapter, ValidationError, create_model

from naa_lightning.config.hydra_versions import INSTANTIATE_OPTIONS
from naa_lightning.config.schema import STRICT_KEYS, Node
from naa_lightning.config.trust import is_lightnings, is_own, trusted_values
from naa_lightning.exceptions import UserError, reason_of, suggest
from naa_lightning.identity import leaves

T = TypeVar("T")
_DETAIL = re.compile(r", (unable to|got) .*")  # what the value shows by itself


def plain_values(config: DictConfig) -> Node:
    """Resolve a composed configuration to plain values that name trusted code only.

    Raises:
        UserError: A part is not trusted, or a value is empty text.
        omegaconf.errors.OmegaConfBaseException: A value is missing or an interpolation fails.
    """
    values: Node = OmegaConf.to_container(config, resolve=True, throw_on_missing=True)  # type: ignore[assignment]
    for key, value in leaves(values):
        if value == "":
            raise UserError(f"{key} is empty: leave it out, give a value, or {key}=null for none")
    return trusted_values(values)


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
    _check_that_truth_is_no_number(get_type_hints(schema), node, key)
    try:
        return TypeAdapter(schema).validate_python(dict(node))
    except ValidationError as error:
        raise UserError(_explain(error, key, schema)) from error


def build(target: Callable[..., T], node: Mapping[str, Any], key: str) -> T:
    """Call `target` with a node's values as keyword arguments, after checking them against its signature.

    Raises:
        UserError: A key or value does not fit the signature, or `target` itself refuses a value.
    """
    if not isinstance(node, Mapping):
        raise UserError(f"{key} must give options by their names, got {node!r}")
    parameters = inspect.signature(target).parameters
    hints = get_type_hints(target if inspect.isfunction(target) else target.__init__)
    _check_that_truth_is_no_number(hints, node, key)
    fields: dict[str, Any] = {
        name: (hints.get(name, Any), ... if parameter.default is parameter.empty else parameter.default)
        for name, parameter in parameters.items()
        if parameter.kind not in {parameter.VAR_POSITIONAL, parameter.VAR_KEYWORD}
    }
    takes_any = any(parameter.kind is parameter.VAR_KEYWORD for parameter in parameters.values())
    # names such as a layer's may be digits, which YAML reads as a number
    config = STRICT_KEYS | ConfigDict(coerce_numbers_to_str=True, extra="allow" if takes_any else "forbid")
    try:
        options = create_model("Options", __config__=config, **fields).model_validate(dict(node))
    except ValidationError as error:
        raise UserError(_explain(error, key, target)) from error
    try:
        return target(**{name: getattr(options, name) for name in node})
    except ValueError as error:
        raise UserError(f"{key}: {error}") from error


def build_part(kind: type[T], node: Mapping[str, Any], key: str, **extra: Any) -> T:
    """Build what a node's `_target_` names, whose arguments are checked as `build` does.

    Args:
        kind: The class that the part must have. What is known to be of another one is not built.
        node: Plain, resolved values; `naa_lightning.config.trust` says which parts they may name.
        key: The full key of the node in the configuration.
        **extra: Further arguments, which win over the node's.

    Raises:
        UserError: The target is missing, not found or of another kind, or its arguments are refused.
    """
    path = node.get("_target_")
    if not isinstance(path, str):
        raise UserError(f"{key} must name what it builds in {key}._target_")
    target = _found(path, key)
    promised = target if isclass(target) else get_type_hints(target).get("return", object)
    if not issubclass(promised, kind) and (promised is not object or not is_own(path)):
        raise UserError(f"{key}._target_ must build {kind.__name__}, which {path} does not")
    if is_lightnings(path):
        part: Any = _instantiated(node, key, extra)
    else:
        part = build(target, {**{name: value for name, value in node.items() if name != "_target_"}, **extra}, key)
    if not isinstance(part, kind):
        raise UserError(f"{key}._target_ must build {kind.__name__}, {path} gives {type(part).__name__}")
    return part


def _found(path: str, key: str) -> Any:
    module, _, name = path.rpartition(".")
    try:
        return getattr(import_module(module), name)
    except (AttributeError, ValueError):
        raise UserError(f"{key}._target_ names {path}, which does not exist") from None
    except Exception as error:  # of the user's own module, in which anything can fail
        if isinstance(error, ModuleNotFoundError) and f"{module}.".startswith(f"{error.name}."):
            raise UserError(f"{key}._target_ names {path}, which does not exist: there is no {error.name}") from None
        raise UserError(f"{key}._target_: {module} cannot be imported: {reason_of(error)}") from error


def _instantiated(node: Mapping[str, Any], key: str, extra: Mapping[str, Any]) -> Any:
    try:
        return instantiate(node, _convert_="all", **INSTANTIATE_OPTIONS, **extra)
    except Exception as error:  # of the other package, in which anything can fail; Hydra 1.3 wraps it
        wrapped = error.__cause__ if isinstance(error, InstantiationException) else None
        raise UserError(f"{key}: {reason_of(wrapped or error)}") from error


def _check_that_truth_is_no_number(hints: Mapping[str, Any], node: Mapping[str, Any], key: str) -> None:
    """Refuse true and false where a number is meant, which pydantic takes for 1 and 0.

    Raises:
        UserError: There is one.
    """
    for name, value in node.items():
        full = f"{key}.{name}".strip(".")
        hint = hints.get(name, Any)
        kinds = {hint, *get_args(hint)}
        if isinstance(value, bool) and kinds & {int, float} and bool not in kinds:
            raise UserError(f"{full} must be a number, got {str(value).lower()}")
        if isinstance(value, Mapping) and is_dataclass(hint):
            _check_that_truth_is_no_number(get_type_hints(hint), value, full)


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
            message = problem["msg"].removeprefix("Value error, ")
            said = (
                _DETAIL.sub("", message)
                .replace("Input should be", "must be")
                .replace("an instance of Sequence", "a list")
            )
            ours = problem["type"] == "value_error"  # names its key
            sentences.append(message if ours else f"{full} {said}, got {problem['input']!r}")
    return "; ".join(sentences)


def _options(target: Any, parents: list[str]) -> list[str]:
    for parent in parents:
        target = get_type_hints(target).get(parent, target)
    return [name for name in inspect.signature(target).parameters if not name.startswith("_")]
