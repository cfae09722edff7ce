"""Programs in processes of their own, whose memory can be told."""

import subprocess
from collections.abc import Sequence

from naa_lightning.exceptions import UserError
from tests.experiments import ROOT


def output_of(program: Sequence[str]) -> str:
    """Run a program from the repository's root and return what it writes to standard output.

    A shell starts it: a process begins with its parent's peak as its own `ru_maxrss`, and a shell's is small.

    Raises:
        UserError: It fails; the last line of its standard error says why.
    """
    shell = ["sh", "-c", '"$@"; exit $?', "sh", *program]
    done = subprocess.run(shell, cwd=ROOT, capture_output=True, text=True, check=False)
    if done.returncode:
        said = done.stderr.strip().splitlines() or [f"exit code {done.returncode}"]
        raise UserError(said[-1].removeprefix("error: "))
    return done.stdout
