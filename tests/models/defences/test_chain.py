import torch
from torch import Tensor

from naa_lightning.models.defences import InputDefence, RandomizedSmoothing, RandomResizePad, defended
from naa_lightning.models.predicted_classes import ABSTAINED
from naa_lightning.rng import Draws, SeededDraws
from tests.models.defences.given import Colours, count_different

IMAGES = torch.full((2, 3, 16, 16), 0.25)
DRAWS = SeededDraws(0, [0, 1])


class Scaled(InputDefence):
    """Multiplies and adds."""

    def __init__(self, factor: float, offset: float) -> None:
        self.factor = factor
        self.offset = offset

    def transform(self, images: Tensor, draws: Draws, index: int) -> Tensor:
        self.drawn = draws.uniform("scaled", index, images)
        return self.factor * images + self.offset


def test_no_defence_gives_the_network_itself() -> None:
    network = Colours()
    assert defended([], network, DRAWS) is network


def test_the_first_defence_meets_the_image_first() -> None:
    network = Colours()
    result = defended([Scaled(2, 0), Scaled(1, 0.25), Scaled(0.5, 0)], network, DRAWS)(IMAGES, 4)
    torch.testing.assert_close(network.shown[0], torch.full_like(IMAGES, 0.375))
    assert network.indices == [4]
    assert result.classes.shape == (2,)


def test_two_of_one_kind_draw_different_numbers() -> None:
    twins = [Scaled(1, 0), Scaled(1, 0)]
    defended(twins, Colours(), DRAWS)(IMAGES, 0)
    assert not torch.equal(twins[0].drawn, twins[1].drawn)
    first = twins[0].drawn
    defended(twins, Colours(), DRAWS)(IMAGES, 0)
    assert torch.equal(twins[0].drawn, first)


def test_what_is_random_behind_a_vote_is_drawn_anew_for_each_copy() -> None:
    network = Colours()
    smoothing = RandomizedSmoothing(noise=0, copies=20)
    ask = defended([smoothing, RandomResizePad(enlargement=1.5)], network, DRAWS)
    for index in range(2):
        ask(IMAGES, index)
    assert network.indices == list(range(40))
    for image in range(2):
        assert count_different([shown[image] for shown in network.shown]) > 30


def test_a_vote_of_votes_draws_anew_and_counts_no_abstention() -> None:
    inner = RandomizedSmoothing(copies=11)
    outer = RandomizedSmoothing(copies=12, noise=0)
    network = Colours()
    images = IMAGES.clone()
    images[0, 1] = 0.9
    result = defended([outer, inner], network, DRAWS)(images, 1)
    assert network.indices == list(range(12 * 11, 24 * 11))
    assert count_different([shown[0] for shown in network.shown]) == 12 * 11
    assert result.classes[0] == 1
    assert result.classes[1] != ABSTAINED  # no copy of the grey image is decided, so that there is no vote
    assert result.confidence.tolist() == [1, 0]
