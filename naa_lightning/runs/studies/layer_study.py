"""Finding the layer to attack."""

import gc
import math
from collections.abc import Sequence
from dataclasses import asdict, dataclass, replace
from statistics import fmean
from typing import Literal

import torch
from rich.console import Console
from rich.text import Text
from torch import Tensor

from naa_lightning.atomic import write_atomically
from naa_lightning.config.attack_experiment import AttackExperiment
from naa_lightning.config.studies import LayerStudy
from naa_lightning.exceptions import UserError
from naa_lightning.loggers.study import log_study
from naa_lightning.metrics import Rate
from naa_lightning.metrics.estimate import DIFFERENCE, RATE, Estimate, estimate
from naa_lightning.models import ClassifierSource
from naa_lightning.models.candidates import CandidateLayer, candidate_layers, named_layers
from naa_lightning.records import Prediction, write_predictions
from naa_lightning.records.csv_text import csv_text
from naa_lightning.records.studies import LayerResult, LayerStudyResults, write_study
from naa_lightning.records.targets import EstimateResult, RateResult, headline_rate
from naa_lightning.report.page.study_page import write_study_page
from naa_lightning.report.study_tables import layer_finding, layer_frame, layers_table
from naa_lightning.runs.context import RunContext
from naa_lightning.runs.provenance import provenance
from naa_lightning.runs.stages.crafting import craft
from naa_lightning.runs.stages.evaluation import evaluate
from naa_lightning.runs.stages.reading import read_pairs


@dataclass(frozen=True)
class LayerTrial:
    """An attack on one layer, evaluated on every target.

    Args:
        layer: The attacked layer.
        predictions: The predictions of all targets, in the data set's order.
        seconds_per_image: Mean crafting time in seconds.
    """

    layer: CandidateLayer
    predictions: Sequence[Prediction]
    seconds_per_image: float


def study_layers(study: LayerStudy, context: RunContext) -> float | None:
    """Attack each candidate layer of the surrogate and recommend the one whose images transfer best.

    Each layer's images and predictions are a run of their own in `layers/<name>` of the run's folder, so that a study
    that was stopped goes on where it was.

    Args:
        study: The candidate layers.
        context: The run.

    Returns:
        The mean over black-box targets of the success rate, of a targeted attack the target rate, of the recommended
        layer; None where no image counts, and on all ranks but the first.

    Raises:
        UserError: The attack has no layer, the surrogate is several, there is no target to hold out, or a layer cannot
            be attacked.
    """
    surrogate = _surrogate(context.experiment)
    layers = context.ranks.everywhere(lambda: _candidates(study, surrogate, context))
    trials = []
    for number, layer in enumerate(layers, start=1):
        if context.ranks.first:
            Console().print(f"layer {number} of {len(layers)}: {layer.name}", soft_wrap=True, highlight=False)
        trials.append(_attack_layer(layer, surrogate, context))
    if not context.ranks.part():
        return None
    results, console = summarise_layers(trials, context), Console()
    write_study(context.folder, results)
    frame = layer_frame(results)
    write_atomically(context.folder / "layers.csv", csv_text(frame))
    page = write_study_page(context.folder, results)
    log_study(context.loggers, "layers", frame, seed=context.experiment.run.seed)
    console.print(layers_table(results))
    for line in (*filter(None, layer_finding(results)), f"report: {page.resolve()}"):
        console.print(Text(line), soft_wrap=True)
    return None if results.best is None else results.best.black_box_mean.value


def _surrogate(experiment: AttackExperiment) -> ClassifierSource:
    """Return the surrogate of a study.

    Raises:
        UserError: The study cannot be made with this attack, surrogate or targets.
    """
    name = experiment.run.attack.name
    if not experiment.attack.objective.feature_level:
        raise UserError(
            f"attack={name} attacks no layer: study=layers takes an attack on features, such as attack=naa, fia, rpa, "
            "nrdm or fda"
        )
    if not isinstance(experiment.surrogate, ClassifierSource):
        members = ", ".join(source.name for source in experiment.white_box)
        raise UserError(f"study=layers takes one surrogate, got several ({members}): study each alone")
    if not experiment.black_box:
        raise UserError(
            "study=layers recommends a layer by how its images fool other models: give held-out targets, such as "
            "targets=undefended"
        )
    if any(target.defences for target in experiment.targets):
        raise UserError("study=layers compares layers on targets as they are: leave out the defences")
    return experiment.surrogate


def _candidates(study: LayerStudy, surrogate: ClassifierSource, context: RunContext) -> list[CandidateLayer]:
    model = replace(surrogate, layer=None).build()
    image = context.data.images[0]["image"][None]
    if study.layers is not None:
        try:
            return named_layers(model, image, study.layers)
        except ValueError as error:
            raise UserError(f"study.layers: {error}") from error
    found = candidate_layers(model, image, depth=study.depth, limit=study.candidates, branches=study.branches)
    if not found:
        raise UserError(
            f"{surrogate.name} has no layer to attack whose name has at most {study.depth} parts: raise study.depth, "
            "set study.branches=true or name study.layers"
        )
    return found


def _attack_layer(layer: CandidateLayer, surrogate: ClassifierSource, context: RunContext) -> LayerTrial:
    """Craft the images that the layer's folder lacks and evaluate all of them."""
    source = replace(surrogate, layer=layer.name)
    run = context.experiment.run
    run = replace(
        run,
        surrogate={**(run.surrogate or {}), "layer": layer.name},
        paths=replace(run.paths, run_dir=str(context.folder / "layers" / layer.name)),
    )
    targets = [
        replace(target, source=source) if target.source.name == source.name else target
        for target in context.experiment.targets
    ]
    experiment = replace(context.experiment, run=run, surrogate=source, targets=targets, study=None)
    gc.collect()  # the last model lingers, see `evaluate`
    of_layer = replace(context, experiment=experiment, loggers=[])
    adversarial = craft(of_layer)
    evaluation = evaluate(of_layer, read_pairs(of_layer, adversarial))
    if context.ranks.first:
        write_predictions(of_layer.folder, evaluation.predictions)
    evaluation.check_complete(context.folder, context.experiment.folder_option)
    return LayerTrial(layer, evaluation.predictions, fmean(image.seconds for image in adversarial.saved.values()))


def summarise_layers(trials: Sequence[LayerTrial], context: RunContext) -> LayerStudyResults:
    """Return the content of `layers.json`.

    Args:
        trials: The trials of all layers, in the order of the network.
        context: The run.
    """
    experiment, rate = context.experiment, headline_rate(targeted=context.experiment.run.attack.targeted)
    outcomes = [_outcomes(trial.predictions, rate) for trial in trials]
    names = [target.name for target in experiment.black_box]
    black_box = [torch.stack([of_layer[name] for name in names]) for of_layer in outcomes]
    means = [estimate(of_layer, imagined=RATE) for of_layer in black_box]
    # rounded, so that the order of a sum does not decide between equals
    best = max(range(len(trials)), key=lambda index: -1.0 if (mean := means[index]) is None else round(mean.value, 12))
    recommended = None if means[best] is None else best
    differences = [
        Estimate(0.0, 0.0, 0.0) if index == recommended else estimate(of_layer - black_box[best], imagined=DIFFERENCE)
        for index, of_layer in enumerate(black_box)
    ]
    return LayerStudyResults(
        seconds=sum(context.stopwatch.seconds().values()),
        **provenance(context, images=len(context.data.images)),
        rate=rate,
        white_box=tuple(source.name for source in experiment.white_box),
        recommended=None if recommended is None else trials[recommended].layer.name,
        layers=tuple(
            LayerResult(
                **asdict(trial.layer),
                verdict=_verdict(differences[index], index == recommended),
                black_box_mean=_result(means[index]),
                difference=_result(differences[index]),
                targets={name: _rate(values) for name, values in outcomes[index].items()},
                seconds_per_image=trial.seconds_per_image,
            )
            for index, trial in enumerate(trials)
        ),
    )


def _outcomes(predictions: Sequence[Prediction], rate: str) -> dict[str, Tensor]:
    """Return each target's outcomes (N,): 1 where an image counts towards the rate, else 0; NaN where it does not."""
    outcomes: dict[str, list[float]] = {}
    for row in predictions:
        found = row.outcome(rate)
        outcomes.setdefault(row.target, []).append(math.nan if found is None else float(found))
    return {target: torch.tensor(values, dtype=torch.float64) for target, values in outcomes.items()}


def _verdict(difference: Estimate | None, is_recommended: bool) -> Literal["recommended", "as good", "worse"] | None:
    if is_recommended:
        return "recommended"
    if difference is None:
        return None
    return "as good" if difference.high >= 0 else "worse"


def _result(estimated: Estimate | None) -> EstimateResult:
    return EstimateResult() if estimated is None else EstimateResult(**asdict(estimated))


def _rate(outcomes: Tensor) -> RateResult:
    rate = Rate(int(outcomes.nansum()), int(outcomes.isfinite().sum()))
    if not rate.total:
        return RateResult()
    low, high = rate.interval
    return RateResult(value=rate.value, low=low, high=high, count=rate.count, total=rate.total)
