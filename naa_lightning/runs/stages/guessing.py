"""What to look at where a model knows its images no better than by guessing."""

import torch
from torch import Tensor, nn

from naa_lightning.data import LabelledImages
from naa_lightning.metrics.chance import TO_LOOK_AT, USUAL_SKILL, skill
from naa_lightning.models import Classifier, ModelSource
from naa_lightning.models.black_box.black_box import BlackBox
from naa_lightning.models.logits import logits_of
from naa_lightning.models.mismatch import best_remedy
from naa_lightning.models.predicted_classes import predicted_classes

# The least number of images that a remedy must set right.
SURE = 3


def why_guessing(
    source: ModelSource, model: nn.Module, images: LabelledImages, right: int, device: torch.device
) -> str:
    """Say what may be wrong with labels, images or model: what trying tells, or else all that usually is.

    Args:
        source: Where the model comes from.
        model: The model, on the device.
        images: The clean images.
        right: The number of those that it classifies correctly, no more than guessing would.
        device: The device on which it is asked.
    """
    samples = [images[index] for index in range(len(images))]
    labels = torch.tensor([sample["label"] for sample in samples])

    @torch.no_grad()
    def classify(changed: Tensor) -> Tensor:
        return predicted_classes(logits_of(model(changed))).classes

    by_size: dict[torch.Size, list[int]] = {}
    for index, sample in enumerate(samples):
        by_size.setdefault(sample["image"].shape, []).append(index)
    alike = max(by_size.values(), key=len)
    batch = torch.stack([samples[index]["image"] for index in alike]).to(device)
    remedy, count = best_remedy(classify, batch, labels[alike], **_normalisation(model))
    found = f"right for {right} of {len(samples)} clean images, no better than guessing among {source.num_classes}: "
    # of so many things that are tried, one is right for some images by chance
    if remedy and count >= SURE and skill(count / len(alike), source.num_classes) >= USUAL_SKILL:
        return f"{found}{remedy} would be right for {count} of {len(alike)}"
    return found + TO_LOOK_AT


def _normalisation(model: nn.Module) -> dict[str, list[float]]:
    """Return the mean and std by which a model normalises images, as far as it is known."""
    seen = model.image_format if isinstance(model, Classifier | BlackBox) else None
    if seen is None or seen.moments is None:
        return {}
    order = -1 if seen.channels == "bgr" else 1
    return {key: list(values)[::order] for key, values in zip(("mean", "std"), seen.moments, strict=True)}
