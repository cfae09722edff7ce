"""Attacks on networks that take a fixed number of images at once."""

import pytest
import torch
from torch import Tensor, nn

from naa_lightning.models import Classifier, as_classifier
from tests.attacks.test_every_attack import attacks, compose, craft, random_images, single


class Strict(nn.Module):
    """A network that takes batches of some sizes only."""

    def __init__(self, network: nn.Module, sizes: set[int]) -> None:
        super().__init__()
        self.network, self.sizes = network, sizes

    def forward(self, images: Tensor) -> Tensor:
        assert len(images) in self.sizes, f"asked for {len(images)} images"
        logits: Tensor = self.network(images)
        return logits


def strict(batch_size: int | tuple[int, int], sizes: set[int]) -> Classifier:
    free = single().double()
    network = Strict(free.network, sizes)
    return Classifier(network, mean=[0.5] * 3, std=[0.5] * 3, layer="network.middle", batch_size=batch_size).double()


def check_alike(name: str, surrogate: Classifier) -> None:
    images = random_images(4)
    expected = craft(compose(name), single().double(), images)
    assert (expected - images).abs().amax((1, 2, 3)).min() > 1e-3
    torch.testing.assert_close(craft(compose(name), surrogate, images), expected, rtol=0, atol=1e-6)


@attacks
def test_every_attack_is_that_on_the_free_network(name: str) -> None:
    check_alike(name, strict(3, {3}))


@pytest.mark.parametrize(("batch_size", "sizes"), [(1, {1}), ((1, 2), {1, 2})], ids=str)
@pytest.mark.parametrize("name", ["mim", "naa", "ilpd", "bfa", "fda", "danaa"])
def test_attacks_are_those_on_the_free_network_at_other_sizes(
    name: str, batch_size: int | tuple[int, int], sizes: set[int]
) -> None:
    check_alike(name, strict(batch_size, sizes))


def test_a_network_that_takes_one_image_at_once_says_so_where_it_is_asked_for_more() -> None:
    with pytest.raises(AssertionError, match="asked for 4 images"):
        craft(compose("mim"), as_classifier(strict(1, {1}), batch_size=4), random_images(4))
