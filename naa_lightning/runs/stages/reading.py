"""Reading clean and adversarial images once for all who ask about them."""

from dataclasses import dataclass

from naa_lightning.records import SavedPairs
from naa_lightning.runs.context import Bench
from naa_lightning.runs.stages.adversarial_set import AdversarialSet
from naa_lightning.runs.stages.prediction import share_of_batches

# Bytes in memory, on each rank: 2,000 pairs of 299x299.
ROOM = 2**30


@dataclass(frozen=True)
class ReadPairs:
    """Pairs of clean and adversarial images, in memory as far as there is room.

    Args:
        pairs: All of them.
        num_workers: Processes that read those that are not in memory; 0 where all of this rank's are.
    """

    pairs: SavedPairs
    num_workers: int


def read_pairs(bench: Bench, made: AdversarialSet) -> ReadPairs:
    """Join adversarial images with their clean ones and read the share of this rank.

    Raises:
        UserError: A file cannot be read or is of another size than its clean image.
    """
    data, ranks = bench.data, bench.ranks
    pairs = made.pairs(data.images)
    own = share_of_batches(len(pairs), data.batch_size, ranks)
    with bench.stopwatch.phase("reading"):
        in_memory = ranks.everywhere(lambda: pairs.keep(own, num_workers=data.num_workers, room=ROOM))
    return ReadPairs(pairs, num_workers=0 if in_memory else data.num_workers)
