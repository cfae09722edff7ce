"""The table and the page of a whole sweep, as far as it has come.

Hydra loads this at every start, so it loads nothing else before it is needed.
"""

import logging
from pathlib import Path
from typing import TYPE_CHECKING, Any

from hydra.core.utils import JobReturn
from hydra.experimental.callback import Callback
from hydra.types import RunMode
from omegaconf import DictConfig, OmegaConf

from naa_lightning.config.overrides import as_typed
from naa_lightning.distributed.stopping import hint_outside_work
from naa_lightning.exceptions import RankError, UserError, in_one_line
from naa_lightning.sweeps.job_error import error_of

if TYPE_CHECKING:
    from naa_lightning.report.sweep.table import SweepTable

log = logging.getLogger(__name__)

_baselines: dict[Path, str | None] = {}
"""The sweeps that this process ran, by folder, each with the baseline that its last job was told."""


class SweepReport(Callback):
    """Writes `report.html` and the summary files into the folder of a sweep of attacks after each of its jobs.

    In a job's folder it writes `failed.json` where the job failed, and removes it where it did not.
    """

    def on_multirun_start(self, config: DictConfig, **kwargs: Any) -> None:
        """Remember the sweep for `tell_sweep`, and how it goes on that is stopped between two jobs."""
        hint_outside_work(f"the same command with {as_typed('hydra.sweep.dir', config.hydra.sweep.dir)} goes on")
        _baselines.setdefault(Path(config.hydra.sweep.dir).resolve())

    def on_job_end(self, config: DictConfig, job_return: JobReturn, **kwargs: Any) -> None:
        """Note how the job ended, and report the runs that the sweep's folder holds."""
        try:
            _note_end(Path(config.hydra.runtime.output_dir), job_return)
            if config.hydra.mode != RunMode.MULTIRUN:
                return
            folder = Path(config.hydra.sweep.dir).resolve()
            _baselines[folder] = OmegaConf.select(config, "report.baseline", default=None)
            summary = _report(folder)
        except (UserError, OSError) as error:
            log.warning("the sweep's report could not be written: %s", in_one_line(error))
            return
        if summary is not None:
            finished = summary.runs.folder.nunique()
            log.info("sweep so far: %d finished, %d failed", finished, len(summary.failed))


def tell_sweep() -> None:
    """Report the sweep that this process ran once more, and print its table and what to mind.

    Nothing is told where there was none, or where no attack finished or failed in it.
    """
    for folder in _baselines:
        try:
            summary = _report(folder)
        except (UserError, OSError) as error:
            log.warning("the sweep's report could not be written: %s", in_one_line(error))
            continue
        if summary is not None:
            from naa_lightning.report.sweep.terminal import print_summary  # noqa: PLC0415

            print_summary(folder, summary)


def _note_end(folder: Path, job_return: JobReturn) -> None:
    from naa_lightning.records.failure import forget_failure, write_failure  # noqa: PLC0415

    error = error_of(job_return)
    if isinstance(error, RankError):
        return
    if error is not None:
        write_failure(folder, error)
    else:
        forget_failure(folder)


def _report(folder: Path) -> "SweepTable | None":
    """Write the sweep's files; None where no attack finished or failed."""
    if not folder.is_dir():
        return None
    from naa_lightning.report.page.sweep_page import write_sweep_page  # noqa: PLC0415 - not needed by single runs
    from naa_lightning.report.run_folders import find_runs  # noqa: PLC0415
    from naa_lightning.report.sweep.files import write_summary  # noqa: PLC0415

    summary = write_summary(folder, find_runs(folder), _baselines.get(folder))
    if len(summary.runs):
        write_sweep_page(folder, summary)
    return summary if len(summary.runs) or summary.failed else None
