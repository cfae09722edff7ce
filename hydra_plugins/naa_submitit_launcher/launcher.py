"""Launching the jobs of a sweep with submitit.

Hydra loads this at every start, so it loads nothing else before it is needed.
"""

import logging
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar

from hydra.core.singleton import Singleton
from hydra.core.utils import JobReturn, JobStatus, filter_overrides, run_job, setup_globals
from hydra.plugins.launcher import Launcher
from hydra.types import HydraContext, TaskFunction
from omegaconf import DictConfig, open_dict, read_write

from naa_lightning.exceptions import UserError

if TYPE_CHECKING:
    from submitit import Job
    from submitit.helpers import DelayedSubmission

    from naa_lightning.sweeps.slurm_queue import SlurmQueue

log = logging.getLogger(__name__)

# Parameters of `submitit.AutoExecutor` that have one name on all clusters; others begin with the cluster's.
SHARED = (
    "cpus_per_task",
    "gpus_per_node",
    "mem_gb",
    "name",
    "nodes",
    "stderr_to_stdout",
    "tasks_per_node",
    "timeout_min",
)


class SubmititLauncher(Launcher):
    """Submits the jobs of a sweep to the processes of this machine or a cluster, and waits for all of them together.

    Args:
        submitit_folder: Folder of a job's logs and result; `%j` stands for the job's id.
        **parameters: Parameters of `submitit.AutoExecutor`, without the cluster's name.
    """

    cluster: ClassVar[str]

    def __init__(self, submitit_folder: str, **parameters: Any) -> None:
        self.submitit_folder = submitit_folder
        self.parameters = parameters

    def setup(self, *, hydra_context: HydraContext, task_function: TaskFunction, config: DictConfig) -> None:
        """Take what Hydra gives every launcher before it launches."""
        self.hydra_context = hydra_context
        self.task_function = task_function
        self.config = config

    def launch(self, job_overrides: Sequence[Sequence[str]], initial_job_idx: int) -> Sequence[JobReturn]:
        """Submit one job for each list of overrides and wait for all of them.

        A job that is lost is a failed `JobReturn` and leaves the others alone.

        Raises:
            UserError: The jobs cannot be submitted.
            SystemExit: SIGINT or SIGTERM was received.
        """
        try:
            from naa_lightning.sweeps.submitted_jobs import outcomes, signals_noted  # noqa: PLC0415 - loads submitit
        except ModuleNotFoundError as error:
            raise UserError(f"hydra/launcher= needs {error.name}: pip install 'naa_lightning[slurm]'") from error

        folder = Path(self.config.hydra.sweep.dir)
        folder.mkdir(parents=True, exist_ok=True)
        if "mode" in self.config.hydra.sweep:
            folder.chmod(int(str(self.config.hydra.sweep.mode), 8))
        with signals_noted() as signals:
            jobs = self._submit(job_overrides, initial_job_idx)
            returns: dict[int, JobReturn] = {}
            for index, outcome in outcomes(jobs, signals, self._queue([job.job_id for job in jobs])):
                returns[index] = (
                    self._failed(list(job_overrides[index]), jobs[index].job_id, initial_job_idx + index, outcome)
                    if isinstance(outcome, UserError)
                    else outcome
                )
        return [returns[index] for index in range(len(jobs))]

    def _queue(self, job_ids: Sequence[str]) -> "SlurmQueue | None":
        """Return what knows of jobs that are no processes of this machine."""
        return None

    def _submit(self, job_overrides: Sequence[Sequence[str]], initial_job_idx: int) -> "Sequence[Job[JobReturn]]":
        from submitit import AutoExecutor  # noqa: PLC0415 - takes a while to load

        log.info("submitting %d jobs (%s) of %s", len(job_overrides), self.cluster, self.config.hydra.sweep.dir)
        numbers = range(initial_job_idx, initial_job_idx + len(job_overrides))
        for number, overrides in zip(numbers, job_overrides, strict=True):
            log.info("\t#%d : %s", number, " ".join(filter_overrides(overrides)))
        named = {key if key in SHARED else f"{self.cluster}_{key}": value for key, value in self.parameters.items()}
        retries = f"{self.cluster}_max_num_timeout"
        limits = {retries: named.pop(retries)} if retries in named else {}
        try:
            executor = AutoExecutor(self.submitit_folder, cluster=self.cluster, **limits)
            executor.update_parameters(**named)
            arguments = ([list(overrides) for overrides in job_overrides], numbers)
            return executor.map_array(self, *arguments, [Singleton.get_state()] * len(numbers))
        except RuntimeError as error:  # where sbatch refuses, or is not there
            raise UserError(f"the sweep could not be submitted: {' '.join(str(error).split())}") from error

    def _failed(self, overrides: list[str], job_id: str, number: int, error: UserError) -> JobReturn:
        """Do what a job does at its end for one that was lost before it could, and return its failure."""
        config = self._config_of_job(overrides, job_id, number)
        with read_write(config.hydra.runtime), open_dict(config.hydra.runtime):
            folder = Path(config.hydra.sweep.dir) / str(config.hydra.sweep.subdir)
            config.hydra.runtime.output_dir = str(folder.absolute())
        failure = JobReturn(overrides=overrides, status=JobStatus.FAILED)
        failure.return_value = error
        self.hydra_context.callbacks.on_job_end(config=config, job_return=failure)
        return failure

    def _config_of_job(self, overrides: list[str], job_id: str, number: int) -> DictConfig:
        config = self.hydra_context.config_loader.load_sweep_config(self.config, overrides)
        with open_dict(config.hydra.job):
            config.hydra.job.id, config.hydra.job.num = job_id, number
        return config

    def __call__(self, overrides: list[str], number: int, singletons: dict[type, Singleton]) -> JobReturn:
        """Run one job, in the process that submitit started for it.

        Args:
            overrides: Overrides of the job, as on the command line.
            number: Index of the job in the sweep.
            singletons: State of Hydra in the process of the sweep.
        """
        from submitit import JobEnvironment  # noqa: PLC0415 - takes a while to load

        Singleton.set_state(singletons)
        setup_globals()
        return run_job(
            hydra_context=self.hydra_context,
            task_function=self.task_function,
            config=self._config_of_job(overrides, JobEnvironment().job_id, number),
            job_dir_key="hydra.sweep.dir",
            job_subdir_key="hydra.sweep.subdir",
        )

    def checkpoint(self, *arguments: Any) -> "DelayedSubmission":
        """Return what submitit submits anew where a job's time is up: the same job, which goes on where it was."""
        from submitit.helpers import DelayedSubmission  # noqa: PLC0415 - takes a while to load

        return DelayedSubmission(self, *arguments)


class LocalLauncher(SubmititLauncher):
    """Launches each job of a sweep as a process on this machine, side by side."""

    cluster = "local"


class SlurmLauncher(SubmititLauncher):
    """Launches each job of a sweep as a SLURM job.

    Args:
        submitit_folder: Folder of a job's logs and result, on a file system that all nodes share.
        poll_seconds: Shortest time between two questions to SLURM's queue.
        grace_seconds: Time after which a job without a result counts as lost once the queue says that it has ended.
        **parameters: Parameters of `submitit.AutoExecutor`, without the cluster's name.
    """

    cluster = "slurm"

    def __init__(self, submitit_folder: str, poll_seconds: float, grace_seconds: float, **parameters: Any) -> None:
        super().__init__(submitit_folder, **parameters)
        self.poll_seconds = poll_seconds
        self.grace_seconds = grace_seconds

    def _queue(self, job_ids: Sequence[str]) -> "SlurmQueue":
        from naa_lightning.sweeps.slurm_queue import SlurmQueue  # noqa: PLC0415 - not needed at Hydra's start

        return SlurmQueue(job_ids, poll_seconds=self.poll_seconds, grace_seconds=self.grace_seconds)
