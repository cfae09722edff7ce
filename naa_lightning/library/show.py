"""Adversarial images, and where a surrogate sees a class in them, at a glance."""

from collections.abc import Sequence
from typing import TYPE_CHECKING

import torch
from torch import Tensor, nn

from naa_lightning.attribution import FeatureDifference, Method, attribute, spatial_map
from naa_lightning.class_names import distinct_names, usual_names
from naa_lightning.library.pairs import Pairs, as_pairs
from naa_lightning.models import Classifier, Ensemble, as_surrogate, frozen
from naa_lightning.models.inputs import Classes, Images, as_batch, device_of
from naa_lightning.models.predicted_classes import predicted_classes

if TYPE_CHECKING:
    from matplotlib.figure import Figure

_MOST = 32


def show(
    images: Images,
    adversarial: Images,
    surrogate: nn.Module,
    labels: Classes | None = None,
    *,
    method: Method | None = None,
    class_names: Sequence[str] | None = None,
) -> "Figure":
    """Draw images beside their adversarial ones, the differences, and where the surrogate sees the class in either.

    A class that the surrogate predicts is red where it is not the label or, without labels, not that of the clean
    image. Attribution is summed over the neurons at a place of the attacked layer, the first one of several, and drawn
    over the image as captum does; both maps of an image have one scale. A surrogate that has no attacked
    layer, or one whose neurons lie nowhere in the image, is drawn without.

    Args:
        images: Clean images of shape (B, 3, H, W) in [0, 1], at most 32.
        adversarial: The adversarial images that were made of them, of the same shape and range.
        surrogate: The attacked classifier; parameters and mode are left as they were.
        labels: The classes (B,) that are attributed; None for those that the surrogate predicts for the clean images.
        method: The way to attribute; None for NAA's own, `FeatureDifference`.
        class_names: The names of the classes, by class; None for ImageNet's where the surrogate tells 1,000 classes
            apart, else for numbers.

    Returns:
        The figure, which a notebook shows as the value of a cell and `savefig` saves.

    Raises:
        ValueError: The images or labels are not as described, or there are too many.
        ModuleNotFoundError: What draws is not installed.

    Example:
        >>> network = nn.Sequential(nn.Conv2d(3, 4, 3), nn.ReLU(), nn.AdaptiveAvgPool2d(1), nn.Flatten())
        >>> from naa_lightning.models import as_classifier
        >>> surrogate = as_classifier(network, mean=[0.5] * 3, std=[0.5] * 3, layer="1")
        >>> images = torch.rand(2, 3, 8, 8)
        >>> figure = show(images, 1 - images, surrogate, labels=[0, 3])
        >>> len(figure.axes)
        10
    """
    try:
        from naa_lightning.library.panel import draw_panel  # noqa: PLC0415 - what draws takes seconds to load
    except ModuleNotFoundError as error:
        library = str(error.name).partition(".")[0]
        raise ModuleNotFoundError(f"`show` needs {library}: pip install {library}", name=error.name) from error
    clean, after = as_pairs(images, adversarial)
    if len(clean) > _MOST:
        raise ValueError(f"expected at most {_MOST} images to show, got {len(clean)}; show some of them")
    model = as_surrogate(surrogate)
    known = None if labels is None else as_batch(model, clean, labels).classes
    clean, after = clean.to(device_of(model)), after.to(device_of(model))
    with frozen(model), torch.no_grad():
        logits = [model(batch) for batch in (clean, after)]
    predictions = [predicted_classes(of_batch) for of_batch in logits]
    pairs = Pairs(clean, after, predictions[0].classes if known is None else known)
    maps, note = _attribution_maps(model, pairs, method or FeatureDifference())
    names = usual_names(logits[0].shape[1]) if class_names is None else distinct_names(class_names)
    return draw_panel(pairs, predictions, maps, note, names)


def _attribution_maps(model: Classifier | Ensemble, pairs: Pairs, method: Method) -> tuple[list[Tensor], str]:
    """Return attribution by place, (B, h, w) on the clean and on the adversarial images, and a line about it."""
    if not all(member.layers for member in model.members):
        return [], "no attribution: the surrogate names no attacked layer, `layer`"
    view = model.layer_views()[0]
    (layer,) = view.layers
    classes = pairs.classes.clamp_min(0)  # where none is predicted, nothing comes of any
    found = [attribute(method, view, batch, classes).values for batch in (pairs.clean, pairs.adversarial)]
    if found[0].ndim not in {3, 4}:
        return [], f"no attribution: the neurons of the layer {layer} lie nowhere in the image"
    size = view.preprocess(pairs.clean[:1]).shape[-2:]
    return [spatial_map(values, size) for values in found], (
        f"attribution over {layer} by {type(method).__name__}; red: for the class, blue: against it; "
        "the two of an image have one scale"
    )
