"""All that a trained model's weights depend on, besides the network and the data."""

import math
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Literal

import torch
from torch import nn
from torch.optim import SGD, AdamW, Optimizer
from torch.optim.lr_scheduler import CosineAnnealingLR, LinearLR, LRScheduler, OneCycleLR, SequentialLR

from naa_lightning.training.augmentation import Augmentation
from naa_lightning.training.losses import TrainingLoss
from naa_lightning.training.robustness import Robustness
from naa_lightning.validation import check_at_least, check_count

Precision = Literal["auto", "32-true", "bf16-mixed", "16-mixed"]
ValidatedOn = Literal["validation", "training"]


@dataclass(frozen=True, kw_only=True)
class Recipe:
    """How a classifier is trained.

    Args:
        start: "random", "published" (the library's own weights, to be tuned) or a weights file.
        epochs: Number of passes over the training images.
        optimizer: "sgd" (Nesterov momentum) or "adamw".
        learning_rate: Largest learning rate of the schedule.
        momentum: Momentum of sgd on a cosine schedule; one_cycle moves it from 0.95 to 0.85 and back.
        weight_decay: Weight decay of the optimizer.
        schedule: "one_cycle" (Smith and Topin, arXiv:1708.07120) rises and falls along cosines, "cosine" rises linearly
            and falls along a cosine.
        warmup: Share of all steps in which the learning rate rises, in [0, 1).
        ema_decay: The weights used are a running mean of those after each step, with this decay; None: the last ones.
        precision: Precision of passes through the network; "auto" is mixed where the device computes in bfloat16 (or,
            on older GPUs, in float16) and float32 elsewhere.
        seed: Seed of the initial weights and of all random draws.
        augmentation: Random changes of the training images.
        loss: Loss that a step minimises.
        robustness: PGD attack that measures robust accuracy; None measures none.
        batches: Number of batches of images that every epoch trains on and, at most, is validated on, the same ones
            each time; None for all images.
        validated_on: Images that epochs are compared on: "validation", or "training" to see whether the network can
            learn by heart what it is trained on.

    Raises:
        ValueError: A value is out of range.
    """

    start: str
    epochs: int
    optimizer: Literal["sgd", "adamw"]
    learning_rate: float
    momentum: float
    weight_decay: float
    schedule: Literal["one_cycle", "cosine"]
    warmup: float
    ema_decay: float | None
    precision: Precision
    seed: int
    augmentation: Augmentation
    loss: TrainingLoss
    robustness: Robustness | None
    batches: int | None = None
    validated_on: ValidatedOn = "validation"

    def __post_init__(self) -> None:
        check_count("epochs", self.epochs, 1)
        if not 0 < self.learning_rate < math.inf:
            raise ValueError(f"learning_rate must be positive, got {self.learning_rate}")
        check_at_least("weight_decay", self.weight_decay, 0)
        for key in ("momentum", "warmup"):
            if not 0 <= getattr(self, key) < 1:
                raise ValueError(f"{key} must be in [0, 1), got {getattr(self, key)}")
        if self.ema_decay is not None and not 0 < self.ema_decay < 1:
            raise ValueError(f"ema_decay must be between 0 and 1, got {self.ema_decay}")
        check_count("seed", self.seed, 0)
        if self.seed >= 2**32:
            raise ValueError(f"seed must be less than 2**32, got {self.seed}")
        if self.batches is not None:
            check_count("batches", self.batches, 1)

    def make_optimizer(self, parameters: Iterable[nn.Parameter]) -> Optimizer:
        """Return the optimizer of a model's parameters."""
        rate, decay = self.learning_rate, self.weight_decay
        if self.optimizer == "adamw":
            return AdamW(parameters, lr=rate, weight_decay=decay)
        return SGD(parameters, lr=rate, momentum=self.momentum, nesterov=self.momentum > 0, weight_decay=decay)

    def make_schedule(self, optimizer: Optimizer, steps: int) -> LRScheduler:
        """Return the learning rate's course over all steps of a training."""
        if self.schedule == "one_cycle":
            rises = self.warmup if self.warmup * steps > 1 else 0.0  # torch cannot rise in a single step
            return OneCycleLR(optimizer, self.learning_rate, total_steps=steps, pct_start=rises)
        rising = round(self.warmup * steps)
        falling = CosineAnnealingLR(optimizer, T_max=max(1, steps - rising))
        if not rising:
            return falling
        return SequentialLR(optimizer, [LinearLR(optimizer, 1e-2, total_iters=rising), falling], milestones=[rising])


def precision_on(precision: Precision, device: torch.device) -> str:
    """Return the precision that a recipe means on a device, in Lightning's words.

    Example:
        >>> precision_on("bf16-mixed", torch.device("cpu"))
        'bf16-mixed'
    """
    if precision != "auto":
        return precision
    if device.type == "cuda":
        return "bf16-mixed" if torch.cuda.is_bf16_supported(including_emulation=False) else "16-mixed"
    capabilities: dict[str, bool] = getattr(torch.cpu, "get_capabilities", dict)()  # torch 2.11 does not tell
    return "bf16-mixed" if device.type == "cpu" and capabilities.get("avx512_bf16") else "32-true"
