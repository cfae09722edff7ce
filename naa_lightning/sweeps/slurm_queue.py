"""SLURM's queue, which knows jobs also where there is no accounting."""

import subprocess
import sys
import time
from collections.abc import Mapping

from submitit.slurm.slurm import SlurmInfoWatcher

from naa_lightning.exceptions import in_one_line

# States that a job does not leave by itself; a requeued one goes back to PENDING.
ENDED = {
    "BOOT_FAIL",
    "CANCELLED",
    "COMPLETED",
    "DEADLINE",
    "FAILED",
    "NODE_FAIL",
    "OUT_OF_MEMORY",
    "PREEMPTED",
    "REVOKED",
    "TIMEOUT",
}
GONE = "no longer in the queue"
# Why a job waits that starts in time.
ORDINARY = {"BeginTime", "Dependency", "JobArrayTaskLimit", "None", "Priority", "Resources"}
SQUEUE = ("squeue", "--me", "--states=all", "--array", "--noheader", "--format=%i|%T|%r")


class QueueWatcher(SlurmInfoWatcher):
    """Knows the states of jobs from the queue alone.

    Args:
        poll_seconds: The queue is asked so often at most.
        grace_seconds: A job without a result counts as ended so long after the queue first said so: shared file systems
            show a result late, and a job that is requeued is seen in other states first.
    """

    def __init__(self, poll_seconds: float, grace_seconds: float) -> None:
        super().__init__()
        self.poll_seconds = poll_seconds
        self.grace_seconds = grace_seconds
        self._jobs: set[str] = set()
        self._states: dict[str, str] = {}
        self._ended: dict[str, float] = {}
        self._reasons: set[str] = set()
        self._asked = float("-inf")
        self._silent = False

    def register_job(self, job_id: str) -> None:
        """Watch a job."""
        self._jobs.add(job_id)

    def get_info(self, job_id: str, mode: str = "standard") -> dict[str, str]:
        """Return what is known of a job."""
        self.register_job(job_id)
        due = time.monotonic() - self._asked >= self.poll_seconds
        if mode == "force" or (mode == "standard" and due):
            self.update()
        return {"JobID": job_id, "State": self._states.get(job_id, "UNKNOWN")}

    def get_state(self, job_id: str, mode: str = "standard") -> str:
        """Return the state of a job in SLURM's words, or `GONE`."""
        return self.get_info(job_id, mode)["State"]

    def is_done(self, job_id: str, mode: str = "standard") -> bool:
        """Tell whether a job has ended, the grace included."""
        self.get_info(job_id, mode)
        return job_id in self._ended and time.monotonic() - self._ended[job_id] >= self.grace_seconds

    def update(self) -> None:
        """Ask the queue; where it does not answer, what was known stays."""
        self._asked = time.monotonic()
        try:
            answer = subprocess.run(
                SQUEUE, stdin=subprocess.DEVNULL, capture_output=True, text=True, check=True, timeout=60
            ).stdout
        except (OSError, subprocess.SubprocessError) as error:
            if not self._silent:
                sys.stderr.write(f"the queue does not answer ({in_one_line(error)}): it is asked again\n")
            self._silent = True
            return
        self._silent = False
        listed = states_in(answer)
        for job_id in self._jobs:
            state, reason = listed.get(job_id, (GONE, "None"))
            self._states[job_id] = state
            if state == "PENDING" and reason not in ORDINARY | self._reasons:
                self._reasons.add(reason)
                sys.stderr.write(f"job {job_id} of the sweep waits, perhaps for ever: {reason}\n")
            if state in ENDED or state == GONE:
                self._ended.setdefault(job_id, self._asked)
            else:
                self._ended.pop(job_id, None)


def states_in(answer: str) -> Mapping[str, tuple[str, str]]:
    r"""Read the answer of `SQUEUE`: a job's state and why it waits.

    Example:
        >>> states_in("7_0|RUNNING|None\n8|PENDING|Priority\n")
        {'7_0': ('RUNNING', 'None'), '8': ('PENDING', 'Priority')}
    """
    rows = (line.strip().split("|", 2) for line in answer.splitlines())
    return {job_id: (state, reason) for job_id, state, reason in rows}
