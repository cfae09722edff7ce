"""Logging a finished run to W&B again, from its files."""

from collections.abc import Mapping
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from pytorch_lightning.loggers import Logger, WandbLogger

from naa_lightning.exceptions import UserError
from naa_lightning.loggers.run import log_run, logging_to
from naa_lightning.loggers.wandb import INSTALL, wandb_logger
from naa_lightning.loggers.wandb_run import kept_run
from naa_lightning.records import RunResults, read_results
from naa_lightning.short_names import LONGEST_IN_WANDB, run_name, shortened


def relog(folder: Path, *, project: str | None = None) -> str:
    """Log a finished run as the run itself would have, also where it had no logger.

    The W&B run is the folder's one, which is updated; where it has none yet, it gets one.

    Args:
        folder: The run's folder.
        project: The W&B project; None for the run's own, or else naa_lightning.

    Returns:
        The address of the W&B run, or the folder of an offline one.

    Raises:
        UserError: The results cannot be read, the package wandb is not installed, or W&B does not take the run.
    """
    if find_spec("wandb") is None:
        raise UserError(f"W&B is not installed: {INSTALL}; --no-log writes the pages alone")
    results = read_results(folder)
    try:
        logger = _logger(folder, results, project)
    except UserError as error:
        raise UserError(f"{folder}: {error}; --no-log writes the pages alone") from error
    assert isinstance(logger, WandbLogger), "the package is there"
    with logging_to([logger], results.config):
        log_run([logger], folder)
        run = logger.experiment
        return str(run.url or run.dir)


def _logger(folder: Path, results: RunResults, project: str | None) -> Logger:
    config, options, kept = results.config, _options(results), kept_run(folder)
    return wandb_logger(
        project=project or options.get("project", "naa_lightning"),
        name=options.get("name", run_name(results.surrogate, results.attack, results.data, config.get("seed"))),
        group=options.get("group", shortened(results.attack or "attack", LONGEST_IN_WANDB)),
        tags=config.get("tags") or (),
        save_dir=str(folder),
        mode=options.get("mode"),
        entity=options.get("entity"),
        job_type=options.get("job_type"),
        notes=options.get("notes"),
        id=kept.id if kept else options.get("id"),
    )


def _options(results: RunResults) -> Mapping[str, Any]:
    """Return the W&B options of the run, if it had any."""
    loggers: Mapping[str, Any] = results.config.get("logger") or {}
    return next((node for node in loggers.values() if str(node.get("_target_")).endswith(".wandb_logger")), {})
