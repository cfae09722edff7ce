"""What the results of a run or of a study say of how they were made."""

import platform
import subprocess
from dataclasses import asdict
from datetime import UTC, datetime, timedelta
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

import torch

from naa_lightning import __version__
from naa_lightning.records.json_file import SCHEMA_VERSION
from naa_lightning.records.provenance import Commit, Environment
from naa_lightning.runs.context import RunContext
from naa_lightning.runs.trainer import device_of

_PACKAGES = ("torch", "torchvision", "timm", "pytorch-lightning", "torchmetrics", "numpy", "onnxruntime")


def provenance(context: RunContext, *, images: int) -> dict[str, Any]:
    """Return the fields of `Provenance`.

    Args:
        context: The run.
        images: Number of images.
    """
    experiment = context.experiment
    device = device_of(experiment.run.trainer, context.ranks.process)
    return {
        "schema_version": SCHEMA_VERSION,
        "version": __version__,
        "commit": _commit(),
        "command": experiment.command,
        "overrides": tuple(experiment.overrides),
        "started": datetime.now(UTC) - timedelta(seconds=sum(context.stopwatch.seconds().values())),
        "environment": _environment(str(device)),
        "surrogate": None if experiment.surrogate is None else experiment.surrogate.name,
        "attack": experiment.run.attack.name,
        "data": context.data.name,
        "labels_from": context.labels_from,
        "images": images,
        "config": asdict(experiment.run),
    }


def _environment(device: str) -> Environment:
    """Describe where this process runs."""
    return Environment(
        device=device,
        processor=torch.cuda.get_device_name(device) if device.startswith("cuda") else _processor(),
        system=f"{platform.system()} {platform.release()} {platform.machine()}",
        python=platform.python_version(),
        packages={name: found for name in _PACKAGES if (found := _version(name)) is not None},
    )


def _commit() -> Commit | None:
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
