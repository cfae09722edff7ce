"""What images that are there were crafted on and by: `craft=false`."""

import json
import logging
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

from hydra.conf import HydraConf
from hydra.core.override_parser.overrides_parser import OverridesParser
from omegaconf import DictConfig, OmegaConf, open_dict

from naa_lightning.exports import open_export

log = logging.getLogger(__name__)

_BUDGET, _AIM = "budget", "targeted"


class _Origin(NamedTuple):
    """The configuration of the run that made images, and the file that it stands in."""

    config: Mapping[str, Any]
    file: Path


def take_over_origin(config: DictConfig, hydra: HydraConf) -> None:
    """Take from the run that made the images what the command line does not name.

    These are its surrogate, its attack, the budget and the aim of that, its targets and their defences. Presets that
    the command line chooses count for targets and defences alone. Where no run made the images, surrogate and attack
    stay unknown unless the command line names them: the defaults crafted none of the images.

    Args:
        config: The composed configuration of a run that crafts nothing, which is changed.
        hydra: Hydra's own part of it.
    """
    named = [word.partition("=")[0].lstrip("+~") for word in hydra.overrides.task]
    folder = Path(config.adversarial_dir).expanduser().resolve()
    told = _told(folder)
    origin = _origin_in(told)
    if origin is None:
        if not any(key in {"surrogate", "surrogate@surrogate"} or key.startswith("surrogate.") for key in named):
            config.surrogate = None
        if not {"attack", "attack.name"} & set(named):
            names = [content["attack"] for content in told.values() if isinstance(content.get("attack"), str)]
            config.attack.name, config.attack.paper = next(iter(names), _run_of(folder).name), "unknown"
        return
    with open_dict(config):  # a part that the defaults have none of, such as smoothing, may be new
        taken = _take_over(config, origin.config, named)
    for word in OverridesParser.create().parse_overrides(list(hydra.overrides.task)):
        node, _, below = word.key_or_group.partition(".")
        if below and node in {"surrogate", "attack"} and config[node] is not None and not word.is_delete():
            OmegaConf.update(config, word.key_or_group, word.value(), force_add=True)
    if taken:
        log.info("%s as in %s", ", ".join(taken), origin.file)


def _take_over(config: DictConfig, recorded: Mapping[str, Any], named: Sequence[str]) -> list[str]:
    """Take over what is not named, and return its names for people."""
    taken = []
    places = OmegaConf.select(config, "paths.models_dir")
    if not {"surrogate", "surrogate@surrogate"} & set(named):
        config.surrogate = _literal(_found_again(recorded["surrogate"], places))
        taken.append(f"surrogate {config.surrogate.name if config.surrogate else 'unknown'}")
    attack = dict(recorded["attack"])
    parts = {key: attack.pop(key) for key in (_BUDGET, _AIM) if key in attack}
    if not any(key == "attack" or (key.startswith("attack/") and key != "attack/budget") for key in named):
        for key, value in attack.items():
            config.attack[key] = _literal(value)
        taken.append(f"attack {config.attack.name}")
    if _BUDGET in parts and "attack/budget" not in named:
        config.attack.budget = _literal(parts[_BUDGET])
        taken.append(_BUDGET)
    if _AIM in parts:
        config.attack.targeted = parts[_AIM]
        taken += ["targeted"] if parts[_AIM] else []
    for group in ("targets", "defences"):
        if group in recorded and not any(
            key in {group, "experiment"} or key.startswith(f"{group}.") or f"@{group}" in key for key in named
        ):
            config[group] = _literal(_found_again(recorded[group] or {}, places))
            taken += [group] if recorded[group] else []
    return taken


def _origin_in(told: Mapping[Path, Mapping[str, Any]]) -> _Origin | None:
    """Return the configuration of the run that made images, if what is told of them holds it."""
    for file, content in told.items():
        config = content.get("config")
        if (
            isinstance(config, Mapping)
            and config.get("craft", True)
            and isinstance(config.get("attack"), Mapping)
            and isinstance(config.get("surrogate", ...), Mapping | None)
        ):
            return _Origin(config, file)
    return None


def _run_of(images: Path) -> Path:
    return images.parent if images.name == "adversarial" else images


def _told(images: Path) -> dict[Path, Mapping[str, Any]]:
    """Read what stands in an export, or beside the images of a folder, of what made them."""
    if (export := open_export(images)) is not None:
        return {images: export.origin}
    found: dict[Path, Mapping[str, Any]] = {}
    for file in (_run_of(images) / name for name in ("crafting.json", "results.json")):
        try:
            content = json.loads(file.read_text(encoding="utf-8"))
        except (OSError, ValueError):
            continue  # a file of another tool, or what is left of one
        found |= {file: content} if isinstance(content, Mapping) else {}
    return found


def _found_again(value: Any, models_dir: str) -> Any:
    """Return values in which trained weights are looked for where they are now, if their folder is gone."""
    if not isinstance(value, Mapping):
        return value
    found = {key: _found_again(inner, models_dir) for key, inner in value.items()}
    if isinstance(found.get("models_dir"), str) and not Path(found["models_dir"]).is_dir():
        found["models_dir"] = models_dir
    return found


def _literal(value: Any) -> Any:
    """Return resolved values so that OmegaConf takes none of them for an interpolation."""
    if isinstance(value, Mapping):
        return {key: _literal(inner) for key, inner in value.items()}
    if isinstance(value, list):
        return [_literal(inner) for inner in value]
    return value.replace("${", "\\${") if isinstance(value, str) else value
