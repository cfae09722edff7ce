"""A W&B logger that never asks, never waits and keeps its files in the run's folder."""

import logging
import os
import shlex
import tempfile
from collections.abc import Mapping, Sequence
from importlib.util import find_spec
from pathlib import Path
from typing import Any, Literal

from pytorch_lightning.callbacks import ModelCheckpoint
from pytorch_lightning.loggers import CSVLogger, Logger, WandbLogger

from naa_lightning.exceptions import UserError, reason_of
from naa_lightning.identity import leaves
from naa_lightning.loggers.wandb_limits import check_limits
from naa_lightning.loggers.wandb_run import FILE_NAME, FolderRun, keep, kept_run, run_of
from naa_lightning.models.connectivity import is_online

log = logging.getLogger(__name__)

INSTALL = "pip install 'naa_lightning[wandb]'"


class RunLogger(WandbLogger):
    """Logs the whole configuration, and where models are uploaded, those of the best epochs, not that of the last one.

    In a sweep of W&B, a key of the configuration that the sweep chooses, such as `attack: mim`, belongs to the sweep,
    which tells by it what is done: it stays as it is, also when the run is logged again, and its node is logged beside
    it as `attack.name` and so on.
    """

    def log_hyperparams(self, params: Mapping[str, Any]) -> None:  # type: ignore[override]
        """Begin the W&B run and log the configuration: plain, nested values.

        Raises:
            UserError: W&B does not begin the run.
        """
        import wandb  # noqa: PLC0415 - see `_load_wandb`

        folder = Path(str(self.save_dir))
        try:
            known = self.experiment.config
        except wandb.errors.Error as error:
            raise UserError(
                f"W&B does not begin the run {self.version}: {reason_of(error)}; if it was deleted there, delete "
                f"{folder / FILE_NAME}; to log on this machine, give logger.wandb.mode=offline"
            ) from error
        run = kept_run(folder) or FolderRun(id=self.experiment.id)
        nodes = {key: node for key, node in params.items() if isinstance(node, Mapping)}
        swept = [key for key in nodes if key in run.swept or isinstance(known.get(key), str)]
        keep(FolderRun(id=run.id, swept=tuple(swept)), folder)
        beside = dict(leaf for key in swept for leaf in leaves(nodes[key], key))
        super().log_hyperparams({key: node for key, node in params.items() if key not in swept} | beside)

    def after_save_checkpoint(self, checkpoint_callback: ModelCheckpoint) -> None:
        """Take note of a checkpoint that a metric has chosen."""
        if checkpoint_callback.monitor is not None:
            super().after_save_checkpoint(checkpoint_callback)


def wandb_logger(
    *,
    project: str,
    name: str,
    group: str | None,
    tags: Sequence[str],
    save_dir: str,
    mode: str | None = None,
    entity: str | None = None,
    job_type: str | None = None,
    notes: str | None = None,
    id: str | None = None,
    log_model: Literal["all"] | bool = False,
) -> Logger:
    """Make a logger that writes below `save_dir`.

    Args:
        project: The W&B project.
        name: The name of the W&B run.
        group: The group of the W&B run; None for none.
        tags: The tags of the W&B run.
        save_dir: The run's folder.
        mode: "online" or "offline"; None for online where W&B has a key and answers, or else offline, or else, where
            the package wandb is not installed, CSV files.
        entity: The user or team that owns the project; None for the default one of the API key.
        job_type: The kind of the W&B run within its group; None for none.
        notes: A description of the W&B run; None for none.
        id: The id of the W&B run, which goes on if there is one; None for the one of the folder, see `run_of`.
        log_model: Whether the best epoch of a training is uploaded when it is done; "all" for each best one so far.

    Raises:
        UserError: A mode is asked for, and the package wandb is not installed; or W&B does not take a text.
    """
    if find_spec("wandb") is None:
        if mode is not None:
            raise UserError(f"mode={mode} needs the package wandb: {INSTALL}, or leave the mode out")
        log.info("W&B is not installed, so numbers go to %s/csv; to have it: %s", save_dir, INSTALL)
        return _csv_logger(save_dir)
    _load_wandb(Path(save_dir) / "wandb")
    check_limits(project=project, name=name, group=group, job_type=job_type, id=id, tags=tags)
    return RunLogger(
        project=project,
        name=name,
        group=group,
        tags=list(tags),
        save_dir=save_dir,
        mode=mode or _mode(save_dir),
        entity=entity,
        job_type=job_type,
        notes=notes,
        id=run_of(Path(save_dir), id).id,
        log_model=log_model,
    )


def _load_wandb(folder: Path) -> None:
    """Load W&B so that it keeps its files in a folder and its lines off the terminal."""
    folder.mkdir(parents=True, exist_ok=True)
    for variable in ("DATA", "CACHE", "ARTIFACT"):
        os.environ[f"WANDB_{variable}_DIR"] = str(folder / variable.lower())
    os.environ.setdefault("WANDB_SILENT", "true")
    # W&B makes a folder for media in the system's temporary one when it is first imported.
    before, tempfile.tempdir = tempfile.tempdir, str(folder.resolve())
    try:
        import wandb  # noqa: PLC0415 - only here, for the folder above
    finally:
        tempfile.tempdir = before
    # Also where it is not asked for a key first.
    wandb.setup(settings=wandb.Settings(silent=True))


def _csv_logger(save_dir: str) -> CSVLogger:
    logger = CSVLogger(save_dir, name="csv")
    Path(logger.log_dir).mkdir(parents=True)  # taken, should there be another logger of CSV files
    return logger


def _mode(save_dir: str) -> str:
    if asked := os.environ.get("WANDB_MODE"):
        return asked
    import wandb  # noqa: PLC0415 - see `_load_wandb`

    # One by one: of several files of one run, W&B passes over those that follow one whose process was killed.
    upload = f'for run in {shlex.quote(save_dir)}/wandb/offline-run-*; do wandb sync "$run"; done'
    later = "W&B logs offline: %s; to upload later: %s"
    if not wandb.login(prompt=False, verify=False):
        log.info(later, "there is no API key", upload)
        return "offline"
    server = os.environ.get("WANDB_BASE_URL", "https://api.wandb.ai")
    if not is_online(server):
        log.info(later, f"{server} is out of reach", upload)
        return "offline"
    return "online"
