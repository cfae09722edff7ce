"""Peak memory of one contender, in a process of its own: `python -m tests.benchmarks.memory CONTENDER SETTINGS`."""

import json
import resource
import sys
from dataclasses import asdict
from pathlib import Path
from typing import Any

import torch

from tests.benchmarks.alone import output_of
from tests.benchmarks.contenders import CONTENDERS
from tests.benchmarks.peak import float32_as_such
from tests.benchmarks.race import seconds
from tests.benchmarks.settings import Settings
from tests.benchmarks.subject import random_batch, random_surrogate


def alone(contender: str, settings: Settings) -> dict[str, Any]:
    """Let a contender craft once in a fresh process.

    Returns:
        `before_bytes`, with libraries, network and images loaded; `peak_bytes`; and `seconds` of a second run.
        Bytes are those of the process on a CPU, those that torch has allocated on a GPU.

    Raises:
        UserError: It cannot; the message says why.
    """
    told = json.dumps(asdict(settings))
    found: dict[str, Any] = json.loads(output_of([sys.executable, "-m", "tests.benchmarks.memory", contender, told]))
    return found


def main() -> None:
    """Measure this process."""
    float32_as_such()
    contender, settings = CONTENDERS[sys.argv[1]], Settings(**json.loads(sys.argv[2]))
    surrogate, batch = random_surrogate(settings), random_batch(settings)
    craft = contender.ready(surrogate, settings)
    before = resident(settings.device)
    craft(batch)
    took = seconds(craft, batch, settings.device)
    sys.stdout.write(json.dumps({"before_bytes": before, "peak_bytes": peak(settings.device), "seconds": took}))


def resident(device: str) -> int:
    """Return the bytes that are in use."""
    if device == "cuda":
        return torch.cuda.memory_allocated()
    statm = Path("/proc/self/statm")
    if not statm.is_file():  # no Linux: nothing was freed before the first pass but what building took
        return peak(device)
    return int(statm.read_text().split()[1]) * resource.getpagesize()


def peak(device: str) -> int:
    """Return the most bytes that were in use."""
    if device == "cuda":
        return torch.cuda.max_memory_allocated()
    largest = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return largest if sys.platform == "darwin" else largest * 1024


if __name__ == "__main__":
    main()
