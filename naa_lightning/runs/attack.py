"""The job of `attack.py`: an attack on all its ranks, from its data to its report."""

import logging
import time
from dataclasses import asdict, replace
from functools import partial
from pathlib import Path

from pytorch_lightning import Callback
from pytorch_lightning.loggers import CSVLogger, Logger

from naa_lightning.callbacks.stopwatch import Stopwatch
from naa_lightning.config.attack_experiment import AttackExperiment
from naa_lightning.config.options import in_options, key_of
from naa_lightning.config.studies import AttributionStudy, LayerStudy
from naa_lightning.config.training_plan import plan_of
from naa_lightning.data import ImageDataModule, check_classes, check_ids, check_labels, check_target_classes
from naa_lightning.distributed.ranks import Ranks
from naa_lightning.exceptions import DataError
from naa_lightning.loggers.run import logging_to
from naa_lightning.models import ClassifierSource, TrainedModel
from naa_lightning.runs.context import RunContext
from naa_lightning.runs.finished import finished_results
from naa_lightning.runs.on_all_ranks import on_all_ranks, print_results
from naa_lightning.runs.pipeline import attack_and_report
from naa_lightning.runs.shown_names import model_class_names
from naa_lightning.runs.stages.attacked_layers import with_attacked_layers
from naa_lightning.runs.stages.labelling import predict_labels
from naa_lightning.runs.stages.preflight import preflight
from naa_lightning.runs.stages.stock import check_configuration
from naa_lightning.runs.stages.training import train
from naa_lightning.runs.studies.attribution_study import study_attribution
from naa_lightning.runs.studies.layer_study import study_layers
from naa_lightning.runs.trainer import make_all, make_data

log = logging.getLogger(__name__)


def run_attack(experiment: AttackExperiment, *, again: bool = True, began: float | None = None) -> float | None:
    """Carry out an attack and report, or rate images that are there, or make a study instead.

    Where the configuration asks for several processes, they are started here, unless a cluster has done so.

    Args:
        experiment: Surrogate, attack, targets and data, composed and checked.
        again: Whether to rate the images and report also where the run's folder holds the results of this very run.
        began: Time from which the run's seconds count, as `time.perf_counter` gives it; None for now.

    Returns:
        What a sweep optimises; see `attack_and_report`. Of a study of layers, that of the layer it recommends; None of
        a study of attribution, and on all ranks but the first.

    Raises:
        UserError: Something in the data or the models is not as it must be.
        Stopped: SIGTERM or Ctrl-C asked for it; what is crafted is saved.
    """
    run = experiment.run
    if not again and (results := finished_results(experiment)) is not None:
        log.info("finished before: %s", run.paths.run_dir)
        return results.optimised
    began = time.perf_counter() if began is None else began
    resume_hint = f"the same command with {experiment.folder_option} goes on"
    return on_all_ranks(experiment, partial(_attack, began=began), resume_hint=resume_hint)


@in_options("data", DataError)
def _attack(experiment: AttackExperiment, ranks: Ranks, *, began: float) -> float | None:
    experiment = _in_one_folder(experiment, ranks)
    run = experiment.run
    stopwatch = Stopwatch(began)
    stopwatch.move("start_up")
    ranks.from_first(partial(check_configuration, experiment))
    # Before anything that takes long: a mistake in them is told at once.
    callbacks = make_all(Callback, run.callbacks, "callbacks") if ranks.first else []
    loggers = make_all(Logger, run.logger, "logger") if ranks.first else []
    with stopwatch.phase("data"):
        data = make_data(run.data)
        ranks.first_before_others(lambda: _prepare(data, experiment))
        ranks.from_first(data.check_files)
    for source in experiment.sources:
        if isinstance(source, TrainedModel) and not source.weights_path.is_file():
            plan = plan_of(source, key_of(source, run))
            curves = CSVLogger(plan.checkpoints, name="csv")
            with stopwatch.phase("training"):
                ranks.from_first(partial(train, plan, run.trainer, callbacks, [curves], folder=Path(run.paths.run_dir)))
    with stopwatch.phase("preflight"):
        experiment = with_attacked_layers(experiment, data, ranks)
    with logging_to(loggers, asdict(run)):
        context = RunContext(experiment, data, callbacks, loggers, ranks, stopwatch)
        mean = _attack_or_study(context if data.labelled else predict_labels(context))
    if ranks.first:
        print_results(Path(run.paths.run_dir), loggers)
    return mean


def _attack_or_study(context: RunContext) -> float | None:
    if context.experiment.run.preflight:
        context.noticed.update(preflight(context))
    match context.experiment.study:
        case AttributionStudy() as study:
            study_attribution(study, context)
            return None
        case LayerStudy() as study:
            return study_layers(study, context)
        case _:
            return attack_and_report(context)


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
    num_classes = experiment.sources[0].num_classes
    alike = [source for source in experiment.sources if source.num_classes == num_classes]
    data.expect_classes(num_classes, model_class_names(alike))
    data.setup("predict")
    if not data.labelled:
        _check_predicted(experiment)
    for source in experiment.sources:
        if data.labelled:
            check_labels(data.images.records, source.num_classes)
        data.check_names_fit(source.num_classes, source.name)
        if isinstance(source, ClassifierSource):
            check_classes(source.classes, source.name, data.class_names, data.name)
    if run.attack.targeted:
        check_target_classes(data.images.records, data.name)
    check_ids(run.report.attention_ids or [], data, "report.attention_ids")


def _check_predicted(experiment: AttackExperiment) -> None:
    """Check that what a surrogate predicts can be the labels of the images."""
    if experiment.surrogate is None:
        raise DataError(
            "`labels=predicted` takes what a surrogate predicts, and there is none: name it with surrogate=, or label "
            "the images with `csv=FILE`"
        )
    first = experiment.sources[0]
    for source in experiment.sources:
        if source.num_classes != first.num_classes:
            raise DataError(
                f"`labels=predicted` takes what {first.name} predicts, and of its {first.num_classes} classes "
                f"{source.name} knows {source.num_classes}: leave {source.name} out"
            )
