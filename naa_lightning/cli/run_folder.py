"""The folder of a run or sweep, before Hydra writes into it."""

import logging
import os
from itertools import count
from pathlib import Path
from typing import Any

from hydra.experimental.callback import Callback
from omegaconf import DictConfig, OmegaConf, read_write

from naa_lightning.config.overrides import as_override
from naa_lightning.distributed.folder_lock import FILE_NAME, alone_in
from naa_lightning.exceptions import UserError


class RunFolder(Callback):
    """Gives a run or a sweep a folder that is its own.

    Of a folder that is named by the time there is never a second one. Hydra's files and the log of a folder in which
    there is a run are that run's, and under `srun` or `torchrun` its first rank's.
    """

    def on_run_start(self, config: DictConfig, **kwargs: Any) -> None:
        """Choose the folder of a run.

        Args:
            config: The composed configuration with its `hydra` node, which is changed.
            **kwargs: What Hydra also tells.
        """
        with read_write(config.hydra):  # Hydra 1.4 hands it over read-only
            if _is_later_rank():
                config.hydra.run.dir = "."
                _leave_alone(config)
            elif _is_named_by_time(config.hydra.run):
                config.hydra.run.dir = str(_new(Path(config.hydra.run.dir)))
            elif _is_occupied(Path(config.hydra.run.dir)):  # which is told when the run begins: Hydra hides errors here
                _leave_alone(config)

    def on_multirun_start(self, config: DictConfig, **kwargs: Any) -> None:
        """Choose the folder of a sweep, and pass it on to the jobs, whatever launches them."""
        if _is_named_by_time(config.hydra.sweep):
            folder = str(_new(Path(config.hydra.sweep.dir)))
            with read_write(config.hydra):
                config.hydra.sweep.dir = folder
                config.hydra.overrides.hydra.append(as_override("hydra.sweep.dir", folder))


def _leave_alone(config: DictConfig) -> None:
    """Have Hydra write neither files nor a log."""
    config.hydra.output_subdir = None
    config.hydra.job_logging.root = None
    logging.getLogger().handlers.clear()


def _is_occupied(folder: Path) -> bool:
    if not (folder / FILE_NAME).is_file():
        return False
    try:
        with alone_in(folder):
            return False
    except UserError:
        return True


def _is_later_rank() -> bool:
    if not {"SLURM_STEP_NUM_TASKS", "TORCHELASTIC_RUN_ID"} & os.environ.keys():
        return False
    from naa_lightning.distributed.process_info import detect_process  # noqa: PLC0415 - loads torch

    return detect_process().rank > 0


def _is_named_by_time(node: DictConfig) -> bool:
    return "${now:" in str(OmegaConf.to_container(node, resolve=False)["dir"])  # type: ignore[call-overload,index]


def _new(wanted: Path) -> Path:
    """Make a folder that is not there yet, with a number after its name where that one is.

    Where none can be made, what is wanted is returned, and Hydra says why.
    """
    for number in count(1):
        folder = wanted if number == 1 else wanted.with_name(f"{wanted.name}_{number}")
        try:
            folder.mkdir(parents=True)
        except FileExistsError:
            continue
        except OSError:
            return wanted
        return folder
    raise AssertionError("there is always another number")
