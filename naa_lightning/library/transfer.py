"""How well adversarial images transfer to other models."""

from collections import Counter
from collections.abc import Mapping, Sequence
from typing import TypeAlias

import torch
from torch import Tensor, nn

from naa_lightning.library.load import find_source
from naa_lightning.library.pairs import as_pairs
from naa_lightning.library.transfer_table import TransferTable
from naa_lightning.metrics import TransferRates, transfer_rates
from naa_lightning.models import Classifier, ClassifierSource, as_surrogate, frozen
from naa_lightning.models.inputs import Classes, Images, as_batch
from naa_lightning.models.predicted_classes import predicted_classes
from naa_lightning.validation import check_count

Model: TypeAlias = str | nn.Module
"""A model's name, as `load` knows it, or a module."""


def transfer(
    images: Images,
    adversarial: Images,
    labels: Classes,
    on: Model | Sequence[Model] | Mapping[str, Model],
    *,
    target_classes: Classes | None = None,
    batch_size: int = 32,
) -> TransferTable:
    """Try adversarial images on models that are only asked for their predictions.

    A model given by its name is loaded on the images' device when its turn comes and is forgotten afterwards; a module
    is asked where it is, and keeps its mode.

    Args:
        images: Clean images of shape (B, 3, H, W) in [0, 1].
        adversarial: The adversarial images that were made of them, of the same shape and range.
        labels: True classes (B,).
        on: The models to ask: one or several, each by a name that `load` knows or as a module; as a mapping, under
            names of one's own. A network of timm is otherwise called by its architecture, another module by its class.
        target_classes: Classes (B,) that a targeted attack aimed at; None for an attack without any.
        batch_size: The number of images that a model is asked for at a time.

    Returns:
        The rates of every model by its name, which print as a table.

    Raises:
        ModelError: The weights of a model cannot be had.
        ValueError: There is nothing to ask, a model is unknown, two have one name, or the images or classes are not as
            described.

    Example:
        >>> from naa_lightning.models import Classifier
        >>> network = nn.Sequential(nn.AdaptiveAvgPool2d(1), nn.Flatten())  # the class is the strongest colour
        >>> model = Classifier(network, mean=[0.0] * 3, std=[1.0] * 3)
        >>> red, green = torch.eye(3)[:2, :, None, None].expand(-1, -1, 4, 4)
        >>> rates = transfer([red, red], [red, green], labels=[0, 0], on={"colour": model})
        >>> rates["colour"].success_rate
        Rate(count=1, total=2, draws=1)
        >>> rates
        target  clean  fooling  error  success         95 %
        colour  100.0     50.0   50.0     50.0  9.5 to 90.5
        2 images, rates in %; success: among images classified correctly when clean
    """
    check_count("batch_size", batch_size, 1)
    clean, after = as_pairs(images, adversarial)
    models = {name: find_source(model) if isinstance(model, str) else model for name, model in _by_name(on).items()}
    rates = {}
    for name, model in models.items():
        try:
            rates[name] = _rates(model, clean, after, labels, target_classes, batch_size)
        except ValueError as error:
            raise ValueError(f"{name}: {error}") from error
    return TransferTable(rates)


def _rates(
    asked: ClassifierSource | nn.Module,
    clean: Tensor,
    adversarial: Tensor,
    labels: Classes,
    target_classes: Classes | None,
    batch_size: int,
) -> TransferRates:
    """Ask one model, which is in memory no longer than that where it is described only."""
    model = asked.build().to(adversarial.device) if isinstance(asked, ClassifierSource) else as_surrogate(asked)
    images, classes = as_batch(model, clean, labels)
    try:
        aimed = None if target_classes is None else as_batch(model, clean, target_classes).classes
    except ValueError as error:
        raise ValueError(f"target_classes: {error}") from error
    with frozen(model), torch.no_grad():
        before, after = (
            torch.cat([predicted_classes(model(part)).classes for part in torch.split(batch, batch_size)])
            for batch in (images, adversarial.to(images.device))
        )
    return transfer_rates(before, after, classes, aimed)


def _by_name(on: Model | Sequence[Model] | Mapping[str, Model]) -> Mapping[str, Model]:
    if isinstance(on, Mapping):
        named = list(on.items())
    else:
        models = [on] if isinstance(on, str) or not isinstance(on, Sequence) else on
        named = [(_name_of(model), model) for model in models]
    if not named:
        raise ValueError("expected at least one model in `on`, got none; name a model, or give a module")
    twice = [name for name, count in Counter(name for name, _ in named).items() if count > 1]
    if twice:
        raise ValueError(f"expected models of different names, got {twice[0]} twice; give `on` as a mapping of names")
    return dict(named)


def _name_of(model: Model) -> str:
    if isinstance(model, str):
        return model
    network = model.network if isinstance(model, Classifier) else model
    config = getattr(network, "pretrained_cfg", None)  # timm's networks say what they are
    architecture = config.get("architecture") if isinstance(config, Mapping) else None
    return architecture or type(network).__name__
