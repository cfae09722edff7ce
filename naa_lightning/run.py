"""The two jobs of the command line."""

import logging
import time
import warnings
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

import wandb
from omegaconf import DictConfig, OmegaConf
from pytorch_lightning.loggers import Logger
from rich.console import Console

from naa_lightning.composition import build_all, compose, make_trainer, model_source, plain_values
from naa_lightning.config import AttackRun, ExtrasNode, TrainRun, validated
from naa_lightning.crafting import craft
from naa_lightning.errors import UserError
from naa_lightning.evaluation import SavedPairs, evaluate
from naa_lightning.models import TrainedModel
from naa_lightning.records import write_predictions
from naa_lightning.report import RunFacts, draw_panels, log_run, results_table, summarise, write_results
from naa_lightning.training import train


def attack(config: DictConfig) -> float | None:
    """Craft adversarial images on a surrogate, try them on targets, report.

    Args:
        config: `attack.yaml`, composed.

    Returns:
        The mean success rate over black-box targets; None where there is none.

    Raises:
        UserError: Something in the configuration, the data or the models is not as it must be.
    """
    start = time.perf_counter()
    values = plain_values(config)
    run = validated(AttackRun, values)
    _set_up_terminal(run.extras, config)
    experiment = compose(run)
    sources = [experiment.surrogate, *experiment.black_box]
    for source in sources:
        if isinstance(source, TrainedModel) and not source.weights_path.is_file():
            train(source, run.trainer, experiment.callbacks)

    folder, data = Path(run.paths.run_dir), experiment.data
    with _loggers(run.logger) as loggers:
        crafting = craft(run, experiment, loggers)
        pairs = SavedPairs(data.images, crafting.saved, crafting.folder)
        asking = make_trainer(run.trainer, callbacks=experiment.callbacks)
        predictions = [
            row for source in sources for row in evaluate(source, pairs, asking, data.batch_size, data.num_workers)
        ]
        facts = RunFacts(
            surrogate=experiment.surrogate.name,
            attack=run.attack.name,
            data=data.name,
            seconds=time.perf_counter() - start,
            crafted_now=crafting.crafted_now,
            device=crafting.device,
            peak_memory_bytes=crafting.peak_memory_bytes,
            config=values,
        )
        results = summarise(facts, list(crafting.saved.values()), predictions)
        write_predictions(folder, predictions)
        write_results(folder, results)
        draw_panels(folder, pairs, predictions, count=run.report.panel_images, amplification=run.report.amplification)
        log_run(loggers, folder)
    console = Console()
    console.print(results_table(results))
    console.print(f"results: {folder.resolve()}", soft_wrap=True, highlight=False)
    success: float | None = results["black_box_mean"]["success_rate"]
    return success


def train_classifier(config: DictConfig) -> float:
    """Train a classifier and keep its weights where attack runs look for them.

    Args:
        config: `train.yaml`, composed.

    Returns:
        The accuracy on held-out images, in [0, 1].

    Raises:
        UserError: Something in the configuration or the data is not as it must be.
    """
    run = validated(TrainRun, plain_values(config))
    _set_up_terminal(run.extras, config)
    source = model_source(run.surrogate, "surrogate")
    if not isinstance(source, TrainedModel):
        raise UserError(f"surrogate={source.name} has published weights; train.py takes the networks of this project")
    source = replace(source, recipe={"training": run.training, "data": run.data})
    callbacks = build_all(run.callbacks, "callbacks")
    with _loggers(run.logger) as loggers:
        accuracy = train(source, run.trainer, callbacks, loggers)
    print(f"accuracy {100 * accuracy:.1f} %\nresults: {source.weights_path.resolve()}")  # noqa: T201
    return accuracy


@contextmanager
def _loggers(nodes: Mapping[str, Mapping[str, Any]] | None) -> Iterator[list[Logger]]:
    """Build loggers and close them, also when the run fails."""
    loggers = build_all(nodes, "logger")
    failed = True
    try:
        yield loggers
        failed = False
    finally:
        for logger in loggers:
            logger.finalize("failed" if failed else "success")
        wandb.finish(exit_code=int(failed))


def _set_up_terminal(extras: ExtrasNode, config: DictConfig) -> None:
    if extras.ignore_warnings:
        warnings.filterwarnings("ignore")
    for name in ("pytorch_lightning", "lightning.pytorch", "timm"):
        logging.getLogger(name).setLevel(logging.WARNING)
    if extras.print_config:
        Console().print(OmegaConf.to_yaml(config, resolve=True), markup=False)
