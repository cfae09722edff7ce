"""Texts that Hydra's configuration works out: folders of a sweep's jobs, a run's W&B name and group, lists in `--help`.

Importing this module registers them: `${job_folder:OVERRIDES,LEFT_OUT}`, `${run_name:SURROGATE,ATTACK,DATA,SEEDS}`,
`${run_group:NAME}`, `${options_of:GROUPS}`.
"""

import re
import textwrap
from collections.abc import Sequence
from pathlib import Path

from hydra.core.global_hydra import GlobalHydra
from hydra.core.hydra_config import HydraConfig
from hydra.core.object_type import ObjectType
from hydra.types import RunMode

from naa_lightning.config.hydra_versions import register_resolver
from naa_lightning.short_names import LONGEST_IN_WANDB, run_name, shortened, with_digest

LONGEST = 100  # characters of a folder's name
_FRACTION = re.compile(r"[0-9.]+/[0-9.]+")


def job_folder(overrides: Sequence[str], left_out: Sequence[str] = ()) -> str:
    """Name the folder of a sweep's job after its overrides.

    The name holds letters, digits and `._+-` only, so that it can be given to `hydra.run.dir=` as it is. It depends on
    nothing but the overrides, in any order: a sweep that is repeated in its folder finds its jobs. Overrides of the
    same keys with other values give another name; where the name alone would not tell them apart, a digest of the
    overrides ends it, as it ends a name that is cut.

    Args:
        overrides: Overrides of the job, as on the command line.
        left_out: Keys and groups that do not belong in the name.

    Example:
        >>> job_folder(["surrogate=digits_plain", "attack=mim", "+seed=1", "logger=null"], ["logger"])
        'attack-mim_seed-1_surrogate-digits_plain'
        >>> job_folder(["surrogate.layer=[middle,top]"])
        'surrogate.layer-middle-top-b89d2210'
    """
    parts = [(key, value) for key, value in map(_parts, overrides) if key.partition("@")[0] not in left_out]
    parts.sort(key=lambda part: ("." in part[0], part))  # choices come before numbers
    words = [f"{re.sub('[^A-Za-z0-9._]+', '.', key)}-{_safe(value)}" for key, value in parts]
    name = "_".join(words).lstrip(".-+") or "job"
    if all(_is_plain(value) for _, value in parts) and len(name) <= LONGEST:
        return name
    return with_digest(name, LONGEST, of=repr(parts))


def name_of_run(surrogate: str, attack: str, data: str, *seeds: int | None) -> str:
    """Name a run in W&B; its seed is the first that is given."""
    return run_name(surrogate, attack, data, next((seed for seed in seeds if seed is not None), None))


def run_group(name: str) -> str:
    """Name the W&B group of a run: in a sweep the sweep's folder, else `name`."""
    if HydraConfig.initialized() and HydraConfig.get().mode is RunMode.MULTIRUN:
        name = Path(HydraConfig.get().sweep.dir).resolve().name or name
    return shortened(name, LONGEST_IN_WANDB)


def options_of(*groups: str) -> str:
    """List the options of groups of the configuration, a paragraph each, also those in a user's folder."""
    loader = GlobalHydra.instance().config_loader()
    width = max(map(len, groups)) + 4
    lists = [(group, ", ".join(loader.get_group_options(group, ObjectType.CONFIG))) for group in groups]
    return "".join(
        textwrap.fill(options, 100, initial_indent=f"  {group}".ljust(width), subsequent_indent=" " * width) + "\n"
        for group, options in lists
    )


def _parts(override: str) -> tuple[str, str]:
    """Return an override's key or group, without what `train.py` or the user puts before it, and its value.

    `~key` is `key=null`.
    """
    key, is_given, value = override.partition("=")
    return key.lstrip("~+").removeprefix("surrogate.recipe."), value if is_given else "null"


def _safe(value: str) -> str:
    if re.fullmatch("[A-Za-z0-9._+-]*", value):
        return value
    return re.sub("[^A-Za-z0-9._+]+", "-", value).strip("-")


def _is_plain(value: str) -> bool:
    """Whether a folder's name tells a value from all others: a fraction such as 8/255, or a simple word."""
    if _FRACTION.fullmatch(value):
        return True
    looks_like_more = "-" in value and ("_" in value or _FRACTION.fullmatch(value.replace("-", "/")))
    return _safe(value) == value and not looks_like_more


register_resolver("job_folder", job_folder, replace=True)
register_resolver("run_name", name_of_run, replace=True)
register_resolver("run_group", run_group, replace=True)
register_resolver("options_of", options_of, replace=True)
