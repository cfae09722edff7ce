"""What images that another run or tool made were crafted on and by: `craft=false`."""

import json
import re
from pathlib import Path

from hydra.conf import HydraConf
from omegaconf import DictConfig


def keep_only_named_origin(config: DictConfig, hydra: HydraConf) -> None:
    """Leave surrogate and attack unknown unless the command line names them: the defaults crafted none of the images.

    Args:
        config: The composed configuration of a run that crafts nothing, which is changed.
        hydra: Hydra's own part of it.
    """
    words = hydra.overrides.task
    if "surrogate" in config and not any(re.match(r"\+{0,2}surrogate([=.]|@surrogate)", word) for word in words):
        config.surrogate = None
    if not any(re.match(r"\+{0,2}attack(=|\.name=)", word) for word in words):
        config.attack.name, config.attack.paper = _attack_of(Path(config.adversarial_dir)), "unknown"


def _attack_of(folder: Path) -> str:
    """Return the attack of the run that left a folder of images, or where no run did, the folder's name."""
    folder = folder.expanduser().resolve()
    run = folder.parent if folder.name == "adversarial" else folder
    try:
        return str(json.loads((run / "results.json").read_text(encoding="utf-8"))["attack"])
    except (OSError, ValueError, KeyError, TypeError):
        return run.name
