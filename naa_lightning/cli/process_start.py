"""When this process began."""

import os
import time
from pathlib import Path


def process_began() -> float:
    """Return when this process began, as of `time.perf_counter`; where the system does not say, at the latest."""
    status = Path("/proc/self/stat")
    if not status.is_file():
        return time.perf_counter() - time.process_time()
    ticks = int(status.read_text(encoding="utf-8").rpartition(")")[2].split()[19])
    age = time.clock_gettime(time.CLOCK_BOOTTIME) - ticks / os.sysconf("SC_CLK_TCK")
    return time.perf_counter() - age
