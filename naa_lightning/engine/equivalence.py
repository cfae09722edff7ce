"""Whether a classifier computes what it did before, as far as crafting observes it."""

from collections.abc import Sequence
from contextlib import suppress

from torch import Tensor

from naa_lightning.models import Classifier
from naa_lightning.models.layer import LayerError

# The largest difference, relative to the largest value, that another order of summation explains.
_ROUNDING = 1e-3


def observed_outputs(classifier: Classifier, images: Tensor) -> Sequence[Tensor]:
    """Compute the logits of images and the output of every attacked layer that a pass reaches.

    Args:
        classifier: The classifier, with any number of attacked layers.
        images: Images of shape (B, 3, H, W) in [0, 1].
    """
    views = classifier.layer_views() if classifier.layers else []
    outputs = [classifier(images)]
    for view in views:
        with suppress(LayerError):  # reported where the layer is attacked
            outputs.append(view.features(images))
    return outputs


def equal_up_to_rounding(outputs: Sequence[Tensor], references: Sequence[Tensor]) -> bool:
    """Return whether each output equals its reference up to rounding.

    Args:
        outputs: Tensors of any shapes.
        references: As many tensors of the same shapes.
    """
    return all(
        bool((output - reference).abs().max() <= _ROUNDING * reference.abs().max())
        for output, reference in zip(outputs, references, strict=True)
    )
