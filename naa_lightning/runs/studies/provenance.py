"""What the results of a study say of how it was made."""

from dataclasses import asdict
from datetime import UTC, datetime, timedelta
from typing import Any

from naa_lightning import __version__
from naa_lightning.records.results import SCHEMA_VERSION
from naa_lightning.runs.context import RunContext
from naa_lightning.runs.environment import commit, environment
from naa_lightning.runs.trainer import device_of


def provenance(context: RunContext, *, images: int) -> dict[str, Any]:
    """Return the fields that the results of all studies have.

    Args:
        context: The run.
        images: Number of images.
    """
    experiment, seconds = context.experiment, sum(context.stopwatch.seconds().values())
    device = device_of(experiment.run.trainer, context.ranks.process)
    return {
        "schema_version": SCHEMA_VERSION,
        "version": __version__,
        "commit": commit(),
        "command": experiment.command,
        "overrides": tuple(experiment.overrides),
        "started": datetime.now(UTC) - timedelta(seconds=seconds),
        "environment": environment(str(device)),
        "surrogate": "" if experiment.surrogate is None else experiment.surrogate.name,
        "attack": experiment.run.attack.name,
        "data": context.data.name,
        "images": images,
        "seconds": seconds,
        "config": asdict(experiment.run),
    }
