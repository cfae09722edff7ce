"""Passes of a bounded number of images: the same numbers, in bounded memory."""

import weakref
from collections.abc import Callable, Iterator
from typing import Any

import pytest
import torch
from torch import Tensor, nn
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils._pytree import tree_leaves

from naa_lightning.attribution import BASELINES, Conductance, FeatureDifference, Method, SteppedConductance
from naa_lightning.attribution.passes import forward_passes
from naa_lightning.models import Classifier
from tests.attribution.cases import METHODS, POINTS, asked, clean_path
from tests.attribution.conftest import classifier


def numbered(points: int, batch: int) -> list[tuple[Tensor, Tensor]]:
    """Two columns that say which point and image they belong to."""
    return [
        (100.0 * point + torch.arange(batch), torch.arange(batch).view(-1, 1).repeat(1, 2)) for point in range(points)
    ]


@pytest.mark.parametrize("batch", [1, 2, 3])
@pytest.mark.parametrize("points", [1, 4])
@pytest.mark.parametrize("size", [1, 2, 3, 5, 7, 12, 100])
def test_every_pass_but_the_last_is_full(size: int, points: int, batch: int) -> None:
    passes = list(forward_passes(numbered(points, batch), size))
    counts = [len(part.columns[0]) for part in passes]
    full, rest = divmod(points * batch, size)
    assert counts == [size] * full + [rest] * (rest > 0)
    together = torch.cat([part.columns[0] for part in passes])
    assert together.tolist() == [100 * point + image for point in range(points) for image in range(batch)]


@pytest.mark.parametrize("batch", [1, 2, 3])
@pytest.mark.parametrize("size", [None, 1, 2, 3, 5, 7, 12])
def test_pieces_say_where_a_passs_images_are_from(size: int | None, batch: int) -> None:
    classes = 10 * torch.arange(batch)
    for part in forward_passes(numbered(4, batch), size):
        firsts, seconds = part.columns
        assert torch.equal(part.of_images(classes), 10 * seconds[:, 0])
        assert torch.equal(firsts % 100, seconds[:, 0].float())
        lengths = 0
        for segment, (first, second) in part.split(firsts, seconds):
            assert torch.equal(first, 100.0 * segment.point + torch.arange(batch)[segment.rows])
            assert torch.equal(second[:, 0], torch.arange(batch)[segment.rows])
            lengths += len(first)
        assert lengths == len(firsts)


def test_without_a_size_every_point_is_a_pass() -> None:
    passes = list(forward_passes(numbered(4, 3)))
    assert [[tuple(segment) for segment in part.segments] for part in passes] == [[(i, slice(0, 3))] for i in range(4)]


def test_points_are_made_when_they_are_needed() -> None:
    made: list[int] = []

    def points() -> Iterator[list[Tensor]]:
        for point in range(4):
            made.append(point)
            yield [torch.zeros(2)]

    passes = forward_passes(points(), 4)
    next(passes)
    assert made == [0, 1]


def test_no_points_are_no_passes() -> None:
    assert list(forward_passes([], 3)) == []


@pytest.mark.parametrize("size", [0, -1])
def test_passes_of_no_images_are_refused(size: int, smooth: Classifier, images: Tensor) -> None:
    with pytest.raises(ValueError, match=f"a pass needs at least 1 image, got {size}"):
        list(forward_passes([[images]], size))
    for method in METHODS.values():
        with pytest.raises(ValueError, match=f"a pass needs at least 1 image, got {size}"):
            asked(method, smooth, images, images_per_pass=size)


@pytest.mark.parametrize("size", [1, 2, 3, 5, 7, 2 * POINTS, 100])
@pytest.mark.parametrize("name", METHODS)
def test_results_do_not_depend_on_the_size_of_passes(name: str, size: int, smooth: Classifier, images: Tensor) -> None:
    """The classes differ between the images, and the noise between the points."""
    options: dict[str, Any] = {"baseline": BASELINES["random"], "baselines": 2}
    whole = asked(METHODS[name], smooth, images, **options)
    in_parts = asked(METHODS[name], smooth, images, images_per_pass=size, **options)
    torch.testing.assert_close(in_parts.values, whole.values, rtol=0, atol=1e-12)
    torch.testing.assert_close(in_parts.explained, whole.explained, rtol=0, atol=1e-12)


@pytest.mark.parametrize("size", [1, 2, 3, 5, 7])
@pytest.mark.parametrize("name", METHODS)
def test_no_pass_sees_more_images_than_it_may(name: str, size: int, smooth: Classifier, images: Tensor) -> None:
    seen: list[int] = []
    smooth.network.register_forward_pre_hook(lambda _, inputs: seen.append(len(inputs[0])))
    asked(METHODS[name], smooth, images, images_per_pass=size)
    assert max(seen) == min(size, METHODS[name].gradient_evaluations * len(images))


class LiveMemory(TorchDispatchMode):  # type: ignore[no-untyped-call]
    """The most bytes that tensors made meanwhile have held at once."""

    def __init__(self) -> None:
        super().__init__()  # type: ignore[no-untyped-call]
        self.peak = 0
        self._live: dict[int, int] = {}

    def __torch_dispatch__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        result = func(*args, **(kwargs or {}))
        for leaf in tree_leaves(result):
            if isinstance(leaf, Tensor):
                self._keep(leaf.untyped_storage())
        return result

    def _keep(self, storage: torch.UntypedStorage) -> None:
        if id(storage) not in self._live:
            self._live[id(storage)] = storage.nbytes()
            weakref.finalize(storage, self._live.pop, id(storage))
            self.peak = max(self.peak, sum(self._live.values()))


def peak_memory(method: Method, surrogate: Classifier, images: Tensor, size: int) -> int:
    memory = LiveMemory()
    with memory:
        asked(method, surrogate, images, images_per_pass=size)
    return memory.peak


@pytest.fixture
def wide() -> Classifier:
    """Its activations take far more memory than its images, parameters and attributions."""
    torch.manual_seed(0)
    body = [nn.Conv2d(3, 24, 3, padding=1), nn.Tanh(), nn.Conv2d(24, 24, 3, padding=1), nn.Tanh()]
    head = [nn.Conv2d(24, 24, 3, padding=1), nn.Tanh(), nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(24, 5)]
    return classifier(*body, nn.Conv2d(24, 2, 3), *[nn.Conv2d(2, 24, 3, padding=1), nn.Tanh()], *head, layer="4")


MAKES: list[Callable[[int], Method]] = [
    lambda points: Conductance(path=clean_path("gauss_legendre", points)),
    lambda points: SteppedConductance(path=clean_path("trapezoid", points)),
    lambda points: FeatureDifference(path=clean_path("release", points)),
]


@pytest.mark.parametrize("make", MAKES, ids=["conductance", "stepped_conductance", "feature_difference"])
def test_memory_is_bounded_by_the_size_of_passes_alone(make: Callable[[int], Method], wide: Classifier) -> None:
    images = torch.rand(2, 3, 12, 12, dtype=torch.float64, generator=torch.Generator().manual_seed(0))
    few, many = (peak_memory(make(points), wide, images, 4) for points in (4, 64))
    assert many == pytest.approx(few, rel=0.03)
    small, middle, large = (peak_memory(make(64), wide, images, size) for size in (4, 8, 16))
    assert large - middle == pytest.approx(2 * (middle - small), rel=0.1)
    assert middle > 1.8 * small
