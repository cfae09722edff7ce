"""What belongs in the names of a sweep's jobs."""

from typing import Any

from hydra.core.override_parser.overrides_parser import OverridesParser
from hydra.experimental.callback import Callback
from omegaconf import DictConfig

import naa_lightning.config.resolvers  # noqa: F401 - for every process that runs jobs: Hydra hands it its callbacks
from naa_lightning.identity import changes_results


class JobNames(Callback):
    """Leaves out of the names of a sweep's jobs what their results do not depend on, unless the sweep is about it.

    Jobs are told by `hydra.job.config.override_dirname.exclude_keys`, which `job_folder` gets; see
    `naa_lightning.config.resolvers`.
    """

    def on_multirun_start(self, config: DictConfig, **kwargs: Any) -> None:
        """Say it to the jobs, whatever launches them."""
        said = [f"{key}={choices}" for key, choices in (config.hydra.sweeper.get("params") or {}).items()]
        overrides = OverridesParser.create().parse_overrides([*said, *config.hydra.overrides.task])
        last = {override.key_or_group: override for override in overrides}
        constant = [
            key
            for key, override in last.items()
            if not override.is_sweep_override() and not changes_results(key, config)
        ]
        left_out = [*config.hydra.job.config.override_dirname.exclude_keys, *constant]
        told = f"hydra.job.config.override_dirname.exclude_keys=[{','.join(left_out)}]"
        config.hydra.overrides.hydra.append(told)
