"""Finding the layer to attack."""

import gc
import json
import math
from collections.abc import Sequence
from dataclasses import asdict, dataclass, replace
from statistics import fmean
from typing import Any

import torch
from rich.console import Console
from torch import Tensor

from naa_lightning import __version__
from naa_lightning.atomic import write_whole
from naa_lightning.config.attack_experiment import AttackExperiment
from naa_lightning.config.studies import LayerStudy
from naa_lightning.exceptions import UserError
from naa_lightning.metrics import Rate
from naa_lightning.metrics.wilson import Z_95
from naa_lightning.models import ClassifierSource
from naa_lightning.models.candidates import CandidateLayer, candidate_layers, named_layers
from naa_lightning.records import Prediction, write_predictions
from naa_lightning.report.layer_figure import draw_layers
from naa_lightning.report.layer_table import layer_records, layers_table, recommendation
from naa_lightning.report.study_files import log_study, write_study
from naa_lightning.runs.context import Bench
from naa_lightning.runs.pipeline import incomplete, try_on_targets
from naa_lightning.runs.stages.crafting import craft
from naa_lightning.runs.stages.reading import read_pairs

FILE_NAME = "layers.json"


@dataclass(frozen=True)
class LayerTrial:
    """An attack on one layer, tried on every target.

    Args:
        layer: Which.
        predictions: Every target's answers, in the data set's order.
        seconds_per_image: Of crafting.
    """

    layer: CandidateLayer
    predictions: Sequence[Prediction]
    seconds_per_image: float


def study_layers(study: LayerStudy, bench: Bench) -> float | None:
    """Attack each candidate layer of the surrogate and recommend the one whose images transfer best.

    Each layer's images and predictions are a run of their own in `layers/<name>` of the run's folder, so that a study
    that was stopped goes on where it was.

    Returns:
        The mean over black-box targets of the success rate, of a targeted attack the target rate, of the recommended
        layer; None where no image counts, and on all ranks but the first.

    Raises:
        UserError: The attack has no layer, the surrogate is several, there is no target to hold out, or a layer cannot
            be attacked.
    """
    surrogate = _surrogate(bench.experiment)
    layers = bench.ranks.everywhere(lambda: _candidates(study, surrogate, bench))
    trials = []
    for number, layer in enumerate(layers, start=1):
        if bench.ranks.first:
            Console().print(f"layer {number} of {len(layers)}: {layer.name}", soft_wrap=True, highlight=False)
        trials.append(_try(layer, surrogate, bench))
    if not bench.ranks.part():
        return None
    results = summarise_layers(trials, bench)
    write_whole(bench.folder / FILE_NAME, json.dumps(results, indent=2, allow_nan=False) + "\n")
    records = layer_records(results)
    write_study(bench.folder, "layers", records)
    figure = draw_layers(bench.folder, results)
    log_study(bench.loggers, "layers", records, figure)
    Console().print(layers_table(results))
    Console().print(recommendation(results), soft_wrap=True, highlight=False)
    best: float | None = next(
        (layer["black_box_mean"]["value"] for layer in results["layers"] if layer["verdict"] == "recommended"), None
    )
    return best


def _surrogate(experiment: AttackExperiment) -> ClassifierSource:
    """Return the surrogate, if the study can be made.

    Raises:
        UserError: It cannot.
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


def _candidates(study: LayerStudy, surrogate: ClassifierSource, bench: Bench) -> list[CandidateLayer]:
    model = replace(surrogate, layer=None).build()
    image = bench.data.images[0]["image"][None]
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


def _try(layer: CandidateLayer, surrogate: ClassifierSource, bench: Bench) -> LayerTrial:
    """Craft what the layer's folder lacks and ask every target."""
    source = replace(surrogate, layer=layer.name)
    run = bench.experiment.run
    run = replace(
        run,
        surrogate={**(run.surrogate or {}), "layer": layer.name},
        paths=replace(run.paths, run_dir=str(bench.folder / "layers" / layer.name)),
    )
    targets = [
        replace(target, source=source) if target.source.name == source.name else target
        for target in bench.experiment.targets
    ]
    experiment = replace(bench.experiment, run=run, surrogate=source, targets=targets, study=None)
    gc.collect()  # the last model lingers, see `evaluate`
    inner = replace(bench, experiment=experiment, loggers=[])
    made = craft(inner)
    tried = try_on_targets(inner, read_pairs(inner, made))
    if bench.ranks.first:
        write_predictions(inner.folder, tried.predictions)
    if tried.failed:
        raise incomplete(tried, bench.folder)
    return LayerTrial(layer, tried.predictions, fmean(image.seconds for image in made.saved.values()))


def summarise_layers(trials: Sequence[LayerTrial], bench: Bench) -> dict[str, Any]:
    """Return everything that `layers.json` holds.

    Args:
        trials: Of every layer, in the order of the network.
        bench: Of the run.
    """
    experiment, run = bench.experiment, bench.experiment.run
    assert experiment.surrogate is not None, "_surrogate has asked for it"
    hits = [_hits(trial.predictions, targeted=run.attack.targeted) for trial in trials]
    names = [target.name for target in experiment.black_box]
    black_box = [torch.stack([of_layer[name] for name in names]) for of_layer in hits]
    means = [estimate(of_layer, imagined=(0.0, 0.0, 1.0, 1.0)) for of_layer in black_box]
    # rounded, so that the order of a sum does not decide between equals
    best = max(range(len(trials)), key=lambda index: -1.0 if (mean := means[index]) is None else round(mean.value, 12))
    recommended = None if means[best] is None else best
    differences = [
        Estimate(0.0, 0.0, 0.0) if index == recommended else estimate(of_layer - black_box[best], imagined=(-1.0, 1.0))
        for index, of_layer in enumerate(black_box)
    ]
    return {
        "version": __version__,
        "surrogate": experiment.surrogate.name,
        "attack": run.attack.name,
        "data": bench.data.name,
        "images": len(bench.data.images),
        "rate": "target_rate" if run.attack.targeted else "success_rate",
        "white_box": [source.name for source in experiment.white_box],
        "recommended": None if recommended is None else trials[recommended].layer.name,
        "layers": [
            {
                **asdict(trial.layer),
                "verdict": _verdict(differences[index], index == recommended),
                "black_box_mean": _plain(means[index]),
                "difference": _plain(differences[index]),
                "targets": {name: _rate(values) for name, values in hits[index].items()},
                "seconds_per_image": trial.seconds_per_image,
            }
            for index, trial in enumerate(trials)
        ],
        "config": asdict(run),
    }


def _hits(predictions: Sequence[Prediction], *, targeted: bool) -> dict[str, Tensor]:
    """Return for each target what became of every image (N,): 1 for a success, else 0; NaN where it does not count.

    As the success rate counts, or the target rate of a targeted attack; see `TransferRates`.
    """
    hits: dict[str, list[float]] = {}
    for row in predictions:
        counts = row.target_class is not None if targeted else row.clean_prediction == row.label
        hit = row.adversarial_prediction == row.target_class if targeted else row.wrong
        hits.setdefault(row.target, []).append(float(hit) if counts else math.nan)
    return {target: torch.tensor(values, dtype=torch.float64) for target, values in hits.items()}


@dataclass(frozen=True)
class Estimate:
    """A number with its 95 % interval."""

    value: float
    low: float
    high: float


def estimate(outcomes: Tensor, imagined: Sequence[float]) -> Estimate | None:
    """Return the mean over targets of each target's mean over images, with a 95 % interval.

    The interval is Wald's with a few imagined images added, which keeps it honest near the ends of the range. The
    targets are given and the images are a sample, so that an image's outcomes on several targets count as one draw. For
    one target, two imagined failures and two successes make it that of Agresti and Coull (1998) for a rate, and one
    image for each side that of Bonett and Price (2012) for a difference of paired rates.

    Args:
        outcomes: (targets, images) in the range of `imagined`, NaN where an image does not count for a target.
        imagined: Outcomes of the imagined images, the same for every target.

    Returns:
        None where no image counts.

    Example:
        >>> rate = estimate(torch.tensor([[1.0, 1.0, 1.0, 0.0]]), imagined=(0.0, 0.0, 1.0, 1.0))
        >>> f"{rate.value:.2f}, {rate.low:.3f} to {rate.high:.3f}"
        '0.75, 0.290 to 0.960'
    """
    known = outcomes[outcomes.isfinite().any(1)].double()
    if not len(known):
        return None
    padded = torch.cat([known, known.new_tensor(imagined).expand(len(known), -1)], dim=1)
    means = padded.nanmean(1, keepdim=True)
    influence = ((padded - means) / padded.isfinite().sum(1, keepdim=True)).nan_to_num(0).mean(0)
    centre, margin = means.mean().item(), Z_95 * influence.square().sum().sqrt().item()
    return Estimate(
        value=known.nanmean(1).mean().item(),
        low=max(min(imagined), centre - margin),
        high=min(max(imagined), centre + margin),
    )


def _verdict(difference: Estimate | None, is_recommended: bool) -> str | None:
    if is_recommended:
        return "recommended"
    if difference is None:
        return None
    return "as good" if difference.high >= 0 else "worse"


def _plain(estimated: Estimate | None) -> dict[str, float | None]:
    return {"value": None, "low": None, "high": None} if estimated is None else asdict(estimated)


def _rate(outcomes: Tensor) -> dict[str, float | None]:
    rate = Rate(int(outcomes.nansum()), int(outcomes.isfinite().sum()))
    plain = Estimate(rate.value, *rate.interval) if rate.total else None
    return {**_plain(plain), "count": rate.count, "total": rate.total}
