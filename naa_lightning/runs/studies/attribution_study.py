"""Comparing attribution methods with exact neuron attribution."""

import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, replace

import torch
from pytorch_lightning import LightningModule
from rich.console import Console
from torch.nn import ModuleDict, ModuleList
from torchmetrics import MeanMetric, Metric

from naa_lightning.attribution import (
    Attribute,
    Attribution,
    Method,
    agreement,
    attribution_statistics,
)
from naa_lightning.config.studies import AttributionStudy, Candidate
from naa_lightning.data import Batch, LabelledImages, check_ids
from naa_lightning.exceptions import UserError
from naa_lightning.metrics import AgreementMetric, AttributionMetric
from naa_lightning.models import Classifier, ClassifierSource
from naa_lightning.models.layer import LayerError
from naa_lightning.report.attribution_study import draw_attribution_study, study_table
from naa_lightning.report.study_files import log_study, write_study
from naa_lightning.rng import SeededDraws
from naa_lightning.runs.context import Bench
from naa_lightning.runs.stages.prediction import ask


@dataclass(frozen=True)
class Comparison:
    """A row of the study's table: one method with one number of points at one layer; means over the images.

    Args:
        layer: Its name, with the model's where there are several.
        method: Its name in the configuration.
        points: On the path; None for a method without a path.
        gradient_evaluations: Per image.
        completeness_gap: See `AttributionSummary`.
        cosine: With the reference.
        rank_correlation: With the reference.
        positive_share, participation, gini: See `AttributionSummary`.
        seconds: Per image.
    """

    layer: str
    method: str
    points: int | None
    gradient_evaluations: int
    completeness_gap: float
    cosine: float
    rank_correlation: float
    positive_share: float
    participation: float
    gini: float
    seconds: float


def study_attribution(study: AttributionStudy, bench: Bench) -> None:
    """Compare methods on chosen images and layers; leaves a table and a figure in the run's folder.

    Raises:
        UserError: An image or a layer is not there.
    """
    rows = [row for name, source in _layers(study, bench) for row in _compared(name, source, study, bench)]
    if not bench.ranks.part():
        return
    records = [asdict(row) for row in rows]
    figure = draw_attribution_study(bench.folder, records)
    write_study(bench.folder, "attribution", records)
    Console().print(study_table(records, images=len(_images(study, bench))))
    log_study(bench.loggers, "attribution_study", records, figure)


class _Comparing(LightningModule):
    """Attributes images by several methods and compares them with the first."""

    def __init__(
        self,
        classifier: Classifier,
        attribute: Attribute,
        methods: Sequence[Method],
        *,
        seed: int,
        title: str,
    ) -> None:
        super().__init__()
        self.classifier = classifier
        self.attribute = attribute
        self.methods = methods
        self.measured: Sequence[Mapping[str, Metric]] = ModuleList(ModuleDict(_metrics()) for _ in methods)  # type: ignore[assignment]
        self.seed = seed
        self.title = title

    def predict_step(self, batch: Batch, batch_idx: int) -> None:
        """Measure every method on a batch."""
        reference: Attribution | None = None
        for method, measured in zip(self.methods, self.measured, strict=True):
            found, seconds = self._attributed(method, batch)
            reference = reference or found
            measured["statistics"].update(attribution_statistics(found))
            measured["agreement"].update(agreement(found.values, reference.values))
            measured["seconds"].update(seconds)

    def _attributed(self, method: Method, batch: Batch) -> tuple[Attribution, float]:
        draws = SeededDraws(self.seed, batch["id"].tolist())
        start = time.perf_counter()
        # Lightning predicts without autograd.
        with torch.enable_grad():
            found = self.attribute(method, self.classifier, batch["image"], batch["label"], draws)
        found = Attribution(found.values.cpu(), found.explained.cpu())
        return found, time.perf_counter() - start


def _metrics() -> dict[str, Metric]:
    return {"statistics": AttributionMetric(), "agreement": AgreementMetric(), "seconds": MeanMetric()}


def _joined(of_ranks: Sequence[Sequence[Mapping[str, Metric]]]) -> Sequence[Mapping[str, Metric]]:
    """Join what ranks measured."""
    first, *others = of_ranks
    for other in others:
        for mine, theirs in zip(first, other, strict=True):
            for name, metric in mine.items():
                metric.merge_state(theirs[name])
    return first


def _layers(study: AttributionStudy, bench: Bench) -> Iterator[tuple[str, ClassifierSource]]:
    """Yield a source for each layer, and its name."""
    sources = bench.experiment.white_box
    for source in sources:
        layers = study.layers or ([source.layer] if isinstance(source.layer, str) else source.layer)
        if not layers:
            raise UserError(f"surrogate {source.name} names no layer: give study.layers=[NAME] or its `layer`")
        for layer in layers:
            yield layer if len(sources) == 1 else f"{source.name} {layer}", replace(source, layer=layer)


def _images(study: AttributionStudy, bench: Bench) -> LabelledImages:
    images = bench.data.images
    if study.ids is None:
        return images
    check_ids(study.ids, bench.data, "study.ids")
    return images.only(study.ids)


def _compared(name: str, source: ClassifierSource, study: AttributionStudy, bench: Bench) -> Iterator[Comparison]:
    experiment, images = bench.experiment, _images(study, bench)
    reference = Candidate("reference", None, study.reference_method() or experiment.exact)
    candidates = [reference, *study.candidates()]
    module = _Comparing(
        bench.ranks.everywhere(source.build),
        experiment.attribute,
        [candidate.method for candidate in candidates],
        seed=experiment.run.seed,
        title=f"attributing {source.name} {source.layer}",
    )
    try:
        # image by image: a pass holds points of its path
        ask(
            module,
            images,
            bench.ranks,
            bench.asking,
            batch_size=1,
            num_workers=bench.data.num_workers,
            collate=images.collate,
        )
    except LayerError as error:
        raise UserError(f"{name}: {error}") from error
    for candidate, measured in zip(candidates, _joined(bench.ranks.gathered(lambda: module.measured)), strict=True):
        summary = vars(measured["statistics"].compute())
        yield Comparison(
            layer=name,
            method=candidate.name,
            points=candidate.points,
            gradient_evaluations=candidate.method.gradient_evaluations,
            seconds=float(measured["seconds"].compute()),
            **{key: summary[key] for key in ("completeness_gap", "positive_share", "participation", "gini")},
            **vars(measured["agreement"].compute()),
        )
