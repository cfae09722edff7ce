"""A page about a whole sweep, as far as it has come.

Hydra loads this at every start, so it loads nothing else before it is needed.
"""

import logging
from pathlib import Path
from typing import Any

from hydra.core.utils import JobReturn
from hydra.experimental.callback import Callback
from hydra.types import RunMode
from omegaconf import DictConfig

log = logging.getLogger(__name__)


class SweepReport(Callback):
    """Writes `report.html` into the folder of a sweep of attacks after each of its jobs, also one that failed."""

    def on_job_end(self, config: DictConfig, job_return: JobReturn, **kwargs: Any) -> None:
        """Report the runs that the sweep's folder holds."""
        if config.hydra.mode != RunMode.MULTIRUN:
            return
        from naa_lightning.report.runs import find_runs, is_finished  # noqa: PLC0415 - not needed by single runs

        folder = Path(config.hydra.sweep.dir)
        runs = find_runs(folder)
        if any(is_finished(run) for run in runs):
            from naa_lightning.report.page import write_sweep_page  # noqa: PLC0415

            log.info("report of the sweep: %s", write_sweep_page(folder, runs).resolve())
