"""Predictions and pictures that tests of figures draw."""

import torch
from torch import Tensor

from naa_lightning.records import Prediction

NAMES = ["tench", "goldfish", "great white shark", "tabby"]
# Some would be faulty formulas.
LONG_NAMES = ["W" * 70, r"$\frac{1}$ old English sheepdog or bobtail " * 3, "m" * 40, r"$\frac{%$" + "%" * 50]


def prediction(target: str, *, clean: int = 3, adversarial: int = 1, **others: object) -> Prediction:
    values = {
        "target": target,
        "id": 12,
        "file": "0e0f1fd2ed183781.png",
        "label": 3,
        "target_class": None,
        "clean_prediction": clean,
        "clean_confidence": 0.968,
        "adversarial_prediction": adversarial,
        "adversarial_confidence": 0.351,
    }
    return Prediction(**values | others)  # type: ignore[arg-type]


def picture(height: int = 12, width: int = 12, seed: int = 0) -> Tensor:
    return torch.rand(3, height, width, generator=torch.Generator().manual_seed(seed))
