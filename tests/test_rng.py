import pytest
import torch
from torch import Tensor

from naa_lightning.rng import SeededDraws

LIKE = torch.empty(3, 3, 8, 8)


def normal(
    seed: int = 0, ids: tuple[int, ...] = (4, 5, 6), purpose: str = "noise", index: int = 0, like: Tensor = LIKE
) -> Tensor:
    return SeededDraws(seed, ids).normal(purpose, index, like[: len(ids)])


@pytest.mark.parametrize("ids", [(5,), (6, 5), (1, 5, 2), (5, 5)])
def test_an_image_gets_its_numbers_in_any_batch(ids: tuple[int, ...]) -> None:
    assert torch.equal(normal(ids=ids)[ids.index(5)], normal()[1])


def test_the_same_question_has_the_same_answer() -> None:
    draws = SeededDraws(0, (4, 5, 6))
    first = draws.normal("noise", 0, LIKE)
    draws.normal("noise", 1, LIKE)
    torch.manual_seed(99)
    assert torch.equal(draws.normal("noise", 0, LIKE), first)


@pytest.mark.parametrize("change", [{"seed": 1}, {"ids": (7, 8, 9)}, {"purpose": "other"}, {"index": 1}])
def test_another_question_has_another_answer(change: dict[str, int]) -> None:
    assert not (normal(**change) == normal()).any()  # type: ignore[arg-type]


def test_parts_of_a_question_are_not_mixed_up() -> None:
    answers = [
        normal(seed=1, ids=(23,)),
        normal(seed=12, ids=(3,)),
        normal(ids=(1,), index=11),
        normal(ids=(11,), index=1),
    ]
    assert len({float(answer.flatten()[0]) for answer in answers}) == len(answers)


def test_images_of_a_batch_get_different_numbers() -> None:
    first, second, third = normal()
    assert not (first == second).any()
    assert not (second == third).any()


def test_draws_leave_the_global_generator_alone() -> None:
    state = torch.get_rng_state()
    normal()
    assert torch.equal(torch.get_rng_state(), state)


def test_moments_are_those_of_a_standard_normal() -> None:
    """Bounds of five standard errors: of mean 1, variance 2, third 15 and fourth power 96 over n."""
    draws = torch.cat([normal(ids=tuple(range(3 * i, 3 * i + 3)), like=LIKE.double()).flatten() for i in range(200)])
    for power, expected, variance in [(1, 0, 1), (2, 1, 2), (3, 0, 15), (4, 3, 96)]:
        assert abs(float((draws**power).mean()) - expected) < 5 * (variance / len(draws)) ** 0.5


def test_draws_of_different_images_are_uncorrelated() -> None:
    first, second = normal(ids=(0, 1), like=torch.empty(2, 3, 64, 64, dtype=torch.float64)).flatten(1)
    assert abs(float((first * second).mean())) < 5 / len(first) ** 0.5


@pytest.mark.parametrize("dtype", [torch.float16, torch.float32, torch.float64])
def test_draws_take_shape_and_dtype(dtype: torch.dtype) -> None:
    drawn = normal(like=torch.empty(3, 1, 2, dtype=dtype))
    assert (drawn.shape, drawn.dtype) == ((3, 1, 2), dtype)


@pytest.mark.parametrize("length", [0, 2, 4])
def test_another_number_of_images_is_refused(length: int) -> None:
    with pytest.raises(ValueError, match=rf"expected one image per id \(3\), got {length}"):
        SeededDraws(0, (4, 5, 6)).normal("noise", 0, torch.empty(length, 3, 2, 2))


def test_uniform_numbers_are_of_the_image_and_in_the_unit_interval() -> None:
    both = SeededDraws(0, (4, 5)).uniform("mask", 0, LIKE[:2])
    assert torch.equal(SeededDraws(0, (5,)).uniform("mask", 0, LIKE[:1])[0], both[1])
    assert 0 <= both.min() < 0.02
    assert 0.98 < both.max() < 1
    numbers = SeededDraws(0, range(2000)).uniform("chance", 0, torch.empty(2000, dtype=torch.float64))
    assert abs(float(numbers.mean()) - 0.5) < 5 * (1 / 12 / 2000) ** 0.5
    assert not torch.equal(SeededDraws(0, (4, 5)).normal("mask", 0, LIKE[:2]), both)


def test_other_images_come_from_the_pool_for_each_image() -> None:
    pool = [torch.full((3, 8, 8), float(value)) for value in range(5)]
    draws = SeededDraws(0, range(200), pool)
    other_images = draws.other_images("admix", 0, torch.empty(200, 3, 8, 8))
    values = other_images[:, 0, 0, 0]
    assert torch.equal(other_images, values.view(-1, 1, 1, 1).expand_as(other_images))
    assert all(20 <= int((values == value).sum()) <= 60 for value in range(5))
    assert torch.equal(SeededDraws(0, [7], pool).other_images("admix", 0, torch.empty(1, 3, 8, 8))[0], other_images[7])
    assert not torch.equal(draws.other_images("admix", 1, torch.empty(200, 3, 8, 8)), other_images)


def test_other_images_of_another_size_are_fitted() -> None:
    ramp = torch.linspace(0, 1, 8).expand(3, 8, 8)
    other_images = SeededDraws(0, [0], [ramp]).other_images("admix", 0, torch.empty(1, 3, 4, 16, dtype=torch.float64))
    assert other_images.shape == (1, 3, 4, 16)
    assert other_images.dtype == torch.float64
    assert (other_images[0, 0, 0].diff() >= 0).all()


def test_other_images_need_a_pool() -> None:
    with pytest.raises(ValueError, match="the attack mixes images: give SeededDraws a pool of clean images"):
        SeededDraws(0, (4, 5, 6)).other_images("admix", 0, LIKE)
