"""The recipe for photographs, where nothing else is asked for."""

from naa_lightning.training.augmentation import Augmentation
from naa_lightning.training.losses import CleanTraining
from naa_lightning.training.recipe import Recipe


def standard_recipe() -> Recipe:
    """Return the numbers of `conf/training/standard.yaml`, without a running mean of weights and robust accuracy.

    Example:
        >>> standard_recipe().optimizer
        'adamw'
    """
    return Recipe(
        start="random",
        epochs=30,
        optimizer="adamw",
        learning_rate=0.001,
        momentum=0.9,
        weight_decay=0.05,
        schedule="cosine",
        warmup=0.1,
        ema_decay=None,
        precision="auto",
        seed=0,
        augmentation=Augmentation(flip=0.5, smallest_crop=0.25),
        loss=CleanTraining(label_smoothing=0.1),
        robustness=None,
    )
