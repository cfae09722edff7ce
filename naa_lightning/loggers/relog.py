"""Logging a finished run to W&B again, from its files."""

import hashlib
import json
from collections.abc import Mapping
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from pytorch_lightning.loggers import WandbLogger

from naa_lightning.exceptions import UserError
from naa_lightning.loggers.run import log_run, logging_to
from naa_lightning.loggers.wandb import INSTALL, wandb_logger
from naa_lightning.records import RunResults, read_results


def relog(folder: Path, *, project: str | None = None) -> str:
    """Log a finished run as the run itself would have, also where it had no logger.

    The W&B run's id is the configured one, or else follows from the run's configuration, so that logging it again
    updates it.

    Args:
        folder: The run's folder.
        project: The W&B project; None for the run's own, or else naa_lightning.

    Returns:
        The address of the W&B run, or the folder of an offline one.

    Raises:
        UserError: The results cannot be read, or the package wandb is not installed.
    """
    if find_spec("wandb") is None:
        raise UserError(f"W&B is not installed: {INSTALL}; --no-log writes the pages alone")
    results = read_results(folder)
    config = results.config
    options = _options(results)
    logger = wandb_logger(
        project=project or options.get("project", "naa_lightning"),
        name=options.get("name", run_name(results)),
        group=options.get("group", results.attack or "attack"),
        tags=config.get("tags") or (),
        save_dir=str(folder),
        mode=options.get("mode"),
        entity=options.get("entity"),
        job_type=options.get("job_type"),
        notes=options.get("notes"),
        id=options.get("id") or hashlib.sha256(json.dumps(config, sort_keys=True).encode()).hexdigest()[:16],
    )
    assert isinstance(logger, WandbLogger), "the package is there"
    with logging_to([logger], config):
        log_run([logger], folder)
        run = logger.experiment
        return str(run.url or run.dir)


def run_name(results: RunResults) -> str:
    """Return a run's name: surrogate, attack, data.

    Example:
        >>> run_name(RunResults(surrogate="vgg16", attack="naa", data="nips2017", images=0, targets={}))
        'vgg16-naa-nips2017'
    """
    return f"{results.surrogate or 'unknown'}-{results.attack}-{results.data}"


def _options(results: RunResults) -> Mapping[str, Any]:
    """Return the W&B options of the run, if it had any."""
    loggers: Mapping[str, Any] = results.config.get("logger") or {}
    return next((node for node in loggers.values() if str(node.get("_target_")).endswith(".wandb_logger")), {})
