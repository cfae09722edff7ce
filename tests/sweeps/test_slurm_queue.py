"""What the queue says of jobs, as given by a `squeue` that says what the test wants."""

from pathlib import Path

import pytest

from naa_lightning.sweeps.slurm_queue import GONE, SlurmQueue


@pytest.fixture
def queue(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A file with what `squeue` answers; it fails where there is none."""
    program = tmp_path / "squeue"
    program.write_text(f"#!/bin/sh\ncat {tmp_path}/answer\n")
    program.chmod(0o755)
    monkeypatch.setenv("PATH", str(tmp_path), prepend=":")
    return tmp_path / "answer"


def test_a_job_is_done_when_it_has_ended_or_is_gone(queue: Path) -> None:
    jobs = SlurmQueue(["1_0", "1_1", "1_2", "1_3", "7"], poll_seconds=0, grace_seconds=0)
    queue.write_text("1_0|RUNNING|None\n1_1|CONFIGURING|None\n1_2|FAILED|NonZeroExitCode\n7|COMPLETED|None\n")
    done = {job for job in ("1_0", "1_1", "1_2", "1_3", "7") if jobs.has_ended(job)}
    assert done == {"1_2", "1_3", "7"}
    assert [jobs.state_of(job) for job in ("1_0", "1_2", "1_3")] == ["RUNNING", "FAILED", GONE]


def test_the_grace_begins_again_for_a_job_that_is_requeued(queue: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    now = [0.0]
    monkeypatch.setattr("naa_lightning.sweeps.slurm_queue.time.monotonic", lambda: now[0])
    jobs = SlurmQueue(["5"], poll_seconds=0, grace_seconds=10)

    def done_at(seconds: float, state: str) -> bool:
        now[0] = seconds
        queue.write_text(f"5|{state}|None\n")
        return jobs.has_ended("5")

    assert not done_at(0, "NODE_FAIL")
    assert not done_at(9, "PENDING")
    assert not done_at(20, "FAILED")
    assert not done_at(29, "FAILED")
    assert done_at(30, "FAILED")


def test_the_queue_is_asked_no_more_often_than_said(queue: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    now = [100.0]
    monkeypatch.setattr("naa_lightning.sweeps.slurm_queue.time.monotonic", lambda: now[0])
    jobs = SlurmQueue(["5"], poll_seconds=20, grace_seconds=0)
    queue.write_text("5|RUNNING|None\n")
    assert jobs.state_of("5") == "RUNNING"
    queue.write_text("5|FAILED|None\n")
    now[0] = 119
    assert jobs.state_of("5") == "RUNNING"
    now[0] = 120
    assert jobs.state_of("5") == "FAILED"


def test_a_queue_that_does_not_answer_is_told_once_and_changes_nothing(
    queue: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    jobs = SlurmQueue(["5"], poll_seconds=0, grace_seconds=0)
    queue.write_text("5|RUNNING|None\n")
    assert not jobs.has_ended("5")
    queue.unlink()
    assert not jobs.has_ended("5")
    assert not jobs.has_ended("5")
    assert jobs.state_of("5") == "RUNNING"
    assert capsys.readouterr().err.count("the queue does not answer") == 1


def test_why_a_job_may_wait_for_ever_is_told_once(queue: Path, capsys: pytest.CaptureFixture[str]) -> None:
    jobs = SlurmQueue(["1_0", "1_1"], poll_seconds=0, grace_seconds=0)
    queue.write_text("1_0|PENDING|Priority\n1_1|PENDING|PartitionTimeLimit\n")
    for _ in range(2):
        assert not any(jobs.has_ended(job) for job in ("1_0", "1_1"))
    assert capsys.readouterr().err == "job 1_1 of the sweep waits, perhaps for ever: PartitionTimeLimit\n"
