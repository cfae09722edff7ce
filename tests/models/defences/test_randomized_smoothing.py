import math
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import pytest
import torch
from scipy.stats import binomtest
from torch import Tensor

from naa_lightning.models.defences import RandomizedSmoothing
from naa_lightning.models.predicted_classes import ABSTAINED, INVALID, PredictedClasses
from naa_lightning.rng import SeededDraws
from tests.models.defences.given import DRAWS, Colours, count_different


@dataclass
class Scripted:
    """Gives one image's classes in turn, whatever it sees."""

    classes: Sequence[int]
    asked: list[int] = field(default_factory=list)

    def __call__(self, images: Tensor, index: int) -> PredictedClasses:
        self.asked.append(index)
        return PredictedClasses(
            torch.tensor([self.classes[len(self.asked) - 1]] * len(images)), torch.ones(len(images))
        )


IMAGE = torch.full((1, 3, 4, 4), 0.5)
ALONE = SeededDraws(0, [0])


def decided(votes: dict[int, int], significance: float = 0.001) -> tuple[int, float]:
    classes = [vote for vote, count in votes.items() for _ in range(count)]
    smoothing = RandomizedSmoothing(copies=len(classes), significance=significance)
    result = smoothing.predict(Scripted(classes), IMAGE, ALONE, 0)
    return int(result.classes), round(float(result.confidence), 6)


@pytest.mark.parametrize(
    ("votes", "expected"),
    [
        ({7: 100}, (7, 1.0)),
        ({3: 90, 7: 10}, (3, 0.9)),
        ({7: 10, 3: 90}, (3, 0.9)),
        ({0: 67, 1: 33}, (0, 0.67)),  # p is 0.0009
        ({0: 66, 1: 34}, (ABSTAINED, 0.0)),  # p is 0.0018
        ({0: 50, 1: 50}, (ABSTAINED, 0.0)),
        ({0: 1, 1: 49, 2: 50}, (ABSTAINED, 0.0)),
        ({5: 40, **dict.fromkeys(range(100, 160), 1)}, (5, 0.4)),  # only the two highest counts matter
        ({4: 14, INVALID: 80, 5: 6}, (ABSTAINED, 0.0)),
        ({INVALID: 80, 4: 20}, (4, 0.2)),
        ({INVALID: 50, ABSTAINED: 39, 4: 11}, (4, 0.11)),  # p is 2 / 2^11
        ({INVALID: 51, ABSTAINED: 39, 4: 10}, (ABSTAINED, 0.0)),
        ({INVALID: 100}, (INVALID, 0.0)),
        ({INVALID: 50, ABSTAINED: 50}, (INVALID, 0.0)),
    ],
)
def test_votes_are_counted(votes: dict[int, int], expected: tuple[int, float]) -> None:
    assert decided(votes) == expected


@pytest.mark.parametrize("significance", [0.001, 0.05, 0.5])
@pytest.mark.parametrize("copies", [12, 25, 101])
def test_it_abstains_where_scipys_test_is_not_significant(copies: int, significance: float) -> None:
    for second in range(copies // 2 + 1):
        clear = binomtest(copies - second, copies, 0.5).pvalue <= significance
        assert decided({1: copies - second, 2: second}, significance)[0] == (1 if clear else ABSTAINED)


def test_images_are_decided_one_by_one() -> None:
    def model(images: Tensor, index: int) -> PredictedClasses:
        return PredictedClasses(torch.tensor([4, index % 2, INVALID]), torch.ones(3))

    result = RandomizedSmoothing(copies=20).predict(model, IMAGE.expand(3, -1, -1, -1), DRAWS, 0)
    assert result.classes.tolist() == [4, ABSTAINED, INVALID]
    assert result.confidence.tolist() == [1, 0, 0]


def test_every_copy_of_every_draw_has_an_index_and_noise_of_its_own() -> None:
    model = Colours()
    smoothing = RandomizedSmoothing(copies=11)
    for index in range(3):
        smoothing.predict(model, IMAGE, ALONE, index)
    assert model.indices == list(range(33))
    assert all(shown.shape == IMAGE.shape for shown in model.shown)
    assert count_different(model.shown) == 33


@pytest.mark.parametrize("noise", [0.25, 1.0])
def test_the_noise_is_gaussian_and_not_clipped(noise: float) -> None:
    model = Colours()
    images = torch.full((1, 3, 50, 50), 0.9, dtype=torch.float64)
    RandomizedSmoothing(noise=noise, copies=11).predict(model, images, ALONE, 0)
    added = (torch.cat(model.shown) - 0.9) / noise
    assert added.dtype == torch.float64
    assert added.mean().abs() < 5 / math.sqrt(added.numel())
    assert (added.std() - 1).abs() < 0.02
    assert (added.abs() > 2).double().mean() == pytest.approx(math.erfc(math.sqrt(2)), abs=0.005)
    expected = ALONE.normal("defence/randomized_smoothing", 3, images)
    torch.testing.assert_close(added[3:4], expected)


def test_no_noise_shows_the_image() -> None:
    model = Colours()
    RandomizedSmoothing(noise=0, copies=11).predict(model, IMAGE, ALONE, 0)
    assert all(torch.equal(shown, IMAGE) for shown in model.shown)


def test_it_is_asked_as_often_as_it_says() -> None:
    assert RandomizedSmoothing().repeats == 2
    assert RandomizedSmoothing(repeats=1).repeats == 1


@pytest.mark.parametrize(
    ("values", "message"),
    [
        ({"noise": -0.25}, r"noise must be at least 0, got -0\.25"),
        ({"noise": math.nan}, "noise must be at least 0, got nan"),
        ({"copies": 0}, "copies must be at least 1, got 0"),
        ({"copies": 10}, r"copies=10 cannot decide at significance=0\.001, even if all agree"),
        ({"significance": 2}, "significance must be between 0 and 1, got 2"),
        ({"significance": 0}, "significance must be between 0 and 1, got 0"),
        ({"significance": math.nan}, "significance must be between 0 and 1, got nan"),
        ({"repeats": 0}, "repeats must be at least 1, got 0"),
    ],
)
def test_values_out_of_range_are_refused(values: dict[str, Any], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        RandomizedSmoothing(**values)
