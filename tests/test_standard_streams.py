"""A run outlives what reads its output."""

import subprocess
import sys
from pathlib import Path

import pytest

from tests.experiments import ROOT

# As Hydra has a run log: to standard output and to a file.
WRITING = """
import logging, sys
from naa_lightning.standard_streams import survive_closed_pipes
survive_closed_pipes()
if sys.argv[1:]:
    logging.basicConfig(
        format="%(message)s", level=logging.INFO,
        handlers=[logging.StreamHandler(sys.stdout), logging.FileHandler(sys.argv[1])],
    )
print("begun", flush=True)
sys.stdin.readline()
for number in range(3):
    logging.getLogger().info("step %d", number)
    print(number, file=sys.stderr, flush=True)
    print("x" * 10_000, flush=True)
sys.exit(5)
"""
NOBODY = "nobody reads the output any more; the run goes on"


def unread(*arguments: str, errors_too: bool) -> tuple[int, str]:
    """Read the first line of a program's output and no more; return how it ends and what its standard error says."""
    process = subprocess.Popen(
        [sys.executable, "-c", WRITING, *arguments],
        cwd=ROOT,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT if errors_too else subprocess.PIPE,
        text=True,
    )
    assert process.stdin is not None
    assert process.stdout is not None
    assert process.stdout.readline() == "begun\n"
    process.stdout.close()
    process.stdin.write("go on\n")
    process.stdin.close()
    err = "" if process.stderr is None else process.stderr.read()
    return process.wait(timeout=60), err


@pytest.mark.parametrize("errors_too", [False, True])
def test_a_run_goes_on_and_says_once_that_nobody_reads(errors_too: bool, tmp_path: Path) -> None:
    log = tmp_path / "run.log"
    code, err = unread(str(log), errors_too=errors_too)
    assert code == 5
    assert sorted(log.read_text().splitlines()) == [NOBODY, "step 0", "step 1", "step 2"]
    assert err == ("" if errors_too else f"{NOBODY}\n0\n1\n2\n")


def test_a_program_that_does_not_log_says_nothing() -> None:
    assert unread(errors_too=False) == (5, "0\n1\n2\n")
