"""Reading clean and adversarial images once for all stages that look at them."""

from dataclasses import dataclass

from naa_lightning.records import SavedPairs
from naa_lightning.runs.context import RunContext
from naa_lightning.runs.stages.adversarial_set import AdversarialSet
from naa_lightning.runs.stages.prediction import share_of_batches

# Bytes in memory, on each rank: 2,000 pairs of 299x299.
ROOM = 2**30


@dataclass(frozen=True)
class LoadedPairs:
    """Pairs of clean and adversarial images, in memory as far as there is room.

    Args:
        pairs: All pairs of the run.
        num_workers: Number of processes that read pairs; 0 where this rank's share is in memory.
    """

    pairs: SavedPairs
    num_workers: int


def read_pairs(context: RunContext, adversarial: AdversarialSet) -> LoadedPairs:
    """Join adversarial images with their clean ones and read this rank's share into memory.

    Args:
        context: The run.
        adversarial: The adversarial images.

    Raises:
        UserError: A file cannot be read or is of another size than its clean image.
    """
    data, ranks = context.data, context.ranks
    pairs = adversarial.pairs(data.images)
    own = share_of_batches(len(pairs), data.batch_size, ranks)
    with context.stopwatch.phase("reading"):
        in_memory = ranks.everywhere(lambda: pairs.keep(own, num_workers=data.num_workers, room=ROOM))
    return LoadedPairs(pairs, num_workers=0 if in_memory else data.num_workers)
