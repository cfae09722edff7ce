"""What Hydra cannot compose, in the user's words and with what there is instead."""

import re
import shlex
import sys

from hydra import initialize_config_dir
from hydra.core.config_loader import ConfigLoader
from hydra.core.global_hydra import GlobalHydra
from hydra.core.override_parser.overrides_parser import OverridesParser
from hydra.errors import HydraException, MissingConfigException, OverrideParseException
from omegaconf.errors import InterpolationToMissingValueError, MissingMandatoryValue, OmegaConfBaseException

from naa_lightning.config.hydra_versions import VERSION_BASE
from naa_lightning.config.overrides import as_override
from naa_lightning.exceptions import suggest
from naa_lightning.shipped import CONF

# Configurations that are found only where an extra is installed.
_EXTRAS = {"hydra/sweeper/optuna": "search"}
# By Hydra 1.3, and by 1.4.
_PRESET = re.compile(r"In '(\w+/\w+)': (?:Could not override|Invalid Defaults List override) '/?([\w/]+)")
_NO_NAME = "Config group override must be a string or a list. Got "
_NEEDED = {"attack", "data", "trainer", "training", "paths", "extras"}


def explain(error: Exception) -> str | None:
    """Return what is wrong with a command line or a preset, None where Hydra's own words say it or it is no such error.

    Args:
        error: Any error.
    """
    text = str(error)
    match error:
        case MissingMandatoryValue() | InterpolationToMissingValueError():
            read_from = re.search(r"resolving interpolation: Missing mandatory value: (\S+)", text)
            return f"{read_from[1] if read_from else error.full_key} must be given"
        case MissingConfigException() if "/" in (error.missing_cfg_file or ""):
            return _about_an_option(error)
        case HydraException() if "hydra.mode changed during config composition" in text:
            return "this preset is a sweep, which Hydra 1.4 is to be told on the command line: give -m"
        case HydraException() if found := _PRESET.search(text):
            return _about_a_preset(*found.groups())
        case ValueError() if text.startswith(_NO_NAME):
            return _about_no_name()
    return _about_an_override(error)


def _about_an_override(error: Exception) -> str | None:
    if isinstance(error, OverrideParseException):
        return _about_a_value(error.override) or f"{error.override} cannot be read: {str(error).splitlines()[0]}"
    named = re.search(r"Could not override '([^']+)'|Override \+?(\S+) looks like", str(error))
    key = (named[1] or named[2]).partition("=")[0].partition("@")[0] if named else None
    return _about_a_key(key, error.__cause__) if key else None


def _about_a_value(override: str) -> str | None:
    """Say how a value is quoted that Hydra reads as a part of its own grammar; None where that does not help."""
    key, is_given, value = override.partition("=")
    if not is_given:
        return f"{override} has no value: give {override}=VALUE"
    value = value.strip().strip("\"'")
    quoted = as_override(key, value)
    try:
        read = OverridesParser.create().parse_override(quoted).value()
    except HydraException:
        return None
    if value.startswith(("[", "{")) or read != value:
        return None
    return f"{override} holds characters that Hydra reads otherwise: give {shlex.quote(quoted)}"


def _about_no_name() -> str:
    """Say what to give instead of `group=null`, or of a number."""
    chosen = dict(word.partition("=")[::2] for word in sys.argv[1:] if re.search(r"=(null|true|false|[\d.+-]+)$", word))
    groups = {key: value for key, value in chosen.items() if key.rpartition("/")[2] in _groups(key.rpartition("/")[0])}
    for group, value in groups.items():
        if group in _NEEDED or value != "null":
            options = suggest(value, _loader().get_group_options(group), all_of_them=True)
            return f"{group}={value} chooses nothing: leave it out, or give another; {options}"
    empty = " ".join(f"{group}=[]" for group in groups) or "GROUP=[]"
    return f"nothing of a group is an empty list of it: give {empty}"


def _about_an_option(error: MissingConfigException) -> str:
    """Say which options the group of a missing configuration has, or which extra brings it."""
    for config, extra in _EXTRAS.items():
        if config in str(error):
            return f"this needs the extra `{extra}`: pip install 'naa_lightning[{extra}]'"
    group, _, name = str(error.missing_cfg_file).rpartition("/")
    options = error.options or _loader().get_group_options(group)
    return f"there is no {group}={name}; {suggest(name, options, all_of_them=True)}"


def _about_a_preset(preset: str, group: str) -> str:
    """Say why a preset cannot choose what it chooses."""
    parent, _, name = group.rpartition("/")
    chosen = f"{preset.replace('/', '=')} chooses {group}="
    if name in _groups(parent):
        return (
            f"{chosen}, which this program does not have: it is a preset of the other one of naa-attack and naa-train"
        )
    return f"{chosen}, and there is no such group; {suggest(name, _groups(parent))}"


def _about_a_key(key: str, cause: BaseException | None) -> str | None:
    """Say what a key or group of an override should have been."""
    parent, _, name = key.rpartition("/")
    if not parent and isinstance(cause, OmegaConfBaseException) and cause.parent_node is not None:
        if cause.key in _groups(""):
            return f"there is no {key}: nothing is chosen by {cause.key}="
        options = [*map(str, cause.parent_node), *(_groups("") if "." not in key else [])]
        return f"there is no {key}; {suggest(str(cause.key), options)}"
    return None if name in _groups(parent) else f"there is no group {key}; {suggest(name, _groups(parent))}"


def _groups(parent: str) -> list[str]:
    return [group.strip("/").rpartition("/")[2] for group in _loader().list_groups(parent)]


def _loader() -> ConfigLoader:
    """Return what finds configurations; Hydra lets go of its own before its error arrives here."""
    if not GlobalHydra.instance().is_initialized():
        initialize_config_dir(str(CONF), **VERSION_BASE)
    return GlobalHydra.instance().config_loader()
