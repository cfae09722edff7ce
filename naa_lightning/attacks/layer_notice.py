"""What an attack's user should know of the attacked layer before anything is crafted."""

from torch import Tensor

from naa_lightning.attacks.objectives import Objective
from naa_lightning.models import Classifier
from naa_lightning.models.signed_layer import signed_layers


def layer_notice(objective: Objective, surrogate: Classifier, images: Tensor) -> str | None:
    """Say which attacked layers are before an activation, where the objective is weak there, and what is nearby.

    Args:
        objective: The objective.
        surrogate: The surrogate.
        images: Some clean images of shape (B, 3, H, W) in [0, 1], on the surrogate's device.

    Returns:
        A sentence; None where there is nothing to say.

    Raises:
        ValueError: An attacked layer cannot be attacked.
    """
    if not objective.for_activations:
        return None
    found = signed_layers(surrogate, images)
    if not found:
        return None
    where = "; ".join(
        f"{name} ({'no layer of one sign is nearby' if near is None else f'behind one: {near}'})"
        for name, near in found.items()
    )
    return (
        f"{type(objective).__name__} is weak on layers before an activation, whose values have both signs, such as "
        f"{where}"
    )
