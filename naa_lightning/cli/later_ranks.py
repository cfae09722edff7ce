"""What Hydra leaves to the first of several processes that a cluster started."""

import logging
import os
from typing import Any

from hydra.experimental.callback import Callback
from omegaconf import DictConfig


class LaterRanks(Callback):
    """Leaves Hydra's files, and the log, of a run under `srun` or `torchrun` to its first rank."""

    def on_run_start(self, config: DictConfig, **kwargs: Any) -> None:
        """Change where a later rank writes, before Hydra makes its folder.

        Args:
            config: The composed configuration with its `hydra` node.
            **kwargs: What Hydra also tells.
        """
        if not {"SLURM_STEP_NUM_TASKS", "TORCHELASTIC_RUN_ID"} & os.environ.keys():
            return
        from naa_lightning.distributed.process_info import detect_process  # noqa: PLC0415 - loads torch

        if detect_process().rank > 0:
            config.hydra.run.dir = "."
            config.hydra.output_subdir = None
            config.hydra.job_logging.root = None
            logging.getLogger().handlers.clear()
