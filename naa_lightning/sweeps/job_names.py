"""What belongs in the names of a sweep's jobs."""

from collections.abc import Sequence
from typing import Any

from hydra.core.override_parser.overrides_parser import OverridesParser
from hydra.experimental.callback import Callback
from omegaconf import DictConfig, read_write

import naa_lightning.config.resolvers  # noqa: F401 - for every process that runs jobs: Hydra hands it its callbacks
from naa_lightning.identity import changes_results


class JobNames(Callback):
    """Leaves out of the names of a sweep's jobs what their results do not depend on, unless the sweep is about it.

    Args:
        left_out: Keys and groups that are left out in any case, `hydra.callbacks.job_names.left_out`. The jobs get the
            sweep's own there, and from there `job_folder` has them; see `naa_lightning.config.resolvers`.
    """

    def __init__(self, left_out: Sequence[str] = ()) -> None:
        self.left_out = left_out

    def on_multirun_start(self, config: DictConfig, **kwargs: Any) -> None:
        """Pass the keys and groups on to the jobs, whatever launches them."""
        swept = [f"{key}={choices}" for key, choices in (config.hydra.sweeper.get("params") or {}).items()]
        overrides = OverridesParser.create().parse_overrides([*swept, *config.hydra.overrides.task])
        last = {override.key_or_group: override for override in overrides}
        constant = [key for key, override in last.items() if not override.is_sweep_override()]
        idle = [key for key in constant if not changes_results(key, config)]
        left_out = ",".join([*self.left_out, *idle])
        with read_write(config.hydra):  # Hydra 1.4 hands it over read-only
            config.hydra.overrides.hydra.append(f"hydra.callbacks.job_names.left_out=[{left_out}]")
