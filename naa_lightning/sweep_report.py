"""A page about a whole sweep, once its last job has ended.

Hydra loads this at every start, so it loads nothing else before it is needed.
"""

import logging
from pathlib import Path
from typing import Any

from hydra.experimental.callback import Callback
from omegaconf import DictConfig

log = logging.getLogger(__name__)


class SweepReport(Callback):
    """Writes `report.html` into the folder of a sweep of attacks."""

    def on_multirun_end(self, config: DictConfig, **kwargs: Any) -> None:
        """Report the runs that the sweep's folder holds."""
        from naa_lightning.report.runs import find_runs  # noqa: PLC0415 - not needed by single runs

        folder = Path(config.hydra.sweep.dir)
        runs = find_runs(folder)
        if runs:
            from naa_lightning.report.page import write_sweep_page  # noqa: PLC0415

            log.info("report of the sweep: %s", write_sweep_page(folder, runs).resolve())
