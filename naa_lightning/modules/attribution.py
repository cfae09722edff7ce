"""Neuron attribution of clean and adversarial images as LightningModules."""

from collections.abc import Mapping, Sequence
from typing import Any

import torch
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
from naa_lightning.modules.image_module import ImageModule, ordinary_tensors
from naa_lightning.records import PairBatch
from naa_lightning.rng import SeededDraws


class AttributionModule(ImageModule):
    """Attributes a surrogate's output on clean and adversarial images, over its first attacked layer.

    Args:
        surrogate: Surrogate with at least one attacked layer.
        attribute: Function `naa_lightning.attribution.attribute` with its options.
        method: Attribution method.
        classes: Classes whose output is attributed, by image id.
        predicted: Classes that adversarial images are taken for, by image id; those are attributed as well.
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
        predicted: Mapping[int, int] | None = None,
        seed: int,
        title: str,
    ) -> None:
        super().__init__()
        self.surrogate = surrogate
        self.attribute = attribute
        self.method = method
        self.classes = classes
        self.predicted = predicted or {}
        self.seed = seed
        self.title = title

    def predict_step(self, batch: PairBatch, batch_idx: int) -> dict[str, Tensor]:
        """Attribute a batch, one class for each pair of images.

        Args:
            batch: Clean and adversarial images.
            batch_idx: Number of the batch in this pass over the data.

        Returns:
            Image ids of shape (B,) under "id", and the attributions, of the shape (B, ...) of the layer's output, under
            "clean" and "adversarial", and under "predicted" where a predicted class of the batch is asked for; or, by
            another module, numbers of shape (B,), all on the CPU.

        Raises:
            UserError: The memory is too small.
        """
        with ordinary_tensors(batch) as pairs:
            return {"id": pairs["id"].cpu()} | self._described(pairs)

    def _described(self, pairs: PairBatch) -> dict[str, Tensor]:
        view, ids = self.surrogate.layer_views()[0], pairs["id"]
        found = {kind: self.attributed(self.method, view, pairs[kind], ids).values for kind in ("clean", "adversarial")}
        if not self.predicted.keys().isdisjoint(ids.tolist()):
            classes = {**self.classes, **self.predicted}
            found["predicted"] = self.attributed(self.method, view, pairs["adversarial"], ids, classes).values
        return found

    def attributed(
        self,
        method: Method,
        view: Classifier,
        images: Tensor,
        ids: Tensor,
        classes: Mapping[int, int] | None = None,
    ) -> Attribution:
        """Attribute images over a layer and bring the result to the CPU.

        Args:
            method: Attribution method.
            view: Classifier whose layer is attributed.
            images: Images of shape (B, 3, H, W) in [0, 1].
            ids: Image ids of shape (B,).
            classes: Classes that are attributed, by image id; None for those of the module.

        Raises:
            UserError: The memory is too small.
        """
        known: list[int] = ids.tolist()
        attributed = torch.tensor([(classes or self.classes)[image] for image in known], device=images.device)
        try:
            with torch.enable_grad():
                found = self.attribute(method, view, images, attributed, SeededDraws(self.seed, known))
        except Exception as error:
            if not is_out_of_memory(error):
                raise
            raise UserError(
                f"{self.title}: out of memory: use a smaller attribution.images_per_pass or data.image_size, a smaller "
                "model or another device"
            ) from error
        return Attribution(found.values.cpu(), found.explained.cpu())


class ExplanationModule(AttributionModule):
    """Describes the attributions of clean and adversarial images in numbers, one for each image.

    Their names are `clean/...`, `adversarial/...`, `effect/...`, `naa/...` (the approximation against the exact method)
    and, for further attacked layers, `<layer>/...` (theirs against the first one's, place by place), followed by the
    names of `AttributionStatistics`, `AttackEffect` and `Agreement`.

    Args:
        approximation: Attribution method that is compared with the exact one.
        layers: Names of the attacked layers, in order.
        **options: Arguments of `AttributionModule`.
    """

    def __init__(self, *, approximation: Method, layers: Sequence[str], **options: Any) -> None:
        super().__init__(**options)
        self.approximation = approximation
        self.layers = layers

    def _described(self, pairs: PairBatch) -> dict[str, Tensor]:
        ids = pairs["id"]
        first, *others = self.surrogate.layer_views()
        clean = self.attributed(self.method, first, pairs["clean"], ids)
        adversarial = self.attributed(self.method, first, pairs["adversarial"], ids)
        approximate = self.attributed(self.approximation, first, pairs["clean"], ids)
        parts: dict[str, Any] = {
            "clean": attribution_statistics(clean),
            "adversarial": attribution_statistics(adversarial),
            "effect": attack_effect(clean.values, adversarial.values),
            "naa": agreement(approximate.values, clean.values),
        }
        size = first.preprocess(pairs["clean"][:1]).shape[-2:]
        for name, view in zip(self.layers[1:], others, strict=True):
            other = self.attributed(self.method, view, pairs["clean"], ids)
            parts[name] = agreement(*on_one_grid(spatial_map(clean.values, size), spatial_map(other.values, size)))
        return {f"{part}/{key}": values for part, of in parts.items() for key, values in vars(of).items()}
