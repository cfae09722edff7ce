"""NAA as one writes it down from the paper."""

from torch import Tensor

from examples.naa_from_the_paper import naa
from naa_lightning.data import Batch
from naa_lightning.models import Classifier
from tests.benchmarks.ours import Craft
from tests.benchmarks.peers import as_saved
from tests.benchmarks.settings import EPS, Settings


def plain_crafting(surrogate: Classifier, settings: Settings) -> Craft:
    """Return the plain loop on a surrogate whose weights are frozen."""
    surrogate.to(settings.device).requires_grad_(False)
    layer = surrogate.network.get_submodule(surrogate.layers[0])

    def craft(batch: Batch) -> Tensor:
        images, labels = batch["image"], batch["label"]
        return as_saved(naa(surrogate, layer, images, labels, eps=EPS, steps=settings.steps, points=settings.points))

    return craft
