"""The pictures of a run: all images, the attention of models, and attribution over the attacked layer."""

import logging
import math
from collections.abc import Collection, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from itertools import islice

import numpy as np
from torch import Tensor

from naa_lightning.attribution import spatial_map
from naa_lightning.attribution.overlay import attention_overlay, attribution_overlay, attribution_scale
from naa_lightning.class_names import short_class_name
from naa_lightning.models import ClassifierSource
from naa_lightning.records import Prediction, RunResults, SavedPairs
from naa_lightning.records.pictures import Format, PictureRow, picture
from naa_lightning.report.featured import featured
from naa_lightning.runs.context import RunContext
from naa_lightning.runs.stages.adversarial_set import AdversarialSet
from naa_lightning.runs.stages.attention import attention_of
from naa_lightning.runs.stages.explanation import attacked_layers, attributed_logits
from naa_lightning.runs.stages.reading import LoadedPairs

log = logging.getLogger(__name__)

ROOM = 12_000_000
"""Bytes that the pictures of a gallery may take together, about."""

MODELS = 5
"""At most so many models are shown looking at an image."""

_FULL = 512
_SMALL = 64
_SMALLEST = 16
_SHARP_BYTES = 2.5  # a pixel, lossless
_PREVIEW_BYTES = 0.4  # a pixel, mean of clean and adversarial photographs and their differences
_AT_ONCE = 64


def draw_pictures(
    context: RunContext,
    adversarial: AdversarialSet,
    pairs: LoadedPairs,
    results: RunResults,
    predictions: Sequence[Prediction],
) -> list[PictureRow]:
    """Draw every image, and the featured ones larger, some of them with what models look at and with attribution.

    Args:
        context: The run, in which this is the only rank that is left.
        adversarial: The adversarial images.
        pairs: The clean and adversarial images.
        results: What the run found.
        predictions: The predictions of all targets.

    Raises:
        UserError: A file cannot be read, or a model cannot be built again.
    """
    shown = featured(results, predictions, list(adversarial.saved))
    largest = results.perturbation["linf"].max if "linf" in results.perturbation else None
    rows = list(image_pictures(pairs, shown.all, amplification(largest or 0.0)))
    if shown.explained:
        first = [row for row in predictions if row.repeat == 0]
        explained = adversarial.pairs(context.data.images, shown.explained)
        rows += _attention_pictures(context, explained, results, first)
        rows += _attribution_pictures(context, adversarial, explained, first)
    return rows


def amplification(largest: float) -> int:
    """Return the whole factor by which differences are amplified: the largest about fills the range around mid-grey.

    Args:
        largest: The largest change of a pixel in the run, at most 1.

    Example:
        >>> amplification(16 / 255), amplification(1.0), amplification(0.0)
        (8, 1, 1)
    """
    return max(1, round(0.5 / largest)) if largest else 1


def image_pictures(pairs: LoadedPairs, large: Collection[int], factor: int) -> Iterator[PictureRow]:
    """Draw every clean image, its adversarial one and their difference; a few images are in memory at a time.

    Args:
        pairs: The clean and adversarial images.
        large: The ids of the images that are drawn in full size.
        factor: The factor by which the difference is amplified.
    """
    known, count = pairs.pairs, len(pairs.pairs)

    def drawn(index: int, pair: tuple[Tensor, Tensor]) -> list[PictureRow]:
        clean, adversarial = pair
        image = known.images.records[index].id
        kept = full_size(clean.shape[1:]) if image in large else preview(clean.shape[1:], count)
        difference = (128 + factor * (adversarial.short() - clean.short())).clamp(0, 255).byte()
        kinds = ("clean", clean, ""), ("adversarial", adversarial, ""), ("difference", difference, f"x {factor}")
        return [
            picture(image, kind, np.asarray(pixels.permute(1, 2, 0)), kept, note=note) for kind, pixels, note in kinds
        ]

    read = iter(known.in_turn(range(count), num_workers=pairs.num_workers))
    with ThreadPoolExecutor() as pool:
        for start in range(0, count, _AT_ONCE):
            for rows in pool.map(drawn, range(start, count), list(islice(read, _AT_ONCE))):
                yield from rows


def full_size(size: Sequence[int]) -> Format:
    """Return how a featured picture of an image of this height and width is kept."""
    return Format(_FULL, None if max(size) <= _SMALL else 85)


def preview(size: Sequence[int], images: int) -> Format:
    """Return how a picture in the gallery is kept, so that those of all images find room in one page.

    Args:
        size: Height and width of an image.
        images: Number of images, of which there are three pictures each.

    Example:
        >>> preview((299, 299), images=1000), preview((32, 32), images=360)
        (Format(longest=100, quality=75), Format(longest=32, quality=None))
    """
    room = ROOM / (3 * images)
    if max(size) <= _SMALL and math.prod(size) * _SHARP_BYTES <= room:
        return Format(max(size), None)
    shrunk = math.sqrt(room / _PREVIEW_BYTES / math.prod(size))
    return Format(min(max(size), max(_SMALLEST, int(max(size) * shrunk))), 75)


def shown_models(looking: Sequence[Prediction], white_box: Collection[str]) -> list[Prediction]:
    """Choose whose attention to an image is shown: surrogates' first, then that of fooled targets.

    Args:
        looking: The predictions for the image of the models whose attention is known.
        white_box: The names of the surrogates.

    Returns:
        The predictions of at most `MODELS` of them.
    """
    return sorted(looking, key=lambda row: (row.target not in white_box, not row.success))[:MODELS]


def _attention_pictures(
    context: RunContext, pairs: SavedPairs, results: RunResults, predictions: Sequence[Prediction]
) -> Iterator[PictureRow]:
    """Draw where undefended models look for the classes that they predict."""
    undefended = [name for name, target in results.targets.items() if not target.defences]
    white_box = [source.name for source in context.experiment.white_box]
    attended = {
        target.name: attention_of(target.source, pairs, context.prediction_trainer, batch_size=context.data.batch_size)
        for target in context.experiment.targets
        if target.name in undefended and isinstance(target.source, ClassifierSource)
    }
    for pair in (pairs[index] for index in range(len(pairs))):
        image = int(pair["id"])
        looking = [row for row in predictions if row.id == image and image in attended.get(row.target, {})]
        for row in shown_models(looking, white_box):
            attention = attended[row.target][image]
            # one scale for the two maps of a model: those of two models cannot be compared
            largest = max(float(attention.clean.max()), float(attention.adversarial.max())) or 1.0
            for kind, pixels, attention_map, seen in (
                ("attention/clean", pair["clean"], attention.clean, row.clean_prediction),
                ("attention/adversarial", pair["adversarial"], attention.adversarial, row.adversarial_prediction),
            ):
                note = "no answer" if seen < 0 else f"for {short_class_name(context.class_names, seen)}"
                drawn = attention_overlay(pixels, attention_map / largest)
                yield picture(image, kind, drawn, full_size(drawn.shape[:2]), model=row.target, note=note)


def _attribution_pictures(
    context: RunContext, adversarial: AdversarialSet, pairs: SavedPairs, predictions: Sequence[Prediction]
) -> Iterator[PictureRow]:
    """Draw what speaks for the true class, and in adversarial images for the one that the surrogate takes them for."""
    if not attacked_layers(context):
        return
    surrogate, names = context.experiment.white_box[0].name, context.class_names
    ids = [record.id for record in pairs.images.records]
    predicted = {
        row.id: row.adversarial_prediction
        for row in predictions
        if row.target == surrogate and row.id in ids and row.wrong
    }
    found = attributed_logits(context, adversarial, ids, predicted)
    for pair in (pairs[index] for index in range(len(pairs))):
        image = int(pair["id"])
        values = found[image]
        if values["clean"].ndim not in {3, 4}:
            log.warning("there are no pictures of attribution: the attacked layer's neurons lie nowhere in the image")
            return
        maps = {kind: spatial_map(of, pair["clean"].shape[1:])[0] for kind, of in values.items()}
        scale = attribution_scale(list(maps.values()))
        for kind, attribution in maps.items():
            attributed = predicted[image] if kind == "predicted" else adversarial.saved[image].label
            note = f"logit of {short_class_name(names, attributed)}, sum {float(attribution.sum()):.3g}"
            drawn = attribution_overlay(pair["clean" if kind == "clean" else "adversarial"], attribution, scale)
            kept = full_size(drawn.shape[:2])
            yield picture(image, f"attribution/{kind}", drawn, kept, model=surrogate, note=note)
