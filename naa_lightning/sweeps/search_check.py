"""Refusing a search that cannot find anything, before its first trial."""

import re
import sys
from copy import deepcopy
from typing import Any

from hydra.experimental.callback import Callback
from omegaconf import DictConfig, OmegaConf, open_dict

from naa_lightning.exceptions import UserError, in_one_line


class SearchCheck(Callback):
    """Ends the program with one line where a search has no mean black-box rate to maximise, or no run can begin."""

    def on_multirun_start(self, config: DictConfig, **kwargs: Any) -> None:
        """Compose what all trials share, as `attack.py` does."""
        try:
            _check(deepcopy(config))
        except UserError as error:
            sys.exit(f"error: {in_one_line(error)}")  # Hydra would make a warning of any other exception


def _check(config: DictConfig) -> None:
    from naa_lightning.config.attack_experiment import compose_attack_run  # noqa: PLC0415 - not needed by other sweeps
    from naa_lightning.config.studies import AttributionStudy  # noqa: PLC0415

    for key in config.hydra.sweeper.get("params") or {}:
        node, _, name = str(key).rpartition(".")
        if re.fullmatch(r"[\w.]+", str(key)) and name not in (OmegaConf.select(config, node) if node else config):
            raise UserError(
                f"attack={config.attack.name} has no {key} to search: write its search as conf/hparams_search/ has them"
            )
    if not config.craft:
        raise UserError("a search crafts images in each of its trials: leave out craft=false")
    hydra = config.hydra
    config.paths.run_dir = hydra.sweep.dir
    with open_dict(config):
        del config["hydra"]
    experiment = compose_attack_run(config, hydra)
    if isinstance(experiment.study, AttributionStudy):
        raise UserError(
            "a study of attribution gives a search nothing to maximise: leave out study= or hparams_search="
        )
    if not experiment.black_box:
        raise UserError(
            "a search maximises the success rate of black-box targets, and there are none: give targets= that are not "
            "the surrogate"
        )
