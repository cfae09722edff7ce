"""SLURM's queue, which knows jobs also where there is no accounting."""

import subprocess
import sys
import time
from collections.abc import Iterable, Mapping

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


class SlurmQueue:
    """Knows the states of jobs from SLURM's queue alone.

    Args:
        job_ids: Ids of the jobs to watch; a task of an array is `ARRAY_INDEX`.
        poll_seconds: Shortest time between two questions to the queue.
        grace_seconds: Time after which a job counts as ended once the queue first said so: shared file systems show a
            result late, and a job that is requeued is seen in other states first.
    """

    def __init__(self, job_ids: Iterable[str], *, poll_seconds: float, grace_seconds: float) -> None:
        self.poll_seconds = poll_seconds
        self.grace_seconds = grace_seconds
        self._states = dict.fromkeys(job_ids, "UNKNOWN")
        self._ended: dict[str, float] = {}
        self._reasons: set[str] = set()
        self._asked = float("-inf")
        self._silent = False

    def state_of(self, job_id: str) -> str:
        """Return the state of a job in SLURM's words, or `GONE`."""
        if time.monotonic() - self._asked >= self.poll_seconds:
            self._ask()
        return self._states[job_id]

    def has_ended(self, job_id: str) -> bool:
        """Return whether a job has ended, the grace included."""
        self.state_of(job_id)
        return job_id in self._ended and time.monotonic() - self._ended[job_id] >= self.grace_seconds

    def _ask(self) -> None:
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
        for job_id in self._states:
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
