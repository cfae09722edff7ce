"""Neuron attribution of clean and adversarial images as LightningModules."""

from collections.abc import Mapping, Sequence
from typing import Any

import torch
from pytorch_lightning import LightningModule
from torch import Tensor

from naa_lightning.attribution import (
    Attribute,
    Attribution,
    Method,
    agreement,
    attack_effect,
    attribution_statistics,
    on_one_grid,
    spatial_map,
)
from naa_lightning.engine.out_of_memory import is_out_of_memory
from naa_lightning.exceptions import UserError
from naa_lightning.models import Classifier, Ensemble
from naa_lightning.records import PairBatch
from naa_lightning.rng import SeededDraws


class AttributionModule(LightningModule):
    """Attributes a surrogate's output on clean and adversarial images, over its first attacked layer.

    Args:
        surrogate: Surrogate with at least one attacked layer.
        attribute: Function `naa_lightning.attribution.attribute` with its options.
        method: Attribution method.
        classes: Classes whose output is attributed, by image id.
        seed: Seed of random draws.
        title: Name of the work in progress bars and messages.
    """

    def __init__(
        self,
        *,
        surrogate: Classifier | Ensemble,
        attribute: Attribute,
        method: Method,
        classes: Mapping[int, int],
        seed: int,
        title: str,
    ) -> None:
        super().__init__()
        self.surrogate = surrogate
        self.attribute = attribute
        self.method = method
        self.classes = classes
        self.seed = seed
        self.title = title

    def predict_step(self, batch: PairBatch, batch_idx: int) -> Any:
        """Return the attributions (clean, adversarial) of a batch by image id, each (1, ...) as the layer's output."""
        view, ids = self.surrogate.layer_views()[0], batch["id"]
        clean = self.attributed(self.method, view, batch["clean"], ids).values
        adversarial = self.attributed(self.method, view, batch["adversarial"], ids).values
        return {image: (clean[row : row + 1], adversarial[row : row + 1]) for row, image in enumerate(ids.tolist())}

    def attributed(self, method: Method, view: Classifier, images: Tensor, ids: Tensor) -> Attribution:
        """Attribute images over a layer and bring the result to the CPU.

        Args:
            method: Attribution method.
            view: Classifier whose layer is attributed.
            images: Images of shape (B, 3, H, W) in [0, 1].
            ids: Image ids of shape (B,).

        Raises:
            UserError: The memory is too small.
        """
        known: list[int] = ids.tolist()
        classes = torch.tensor([self.classes[image] for image in known], device=images.device)
        # Lightning predicts without autograd.
        with torch.enable_grad():
            try:
                found = self.attribute(method, view, images, classes, SeededDraws(self.seed, known))
            except Exception as error:
                if not is_out_of_memory(error):
                    raise
                raise UserError(
                    f"{self.title}: out of memory: use a smaller attribution.images_per_pass or data.image_size, "
                    "a smaller model or another device"
                ) from error
        return Attribution(found.values.cpu(), found.explained.cpu())


class ExplanationModule(AttributionModule):
    """Describes the attributions of clean and adversarial images in numbers.

    Args:
        approximation: Attribution method that is compared with the exact one.
        layers: Names of the attacked layers, in order.
        **options: Arguments of `AttributionModule`.
    """

    def __init__(self, *, approximation: Method, layers: Sequence[str], **options: Any) -> None:
        super().__init__(**options)
        self.approximation = approximation
        self.layers = layers

    def predict_step(self, batch: PairBatch, batch_idx: int) -> list[dict[str, float]]:
        """Return one row per image of the batch; see `explain`."""
        ids = batch["id"]
        first, *others = self.surrogate.layer_views()
        clean = self.attributed(self.method, first, batch["clean"], ids)
        adversarial = self.attributed(self.method, first, batch["adversarial"], ids)
        approximate = self.attributed(self.approximation, first, batch["clean"], ids)
        parts: dict[str, Any] = {
            "clean": attribution_statistics(clean),
            "adversarial": attribution_statistics(adversarial),
            "effect": attack_effect(clean.values, adversarial.values),
            "naa": agreement(approximate.values, clean.values),
        }
        for name, view in zip(self.layers[1:], others, strict=True):
            other = self.attributed(self.method, view, batch["clean"], ids)
            parts[name] = agreement(*on_one_grid(spatial_map(clean.values), spatial_map(other.values)))
        columns = {f"{part}/{key}": values.tolist() for part, of in parts.items() for key, values in vars(of).items()}
        rows = enumerate(ids.tolist())
        return [{"id": image} | {key: values[row] for key, values in columns.items()} for row, image in rows]
