"""Jobs of a sweep that submitit submits: each ends in bounded time, and one that is lost leaves the others alone.

Without accounting, submitit waits for ever for a job that was killed hard. Here the queue says which jobs have ended;
see `naa_lightning.sweeps.slurm_queue`.
"""

import signal
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from types import FrameType
from typing import Any, ClassVar

import submitit.local.local
import submitit.slurm.slurm
from hydra.core.hydra_config import HydraConfig
from hydra.core.utils import JobReturn, JobStatus
from hydra.types import HydraContext
from hydra_plugins.hydra_submitit_launcher.submitit_launcher import BaseSubmititLauncher
from omegaconf import DictConfig, open_dict, read_write
from submitit.core.core import Job
from submitit.core.utils import JobPaths, pickle_load
from submitit.local.local import LocalJob
from submitit.slurm.slurm import SlurmJob

from naa_lightning.exceptions import UserError, in_one_line
from naa_lightning.sweeps.slurm_queue import QueueWatcher

POLL_SECONDS = 1.0  # for results


class _SweepJob(Job[Any]):
    """One that is waited for together with the others, and told of as soon as it went wrong."""

    submitted: ClassVar[list["_SweepJob"]] = []

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        self.outcome: JobReturn | None = None
        super().__init__(*args, **kwargs)
        # The last one made of an id stands for all its tasks.
        self.submitted[:] = [job for job in self.submitted if job.job_id != self.job_id] + [self]

    def results(self) -> list[Any]:
        """Wait for all jobs that were submitted and return what this one's first task returned.

        That of a job that was lost is a failed `JobReturn`, and the hooks for the end of a job are called for it here.
        """
        while awaited := [job for job in self.submitted if job.is_awaited]:
            for job in awaited:
                if job.done():
                    job.end()
            time.sleep(POLL_SECONDS)
        return [self.outcome]

    @property
    def is_awaited(self) -> bool:
        """Whether nothing has come of it yet; the head of an array is no job."""
        return self.outcome is None and self.paths.submitted_pickle.exists()

    def end(self) -> None:
        """Take what came of the job, and tell it if that is nothing good."""
        missing = [paths for paths in self._paths_of_tasks() if not paths.result_pickle.exists()]
        if missing:
            self.outcome = self._lost(f"ended without a result ({self.state})", missing[0].stderr)
            return
        first = self._paths_of_tasks()[0]
        try:
            outcome, result = pickle_load(first.result_pickle)
        except Exception as error:  # noqa: BLE001 - an object may raise anything where it is read
            outcome, result = "error", f"its result cannot be read: {in_one_line(error)}"
        if outcome == "error":
            self.outcome = self._lost(f"failed: {result.strip().splitlines()[-1]}", first.stderr)
            return
        self.outcome = result
        if result.status is JobStatus.FAILED:
            _tell(f"error: job {self.job_id} of the sweep failed: {in_one_line(result._return_value)}")

    def _paths_of_tasks(self) -> list[JobPaths]:
        return [self.task(number).paths for number in range(self.num_tasks)]

    def _lost(self, how: str, log: Path) -> JobReturn:
        error = UserError(f"job {self.job_id} of the sweep {how}; its log: {log}")
        _tell(f"error: {error}")
        submission = self.submission()
        launcher: Any = submission.function
        overrides, _, number, *_ = submission.args
        context: HydraContext = launcher.hydra_context
        config = context.config_loader.load_sweep_config(launcher.config, list(overrides))
        with _as_job(config, self.job_id, number):
            outcome = JobReturn(overrides=overrides, status=JobStatus.FAILED)
            outcome.return_value = error
            context.callbacks.on_job_end(config=config, job_return=outcome)
        return outcome


@contextmanager
def _as_job(config: DictConfig, job_id: str, number: int) -> Iterator[None]:
    """Have Hydra know a job of the sweep as the one that runs, as far as callbacks ask for it."""
    hydra = HydraConfig.instance()
    before = hydra.cfg
    with open_dict(config.hydra.job):
        config.hydra.job.id, config.hydra.job.num = job_id, number
    try:
        hydra.set_config(config)
        folder = Path(config.hydra.sweep.dir) / str(config.hydra.sweep.subdir)
        with read_write(config.hydra.runtime), open_dict(config.hydra.runtime):
            config.hydra.runtime.output_dir = str(folder.absolute())
        hydra.set_config(config)
        yield
    finally:
        hydra.cfg = before


class _SlurmSweepJob(_SweepJob, SlurmJob[Any]):
    pass


class _LocalSweepJob(_SweepJob, LocalJob[Any]):
    pass


def bound_waiting(poll_seconds: float, grace_seconds: float) -> None:
    """Have submitit wait for the jobs of a sweep as said above, and an interrupted sweep say what becomes of its jobs.

    It is to be called in the process of the sweep, before it submits anything.

    Args:
        poll_seconds: See `QueueWatcher`.
        grace_seconds: See `QueueWatcher`.
    """
    _SlurmSweepJob.watcher = QueueWatcher(poll_seconds, grace_seconds)
    replaced: tuple[tuple[object, str, object], ...] = (
        (submitit.slurm.slurm, "SlurmJob", _SlurmSweepJob),
        (submitit.slurm.slurm.SlurmExecutor, "job_class", _SlurmSweepJob),
        (submitit.local.local, "LocalJob", _LocalSweepJob),
        (BaseSubmititLauncher, "launch", _launch),
    )
    for owner, name, own in replaced:
        setattr(owner, name, own)
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, _leave)


_submitits_launch = BaseSubmititLauncher.launch


def _launch(launcher: BaseSubmititLauncher, *args: Any, **kwargs: Any) -> Any:
    try:
        return _submitits_launch(launcher, *args, **kwargs)
    except RuntimeError as error:  # what submitit says where sbatch refuses, or is not there
        raise UserError(f"the sweep could not be submitted: {' '.join(str(error).split())}") from error


def _leave(signum: int, frame: FrameType | None) -> None:
    awaited = [job for job in _SweepJob.submitted if job.is_awaited]
    slurm = sorted({job.job_id.partition("_")[0] for job in awaited if isinstance(job, SlurmJob)}, key=int)
    _tell(f"interrupted by {signal.Signals(signum).name}")
    if slurm:
        _tell(
            f"{len(awaited)} jobs go on without this process and write into their folders: `squeue --me` shows them, "
            f"`scancel {' '.join(slurm)}` ends them"
        )
    for job in awaited:
        if not isinstance(job, SlurmJob):
            job.cancel(check=False)
    raise SystemExit(128 + signum)


def _tell(line: str) -> None:
    sys.stderr.write(line + "\n")
