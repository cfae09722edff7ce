"""The two jobs of the command line."""

import logging
import time
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict
from functools import partial
from pathlib import Path

from pytorch_lightning.loggers import Logger, WandbLogger
from rich.console import Console

from naa_lightning.composition import AttackExperiment, TrainingExperiment
from naa_lightning.config import AttackRun, TrainRun
from naa_lightning.crafting import craft
from naa_lightning.data import check_labels, check_targets
from naa_lightning.evaluation import SavedPairs, evaluate
from naa_lightning.models import TrainedModel
from naa_lightning.records import write_predictions
from naa_lightning.report import RunFacts, draw_panels, log_run, results_table, summarise, write_results
from naa_lightning.trainer import make_all, make_data, make_trainer
from naa_lightning.training import train


def run_attack(experiment: AttackExperiment) -> float | None:
    """Craft adversarial images on the surrogate, try them on the targets, report.

    Returns:
        The mean over black-box targets of the success rate, of a targeted attack the target rate; None where there is
        none.

    Raises:
        UserError: Something in the data or the models is not as it must be.
    """
    start = time.perf_counter()
    run = experiment.run
    _set_up_terminal(run)
    callbacks = make_all(run.callbacks, "callbacks")
    make_asking = partial(make_trainer, run.trainer, callbacks=callbacks)
    make_asking()  # refuses a device that is not there
    data = make_data(run.data)
    data.prepare_data()
    data.setup("predict")
    for source in experiment.sources:
        check_labels(data.images.records, source.num_classes)
    if run.attack.targeted:
        check_targets(data.images.records, data.name)
    for source in experiment.sources:
        if isinstance(source, TrainedModel) and not source.weights_path.is_file():
            train(source, run.trainer, callbacks)

    folder = Path(run.paths.run_dir)
    with _loggers(run) as loggers:
        crafting = craft(experiment, data, callbacks, loggers)
        pairs = SavedPairs(data.images, crafting.saved, crafting.folder)
        predictions = [
            row
            for source in experiment.sources
            for row in evaluate(source, pairs, make_asking, batch_size=data.batch_size, num_workers=data.num_workers)
        ]
        facts = RunFacts(
            surrogate=experiment.surrogate.name,
            white_box=[source.name for source in experiment.white_box],
            attack=run.attack.name,
            data=data.name,
            seconds=time.perf_counter() - start,
            crafted_now=crafting.crafted_now,
            device=crafting.device,
            peak_memory_bytes=crafting.peak_memory_bytes,
            config=asdict(run),
        )
        results = summarise(facts, list(crafting.saved.values()), predictions)
        write_predictions(folder, predictions)
        write_results(folder, results)
        draw_panels(folder, pairs, predictions, white_box=facts.white_box, count=run.report.panel_images)
        console = Console()
        console.print(results_table(results))
        log_run(loggers, folder)
    console.print(f"results: {folder.resolve()}", soft_wrap=True, highlight=False)
    mean: float | None = results["black_box_mean"]["target_rate" if run.attack.targeted else "success_rate"]
    return mean


def run_training(experiment: TrainingExperiment) -> float:
    """Train a classifier and keep its weights where attack runs look for them.

    Returns:
        The accuracy on held-out images, in [0, 1].

    Raises:
        UserError: Something in the recipe or the data is not as it must be.
    """
    run = experiment.run
    _set_up_terminal(run)
    with _loggers(run) as loggers:
        accuracy = train(experiment.model, run.trainer, make_all(run.callbacks, "callbacks"), loggers)
    Console().print(f"results: {experiment.model.weights_path.resolve()}", soft_wrap=True, highlight=False)
    return accuracy


@contextmanager
def _loggers(run: AttackRun | TrainRun) -> Iterator[list[Logger]]:
    """Build loggers, tell them the configuration, and close them, also when the run fails."""
    loggers: list[Logger] = make_all(run.logger, "logger")
    status = "failed"
    try:
        for logger in loggers:
            logger.log_hyperparams(asdict(run))
        yield loggers
        status = "success"
    finally:
        for logger in loggers:
            logger.finalize(status)
            if isinstance(logger, WandbLogger):
                logger.experiment.finish(exit_code=int(status == "failed"))


def _set_up_terminal(run: AttackRun | TrainRun) -> None:
    if run.extras.ignore_warnings:
        warnings.filterwarnings("ignore")
    for name in ("pytorch_lightning", "timm", "matplotlib"):
        logging.getLogger(name).setLevel(logging.WARNING)
    if run.extras.print_config:
        Console().print(asdict(run))
