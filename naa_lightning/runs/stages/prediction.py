"""Asking a model about images, on all ranks at once."""

from collections.abc import Callable
from itertools import zip_longest
from typing import Any

from pytorch_lightning import LightningModule, Trainer
from torch.utils.data import DataLoader, Dataset, Subset

from naa_lightning.config.options import in_options
from naa_lightning.data.workers import ignore_sigterm
from naa_lightning.distributed.ranks import Ranks
from naa_lightning.exceptions import DataError

_NONE = object()


@in_options("data", DataError)
def ask(
    module: LightningModule,
    images: Dataset[Any],
    ranks: Ranks,
    make_trainer: Callable[[], Trainer],
    *,
    batch_size: int,
    num_workers: int = 0,
    collate: Callable[[list[Any]], Any] | None = None,
) -> list[Any]:
    """Return what a module's predict step says of each batch, in the order of the images.

    Ranks share out whole batches, so that a batch's answer is the same, to the bit, whatever their number.

    Args:
        module: Is there on every rank.
        images: Has a length.
        ranks: All of them ask.
        make_trainer: Makes a trainer that predicts.
        batch_size: Images per batch.
        num_workers: Processes that read images; 0 reads in the main process.
        collate: Joins images to a batch; None: torch's own way.

    Raises:
        Exception: The module, or reading an image, failed on some rank.
    """
    own = share_of_batches(len(images), batch_size, ranks)  # type: ignore[arg-type]
    loader = DataLoader(
        Subset(images, own),
        batch_size=batch_size,
        num_workers=num_workers,
        collate_fn=collate,
        worker_init_fn=ignore_sigterm,
    )
    answers = ranks.gathered(lambda: make_trainer().predict(module, loader) if own else [])
    turns = zip_longest(*(of_rank or [] for of_rank in answers), fillvalue=_NONE)
    return [answer for turn in turns for answer in turn if answer is not _NONE]


def share_of_batches(count: int, batch_size: int, ranks: Ranks) -> list[int]:
    """Return the indices of the images that a rank is asked about.

    Args:
        count: Of all images.
        batch_size: Images per batch.
        ranks: They share whole batches.

    Example:
        >>> share_of_batches(5, 2, Ranks())
        [0, 1, 2, 3, 4]
    """
    batches = [range(count)[start : start + batch_size] for start in range(0, count, batch_size)]
    return [index for batch in ranks.share(batches) for index in batch]
