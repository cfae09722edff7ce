"""A W&B logger that never asks, never waits and keeps its files in the run's folder."""

import logging
import os
import tempfile
from collections.abc import Sequence
from pathlib import Path

from pytorch_lightning.loggers import WandbLogger

from naa_lightning.models.connectivity import is_online

log = logging.getLogger(__name__)


def wandb_logger(
    *,
    project: str,
    name: str,
    group: str | None,
    tags: Sequence[str],
    save_dir: str,
    mode: str | None = None,
    run_id: str | None = None,
) -> WandbLogger:
    """Make a logger that writes below `save_dir`.

    Args:
        project: The W&B project.
        name: The name of the W&B run.
        group: The group of the W&B run; None for none.
        tags: The tags of the W&B run.
        save_dir: The run's folder.
        mode: "online" or "offline"; None for online where W&B has a key and answers, or else offline.
        run_id: The id of the W&B run; None for a new one.
    """
    folder = Path(save_dir) / "wandb"
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
    # Keeps W&B's own lines off the terminal, also where it is not asked for a key first.
    wandb.setup(settings=wandb.Settings(silent=True))
    return WandbLogger(
        project=project,
        name=name,
        group=group,
        tags=list(tags),
        save_dir=save_dir,
        mode=mode or _mode(save_dir),
        id=run_id,
    )


def _mode(save_dir: str) -> str:
    if asked := os.environ.get("WANDB_MODE"):
        return asked
    import wandb  # noqa: PLC0415 - see `wandb_logger`

    later = f"W&B logs offline: %s; to upload later: wandb sync {save_dir}/wandb/offline-run-*"
    if not wandb.login(prompt=False, verify=False):
        log.info(later, "there is no API key")
        return "offline"
    server = os.environ.get("WANDB_BASE_URL", "https://api.wandb.ai")
    if not is_online(server):
        log.info(later, f"{server} is out of reach")
        return "offline"
    return "online"
