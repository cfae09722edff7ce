"""The jobs of the command line."""

import logging
import time
import warnings
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import asdict, replace
from functools import partial
from pathlib import Path
from typing import TypeVar

from pytorch_lightning.loggers import CSVLogger
from rich.console import Console

from naa_lightning.callbacks.stopwatch import Stopwatch
from naa_lightning.config.attack_experiment import AttackExperiment
from naa_lightning.config.schema import AttackRun, TrainRun
from naa_lightning.config.studies import AttributionStudy, LayerStudy
from naa_lightning.config.training_experiment import TrainingExperiment
from naa_lightning.config.training_plan import plan_of
from naa_lightning.data import ImageDataModule, check_classes, check_ids, check_labels, check_targets
from naa_lightning.distributed.launching import in_ranks
from naa_lightning.distributed.ranks import Place, Ranks, joined, place_given
from naa_lightning.distributed.stopping import Stopped, asked_to_stop, sigterm_noted
from naa_lightning.models import ClassifierSource, TrainedModel
from naa_lightning.report import optimised
from naa_lightning.report.log import logging_to
from naa_lightning.runs.context import Bench
from naa_lightning.runs.finished import finished_results
from naa_lightning.runs.pipeline import attack_and_report
from naa_lightning.runs.stages.training import train
from naa_lightning.runs.studies.attribution_study import study_attribution
from naa_lightning.runs.studies.layer_study import study_layers
from naa_lightning.runs.trainer import make_all, make_data, make_trainer, processes

log = logging.getLogger(__name__)
E = TypeVar("E", AttackExperiment, TrainingExperiment)
R = TypeVar("R")
_TRAINING_GOES_ON = "the same command goes on with the last finished epoch"


def run_attack(experiment: AttackExperiment, *, again: bool = True, began: float | None = None) -> float | None:
    """Carry out an attack and report, or rate images that are there, or make a study instead.

    Where the configuration asks for several processes, they are started here, unless a cluster has done so.

    Args:
        experiment: What is run.
        again: Rate the images and report also where the run's folder holds the results of this very run.
        began: Since when the run's time counts, as of `time.perf_counter`; None: now.

    Returns:
        What a sweep optimises; see `attack_and_report`. Of a study of layers, that of the layer it recommends; None of
        a study of attribution, and on all ranks but the first.

    Raises:
        UserError: Something in the data or the models is not as it must be.
        Stopped: SIGTERM asked for it; what is crafted is saved.
    """
    run = experiment.run
    if not again and (results := finished_results(run)) is not None:
        log.info("finished before: %s", run.paths.run_dir)
        return optimised(results)
    began = time.perf_counter() if began is None else began
    return _in_all_ranks(experiment, partial(run_attack_in_rank, began=began), going_on=_going_on(run))


def run_attack_in_rank(experiment: AttackExperiment, place: Place, *, began: float) -> float | None:
    """Do one rank's part of `run_attack`, which says what is returned and raised."""
    with _rank_of(experiment.run, place, _going_on(experiment.run)) as ranks:
        experiment = _in_one_folder(experiment, ranks)
        mean = _attack(experiment, ranks, began)
        if ranks.first:
            _tell_results(Path(experiment.run.paths.run_dir))
    return mean


def _attack(experiment: AttackExperiment, ranks: Ranks, began: float) -> float | None:
    stopwatch = Stopwatch(began)
    stopwatch.move("start_up")
    run = experiment.run
    callbacks = make_all(run.callbacks, "callbacks") if ranks.first else []
    with stopwatch.phase("data"):
        data = make_data(run.data)
        ranks.first_before_others(lambda: _prepare(data, experiment))
    for source in experiment.sources:
        if isinstance(source, TrainedModel) and not source.weights_path.is_file():
            plan = plan_of(source)
            curves = CSVLogger(plan.checkpoints, name="csv")
            with stopwatch.phase("training"):
                ranks.from_first(partial(train, plan, run.trainer, callbacks, [curves]))

    loggers = make_all(run.logger, "logger") if ranks.first else []
    with logging_to(loggers, asdict(run)):
        bench = Bench(experiment, data, callbacks, loggers, ranks, stopwatch)
        match experiment.study:
            case AttributionStudy() as study:
                study_attribution(study, bench)
                return None
            case LayerStudy() as study:
                return study_layers(study, bench)
            case _:
                return attack_and_report(bench)


def _in_one_folder(experiment: AttackExperiment, ranks: Ranks) -> AttackExperiment:
    """Take the first rank's folder for that of the run: clocks of ranks differ."""
    run = experiment.run
    folder = ranks.from_first(lambda: str(Path(run.paths.run_dir).absolute()))
    if ranks.first:
        return experiment
    return replace(experiment, run=replace(run, paths=replace(run.paths, run_dir=folder)))


def _prepare(data: ImageDataModule, experiment: AttackExperiment) -> None:
    """List the images, downloaded if need be, and check that they and the models fit each other."""
    run = experiment.run
    data.prepare_data()
    data.setup("predict")
    for source in experiment.sources:
        check_labels(data.images.records, source.num_classes)
        if isinstance(source, ClassifierSource):
            check_classes(source.classes, source.name, data.class_names, data.name)
    if run.attack.targeted:
        check_targets(data.images.records, data.name)
    check_ids(run.report.attention_ids or [], data, "report.attention_ids")


def run_training(experiment: TrainingExperiment) -> float:
    """Train a classifier and keep its weights where attack runs look for them.

    Where the configuration asks for several processes, they are started here, unless a cluster has done so.

    Returns:
        The accuracy on the test images, in [0, 1].

    Raises:
        UserError: Something in the recipe or the data is not as it must be.
        Stopped: SIGTERM asked for it; the epochs that are finished are saved.
    """
    return _in_all_ranks(experiment, run_training_in_rank, going_on=_TRAINING_GOES_ON)


def run_training_in_rank(experiment: TrainingExperiment, place: Place) -> float:
    """Do one rank's part of `run_training`, which says what is returned and raised."""
    run, plan = experiment.run, experiment.plan
    with _rank_of(run, place, _TRAINING_GOES_ON) as ranks:
        callbacks = make_all(run.callbacks, "callbacks")
        with logging_to(make_all(run.logger, "logger") if ranks.first else [], asdict(run)) as loggers:
            accuracy = train(plan, run.trainer, callbacks, loggers, ranks=ranks, ckpt_path=run.ckpt_path)
        if ranks.first:
            _tell_results(plan.weights_path)
    return accuracy


def _in_all_ranks(experiment: E, in_rank: Callable[[E, Place], R], *, going_on: str) -> R:
    """Start the ranks that the configuration asks for, unless a cluster has done so, and return the first one's result.

    Args:
        experiment: Given to each rank.
        in_rank: What a rank does.
        going_on: How a run that has lost a rank goes on, in words.
    """
    run, place = experiment.run, place_given()
    _quieten(run)
    count = processes(run.trainer, place)
    make_trainer(run.trainer, place=place)  # refuses a device that is not there
    return in_ranks(count, in_rank, experiment, going_on=going_on) if count > 1 else in_rank(experiment, place)


@contextmanager
def _rank_of(run: AttackRun | TrainRun, place: Place, going_on: str) -> Iterator[Ranks]:
    """Join the ranks of a run; what fails after SIGTERM, such as a worker that got it too, has been stopped."""
    _quieten(run)
    with joined(place) as ranks, sigterm_noted():
        if run.extras.print_config and ranks.first:
            Console().print(asdict(run))
        try:
            yield ranks
        except (Stopped, Exception) as error:
            # another rank may be asked to stop before this one is
            if not isinstance(error, Stopped) and not asked_to_stop():
                raise
            how = str(error) if isinstance(error, Stopped) else "stopped by SIGTERM"
            raise Stopped(f"{how}; {going_on}" if ranks.first else "") from None


def _tell_results(path: Path) -> None:
    Console().print(f"results: {path.resolve()}", soft_wrap=True, highlight=False)


def _quieten(run: AttackRun | TrainRun) -> None:
    if run.extras.ignore_warnings:
        warnings.filterwarnings("ignore")
    for name in ("pytorch_lightning", "timm", "matplotlib"):
        logging.getLogger(name).setLevel(logging.WARNING)


def _going_on(run: AttackRun) -> str:
    return f"the same command with hydra.run.dir={run.paths.run_dir} goes on"
