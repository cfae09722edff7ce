from typing import Any

import pytest
import torch
from torch import Tensor

from naa_lightning.attribution import RULES, Path
from tests.attribution.cases import DRAWS, CountingDraws, clean_path


def black(images: Tensor) -> Tensor:
    return torch.zeros_like(images)


@pytest.mark.parametrize("noise", [0.1, 1.0])
def test_the_releases_path_goes_from_the_noisy_image_towards_black(noise: float, images: Tensor) -> None:
    draws = CountingDraws()
    points = [point.images for point in Path(points=4, noise=noise).walk(images, black(images), draws)]
    expected = [(images + noise * (i + 1)) * (4 - i) / 4 for i in range(4)]
    torch.testing.assert_close(torch.stack(points), torch.stack(expected))
    assert draws.asked == [("naa/noise", i) for i in range(4)]


def test_a_path_without_noise_draws_nothing(images: Tensor) -> None:
    draws = CountingDraws()
    points = [point.images for point in clean_path("release", 3).walk(images, black(images), draws)]
    torch.testing.assert_close(torch.stack(points), torch.stack([images, images * 2 / 3, images / 3]))
    assert draws.asked == []


@pytest.mark.parametrize("noise", [0.0, 0.3])
@pytest.mark.parametrize("rule", RULES)
def test_points_lie_between_the_baseline_and_the_noisy_image(rule: str, noise: float, images: Tensor) -> None:
    path, baseline = Path(rule=rule, points=4, noise=noise), images.flip(0).square()
    walked = list(path.walk(images, baseline, DRAWS))
    assert len(walked) == 4
    for index, (position, point) in enumerate(zip(path.quadrature.positions, walked, strict=True)):
        end = images + noise * DRAWS.normal("naa/noise", index, images)
        torch.testing.assert_close(point.images, torch.lerp(baseline, end, position))
        torch.testing.assert_close(point.direction, end - baseline)


def noises(path: Path, images: Tensor, draws: CountingDraws) -> list[float]:
    """The noise on the end of each point's line, which is the same number everywhere."""
    ends = [point.direction - images for point in path.walk(images, black(images), draws)]
    for end in ends:
        torch.testing.assert_close(end, end.mean().expand_as(end))
    return [round(float(end.mean()), 9) for end in ends]


@pytest.mark.parametrize(
    ("points", "expected"),
    [(1, [0.5]), (2, [0.5, -0.5]), (3, [0.5, -0.5, 1.0]), (6, [0.5, -0.5, 1.0, -1.0, 1.5, -1.5])],
)
def test_antithetic_noise_comes_in_pairs_of_opposite_sign(points: int, expected: list[float], images: Tensor) -> None:
    """The last of an odd number of points is left alone."""
    draws = CountingDraws()
    assert noises(Path(points=points, noise=0.5, antithetic=True), images, draws) == expected
    assert draws.asked == [("naa/noise", index // 2) for index in range(points)]
    assert noises(Path(points=3, noise=0.5), images, CountingDraws()) == [0.5, 1.0, 1.5]


def test_antithetic_noise_cancels(images: Tensor) -> None:
    """The points of an even number end, on average, at the image itself."""
    walked = list(Path(points=8, noise=0.4, antithetic=True).walk(images, black(images), DRAWS))
    ends = torch.stack([point.direction for point in walked])
    assert (ends - images).abs().mean() > 0.2
    torch.testing.assert_close(ends.mean(0), images)


def test_images_may_ask_for_gradients(images: Tensor) -> None:
    images.requires_grad_()
    (point,) = clean_path("midpoint", 1).walk(images, black(images), DRAWS)
    assert torch.equal(torch.autograd.grad(point.images.sum(), images)[0], torch.full_like(images, 0.5))


def test_the_default_is_that_of_the_release() -> None:
    assert vars(Path()) == {"rule": "release", "points": 30, "noise": 0.1, "antithetic": False}


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"noise": -0.1}, r"noise must be at least 0, got -0\.1"),
        ({"noise": float("nan")}, "noise must be at least 0, got nan"),
        ({"noise": float("inf")}, "noise must be at least 0, got inf"),
        ({"points": 0}, "needs at least 1 points, got 0"),
        ({"rule": "trapezoid", "points": 1}, "the rule trapezoid needs at least 2 points, got 1"),
        ({"rule": "simpson"}, "rule must be one of .*, got 'simpson'"),
    ],
)
def test_values_out_of_range_are_refused(options: dict[str, Any], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        Path(**options)
