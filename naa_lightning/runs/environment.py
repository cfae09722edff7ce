"""Where a run runs: device, system, versions, commit."""

import platform
import subprocess
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

import torch

from naa_lightning.records.results import Commit, Environment

_PACKAGES = ("torch", "torchvision", "timm", "pytorch-lightning", "torchmetrics", "numpy", "onnxruntime")


def environment(device: str) -> Environment:
    """Describe where this process runs.

    Args:
        device: The device that it works on, as torch names it.
    """
    return Environment(
        device=device,
        processor=torch.cuda.get_device_name(device) if device.startswith("cuda") else _processor(),
        system=f"{platform.system()} {platform.release()} {platform.machine()}",
        python=platform.python_version(),
        packages={name: found for name in _PACKAGES if (found := _version(name)) is not None},
    )


def commit() -> Commit | None:
    """Return the commit of the repository that this process was started in; None outside of one or without git."""
    found = _git("rev-parse", "HEAD")
    return None if found is None else Commit(id=found, modified=bool(_git("status", "--porcelain", "-uno")))


def _git(*arguments: str) -> str | None:
    try:
        done = subprocess.run(["git", *arguments], capture_output=True, text=True, timeout=5, check=True)
    except (OSError, subprocess.SubprocessError):
        return None
    return done.stdout.strip()


def _processor() -> str:
    """Return the model of the CPU as Linux tells it, or else what Python knows."""
    try:
        lines = Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines()
    except OSError:
        lines = []
    named = (line.partition(":")[2].strip() for line in lines if line.startswith("model name"))
    return next(named, "") or platform.processor() or platform.machine()


def _version(package: str) -> str | None:
    try:
        return version(package)
    except PackageNotFoundError:
        return None
