"""A module's predict step on images, on all ranks at once."""

from itertools import zip_longest
from typing import Any

from pytorch_lightning import LightningModule
from torch.utils.data import DataLoader, Subset

from naa_lightning.config.options import in_options
from naa_lightning.data import LabelledImages
from naa_lightning.data.workers import leave_signals_to_main, useful_workers
from naa_lightning.distributed.ranks import Ranks
from naa_lightning.exceptions import DataError
from naa_lightning.records import SavedPairs
from naa_lightning.runs.context import RunContext

_NONE = object()


@in_options("data", DataError)
def predict(
    context: RunContext,
    module: LightningModule,
    images: LabelledImages | SavedPairs,
    *,
    batch_size: int,
    num_workers: int,
) -> list[Any]:
    """Return what a module's predict step gives for each batch, in the order of the images.

    Ranks share whole batches, so that a batch's result is the same, to the bit, whatever their number.

    Args:
        context: The run, on every rank of which this is called.
        module: The module, the same on every rank.
        images: The images of all ranks.
        batch_size: Number of images per batch.
        num_workers: Number of processes that read images; 0 reads in the main process.

    Raises:
        Exception: The module, or reading an image, failed on some rank.
    """
    own = share_of_batches(len(images), batch_size, context.ranks)
    loader: DataLoader[Any] = DataLoader(
        Subset(images, own),
        batch_size=batch_size,
        num_workers=useful_workers(num_workers, len(own), batch_size),
        collate_fn=images.collate,
        worker_init_fn=leave_signals_to_main,
    )
    title = str(module.title)
    by_rank = context.ranks.gathered(lambda: context.prediction_trainer(title).predict(module, loader) if own else [])
    turns = zip_longest(*(batches or [] for batches in by_rank), fillvalue=_NONE)
    return [batch for turn in turns for batch in turn if batch is not _NONE]


def share_of_batches(count: int, batch_size: int, ranks: Ranks) -> list[int]:
    """Return the indices of the images that are this rank's share.

    Args:
        count: Number of all images.
        batch_size: Number of images per batch.
        ranks: The ranks, which share whole batches.

    Example:
        >>> share_of_batches(5, 2, Ranks())
        [0, 1, 2, 3, 4]
    """
    batches = [range(count)[start : start + batch_size] for start in range(0, count, batch_size)]
    return [index for batch in ranks.share(batches) for index in batch]
