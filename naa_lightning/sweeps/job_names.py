"""What belongs in the names of a sweep's jobs."""

from typing import Any

from hydra.core.override_parser.overrides_parser import OverridesParser
from hydra.experimental.callback import Callback
from omegaconf import DictConfig

import naa_lightning.config.resolvers  # noqa: F401 - for every process that runs jobs: Hydra hands it its callbacks

# Results do not depend on these: a sweep may be repeated with others, and finds its jobs.
IDLE = (
    "attribution.images_per_pass",
    "callbacks",
    "data.batch_size",
    "data.cache",
    "data.download",
    "data.num_workers",
    "data.root",
    "data.url",
    "extras",
    "logger",
    "paths",
    "report",
    "tags",
    "trainer",
)


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
        constant = [key for key, override in last.items() if _is_idle(key) and not override.is_sweep_override()]
        left_out = [*config.hydra.job.config.override_dirname.exclude_keys, *constant]
        told = f"hydra.job.config.override_dirname.exclude_keys=[{','.join(left_out)}]"
        config.hydra.overrides.hydra.append(told)


def _is_idle(key: str) -> bool:
    return key != "trainer.precision" and any(key == idle or key.startswith(f"{idle}.") for idle in IDLE)
