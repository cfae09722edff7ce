"""What crafting sees of a classifier, and whether it is what it was."""

from collections.abc import Sequence
from contextlib import suppress

from torch import Tensor

from naa_lightning.models import Classifier
from naa_lightning.models.layer import LayerError

# How far, relative to the largest value, what is computed in another order may be off.
_ROUNDING = 1e-3


def answers(classifier: Classifier, images: Tensor) -> Sequence[Tensor]:
    """Return the logits of images (B, 3, H, W) in [0, 1] and the output of every attacked layer that a pass reaches."""
    views = classifier.layer_views() if classifier.layers else []
    given = [classifier(images)]
    for view in views:
        with suppress(LayerError):  # told where the layer is attacked
            given.append(view.features(images))
    return given


def close_to(tensor: Tensor, other: Tensor) -> bool:
    """Return whether two tensors are the same but for rounding."""
    return bool((tensor - other).abs().max() <= _ROUNDING * other.abs().max())
