"""Comparing attribution methods with exact neuron attribution."""

import math
import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace

import pandas as pd
import torch
from pytorch_lightning import LightningModule
from rich.console import Console
from torch.nn import ModuleDict, ModuleList
from torchmetrics import MeanMetric, Metric

from naa_lightning.atomic import write_atomically
from naa_lightning.attribution import Attribute, Attribution, Method, agreement, attribution_statistics
from naa_lightning.config.studies import AttributionStudy, Candidate
from naa_lightning.data import Batch, LabelledImages, check_ids
from naa_lightning.exceptions import UserError
from naa_lightning.loggers.study import log_study
from naa_lightning.metrics import AgreementMetric, AttributionMetric
from naa_lightning.models import Classifier, ClassifierSource
from naa_lightning.models.layer import LayerError
from naa_lightning.records.csv_text import csv_text
from naa_lightning.records.studies import AttributionStudyResults, MethodResult, write_study
from naa_lightning.report.page.study_page import write_study_page
from naa_lightning.report.study_tables import methods_table
from naa_lightning.rng import SeededDraws
from naa_lightning.runs.context import RunContext
from naa_lightning.runs.provenance import provenance
from naa_lightning.runs.stages.prediction import predict


def study_attribution(study: AttributionStudy, context: RunContext) -> None:
    """Compare methods on chosen images and layers; leaves a table and a page in the run's folder.

    Args:
        study: The methods, layers and images to compare on.
        context: The run.

    Raises:
        UserError: An image or a layer is not there.
    """
    rows = [row for name, source in _layers(study, context) for row in _results(name, source, study, context)]
    if not context.ranks.part():
        return
    results = AttributionStudyResults(
        seconds=sum(context.stopwatch.seconds().values()),
        **provenance(context, images=len(_images(study, context))),
        methods=tuple(rows),
    )
    write_study(context.folder, results)
    frame = pd.DataFrame(row.model_dump() for row in rows).astype({"points": "Int64"})
    write_atomically(context.folder / "attribution.csv", csv_text(frame))
    page = write_study_page(context.folder, results)
    Console().print(methods_table(results))
    Console().print(f"report: {page.resolve()}", soft_wrap=True, highlight=False)
    log_study(context.loggers, "attribution_study", frame, seed=context.experiment.run.seed)


class _ComparisonModule(LightningModule):
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


_MEANS = ("completeness_gap", "cosine", "rank_correlation", "positive_share", "participation", "gini")


def _metrics() -> dict[str, Metric]:
    return {"statistics": AttributionMetric(), "agreement": AgreementMetric(), "seconds": MeanMetric()}


def _merged(by_rank: Sequence[Sequence[Mapping[str, Metric]]]) -> Sequence[Mapping[str, Metric]]:
    """Merge the metrics of all ranks."""
    first, *others = by_rank
    for other in others:
        for mine, theirs in zip(first, other, strict=True):
            for name, metric in mine.items():
                metric.merge_state(theirs[name])
    return first


def _layers(study: AttributionStudy, context: RunContext) -> Iterator[tuple[str, ClassifierSource]]:
    """Yield a source for each layer, and its name."""
    sources = context.experiment.white_box
    for source in sources:
        layers = study.layers or ([source.layer] if isinstance(source.layer, str) else source.layer)
        if not layers:
            raise UserError(f"surrogate {source.name} names no layer: give study.layers=[NAME] or its `layer`")
        for layer in layers:
            yield layer if len(sources) == 1 else f"{source.name} {layer}", replace(source, layer=layer)


def _images(study: AttributionStudy, context: RunContext) -> LabelledImages:
    images = context.data.images
    if study.ids is None:
        return images
    check_ids(study.ids, context.data, "study.ids")
    return images.only(study.ids)


def _results(
    name: str, source: ClassifierSource, study: AttributionStudy, context: RunContext
) -> Iterator[MethodResult]:
    experiment, images = context.experiment, _images(study, context)
    reference = Candidate("reference", None, study.reference_method() or experiment.exact)
    candidates = [reference, *study.candidates()]
    module = _ComparisonModule(
        context.ranks.everywhere(source.build),
        experiment.attribute,
        [candidate.method for candidate in candidates],
        seed=experiment.run.seed,
        title=f"attributing {source.name} {source.layer}",
    )
    try:
        # one image at a time: a pass holds points of its path
        predict(context, module, images, batch_size=1, num_workers=context.data.num_workers)
    except LayerError as error:
        raise UserError(f"{name}: {error}") from error
    for candidate, measured in zip(candidates, _merged(context.ranks.gathered(lambda: module.measured)), strict=True):
        means = {**measured["statistics"].compute(), **measured["agreement"].compute()}
        yield MethodResult(
            layer=name,
            method=candidate.name,
            points=candidate.points,
            gradient_evaluations=candidate.method.gradient_evaluations,
            seconds=float(measured["seconds"].compute()),
            **{name: value if math.isfinite(value := means[name].item()) else None for name in _MEANS},
        )
