"""The attention of a model on clean images and on saved adversarial ones."""

import gc
import logging
from collections.abc import Callable, Sequence

from pytorch_lightning import Trainer
from torch.utils.data import DataLoader

from naa_lightning.models import ClassifierSource
from naa_lightning.models.layer import LayerError
from naa_lightning.modules.attention import Attention, AttentionBatch, AttentionModule
from naa_lightning.records import SavedPairs

log = logging.getLogger(__name__)


def attention_of(
    source: ClassifierSource, pairs: SavedPairs, make_trainer: Callable[[str], Trainer], *, batch_size: int
) -> dict[int, Attention]:
    """Return a model's attention for the classes that it predicts.

    The model is built here and gone before the next one is built, so that one is in memory at a time.

    Args:
        source: The source of the model.
        pairs: The clean and adversarial images: a few, which the main process reads.
        make_trainer: A function that makes a trainer, with its inference mode off, for work of this title.
        batch_size: Number of pairs per batch.

    Returns:
        The attention by image id; empty, with a warning in the log, where the model has no layer to take it from.

    Raises:
        UserError: The model cannot be built, or a file cannot be read.
    """
    gc.collect()  # Lightning's trainer and module refer to each other, so that the model before this one lingers
    module = AttentionModule(source.build(), title=f"attention of {source.name}")
    trainer = make_trainer(module.title)
    try:
        batches: Sequence[AttentionBatch] = trainer.predict(module, DataLoader(pairs, batch_size=batch_size))  # type: ignore[assignment]
    except LayerError as error:
        log.warning("%s is left out of the pictures of attention: %s", source.name, str(error))
        return {}
    return {
        image: Attention(batch["clean_attention"][row], batch["adversarial_attention"][row])
        for batch in batches
        for row, image in enumerate(batch["id"].tolist())
    }
