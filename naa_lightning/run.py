"""The jobs of the command line."""

import logging
import warnings
from dataclasses import asdict

from rich.console import Console

from naa_lightning.composition import AttackExperiment, TrainingExperiment
from naa_lightning.config import AttackRun, TrainRun
from naa_lightning.data import check_ids, check_labels, check_targets
from naa_lightning.models import TrainedModel
from naa_lightning.report.log import logging_to
from naa_lightning.stages.bench import Bench
from naa_lightning.stages.pipeline import attack_and_report
from naa_lightning.stages.training import train
from naa_lightning.studies import AttributionStudy, LayerStudy
from naa_lightning.studies.attribution_study import study_attribution
from naa_lightning.studies.layer_study import study_layers
from naa_lightning.trainer import make_all, make_data, make_trainer


def run_attack(experiment: AttackExperiment) -> float | None:
    """Carry out an attack and report, or rate images that are there, or make a study instead.

    Returns:
        What a sweep optimises; see `attack_and_report`. Of a study of layers, that of the layer it recommends; None of
        a study of attribution.

    Raises:
        UserError: Something in the data or the models is not as it must be.
    """
    run = experiment.run
    _set_up_terminal(run)
    callbacks = make_all(run.callbacks, "callbacks")
    make_trainer(run.trainer)  # refuses a device that is not there
    data = make_data(run.data)
    data.prepare_data()
    data.setup("predict")
    for source in experiment.sources:
        check_labels(data.images.records, source.num_classes)
    if run.attack.targeted:
        check_targets(data.images.records, data.name)
    check_ids(run.report.attention_ids or [], data, "report.attention_ids")
    for source in experiment.sources:
        if isinstance(source, TrainedModel) and not source.weights_path.is_file():
            train(source, run.trainer, callbacks)

    with logging_to(make_all(run.logger, "logger"), asdict(run)) as loggers:
        bench = Bench(experiment, data, callbacks, loggers)
        mean: float | None
        match experiment.study:
            case AttributionStudy() as study:
                mean = None
                study_attribution(study, bench)
            case LayerStudy() as study:
                mean = study_layers(study, bench)
            case _:
                mean = attack_and_report(bench)
    Console().print(f"results: {bench.folder.resolve()}", soft_wrap=True, highlight=False)
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
    with logging_to(make_all(run.logger, "logger"), asdict(run)) as loggers:
        accuracy = train(experiment.model, run.trainer, make_all(run.callbacks, "callbacks"), loggers)
    Console().print(f"results: {experiment.model.weights_path.resolve()}", soft_wrap=True, highlight=False)
    return accuracy


def _set_up_terminal(run: AttackRun | TrainRun) -> None:
    if run.extras.ignore_warnings:
        warnings.filterwarnings("ignore")
    for name in ("pytorch_lightning", "timm", "matplotlib"):
        logging.getLogger(name).setLevel(logging.WARNING)
    if run.extras.print_config:
        Console().print(asdict(run))
