"""Refusing a search that cannot find anything, before its first trial."""

import re
import sys
from collections.abc import Mapping
from copy import deepcopy
from dataclasses import asdict
from typing import Any, Literal

from hydra.conf import HydraConf
from hydra.experimental.callback import Callback
from omegaconf import DictConfig, OmegaConf, open_dict

from naa_lightning.exceptions import UserError, in_one_line


class SearchCheck(Callback):
    """Ends the program with one line where a search has nothing to maximise or to change, or no run can begin.

    Args:
        program: Program whose numbers are searched.
    """

    def __init__(self, program: Literal["attack", "train"]) -> None:
        self.program = program

    def on_multirun_start(self, config: DictConfig, **kwargs: Any) -> None:
        """Compose what all trials share, as the program does."""
        try:
            _check(self.program, deepcopy(config))
        except UserError as error:
            sys.exit(f"error: {in_one_line(error)}")  # Hydra would make a warning of any other exception


def _check(program: str, config: DictConfig) -> None:
    running = "attack" if "attack" in config else "train"
    if program != running:
        raise UserError(
            f"this search is of numbers of naa-{program}, and this is naa-{running}: give hparams_search="
            f"{'optuna' if running == 'attack' else 'optuna_training'}"
        )
    hydra = config.hydra
    config.paths.run_dir = hydra.sweep.dir
    with open_dict(config):
        del config["hydra"]
    (_check_attack if program == "attack" else _check_training)(config, hydra)


def _check_attack(config: DictConfig, hydra: HydraConf) -> None:
    from naa_lightning.config.attack_experiment import compose_attack_run  # noqa: PLC0415 - not needed by other sweeps
    from naa_lightning.config.studies import AttributionStudy  # noqa: PLC0415

    _check_keys(hydra, config, f"attack={config.attack.name}")
    if not config.craft:
        raise UserError("a search crafts images in each of its trials: leave out craft=false")
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


def _check_training(config: DictConfig, hydra: HydraConf) -> None:
    from naa_lightning.config.training_experiment import compose_training_run  # noqa: PLC0415

    experiment = compose_training_run(config, hydra)  # which completes the recipe
    _check_keys(hydra, OmegaConf.create(asdict(experiment.run)), f"surrogate={experiment.plan.source.name}")


def _check_keys(hydra: HydraConf, config: DictConfig, of_what: str) -> None:
    """Check that what is searched is there; keys with more than letters, digits and dots are Hydra's own business."""
    for key in hydra.sweeper.get("params") or {}:
        node, _, name = str(key).rpartition(".")
        there: Mapping[Any, Any] = (OmegaConf.select(config, node) if node else config) or {}
        if re.fullmatch(r"[\w.]+", str(key)) and name not in there:
            raise UserError(f"{of_what} has no {key} to search: write its search as conf/hparams_search/ has them")
