"""What a sweep does whose jobs submitit submits.

Hydra loads this at every start, so it loads nothing else before it is needed.
"""

from typing import Any

from hydra.experimental.callback import Callback
from omegaconf import DictConfig


class SubmittedSweep(Callback):
    """Has a sweep over submitit, on a cluster or here, wait for its jobs as `naa_lightning.sweeps.slurm_jobs` says.

    Args:
        poll_seconds: SLURM's queue is asked so often at most.
        grace_seconds: A job that the queue says has ended may show its result so much later.
    """

    def __init__(self, poll_seconds: float, grace_seconds: float) -> None:
        self.poll_seconds = poll_seconds
        self.grace_seconds = grace_seconds

    def on_multirun_start(self, config: DictConfig, **kwargs: Any) -> None:
        """Prepare before anything is submitted."""
        if "hydra_submitit_launcher" in config.hydra.launcher._target_:
            from naa_lightning.sweeps.slurm_jobs import bound_waiting  # noqa: PLC0415 - needs the extra `slurm`

            bound_waiting(self.poll_seconds, self.grace_seconds)
