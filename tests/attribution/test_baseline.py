import pytest
import torch
from scipy.ndimage import gaussian_filter1d
from torch import Tensor
from torch.nn import functional as F

from naa_lightning.attribution import BASELINES, Conductance, image_baseline
from naa_lightning.models import Classifier
from naa_lightning.rng import SeededDraws
from tests.attribution.cases import DRAWS, CountingDraws, asked, clean_path


@pytest.mark.parametrize("name", BASELINES)
def test_a_baseline_is_an_image_like_the_images(name: str, images: Tensor) -> None:
    baseline = BASELINES[name](images, DRAWS, 0)
    assert (baseline.shape, baseline.dtype) == (images.shape, images.dtype)
    assert baseline.min() >= 0
    assert baseline.max() <= 1
    assert not torch.equal(baseline, images)


@pytest.mark.parametrize(("name", "value"), [("black", 0.0), ("grey", 0.5)])
def test_baselines_of_one_colour(name: str, value: float, images: Tensor) -> None:
    assert torch.equal(BASELINES[name](images, DRAWS, 0), torch.full_like(images, value))


@pytest.mark.parametrize("size", [(1, 1), (1, 40), (5, 3), (32, 48), (80, 33)])
def test_blurred_is_scipys_gaussian_filter(size: tuple[int, int]) -> None:
    images = torch.rand(2, 3, *size, dtype=torch.float64, generator=torch.Generator().manual_seed(0))
    sigma = min(size) / 16
    expected = images.numpy()
    for axis in (2, 3):
        expected = gaussian_filter1d(expected, sigma, axis=axis, mode="mirror", radius=int(3 * sigma))
    torch.testing.assert_close(BASELINES["blurred"](images, DRAWS, 0), torch.from_numpy(expected))


def test_blurring_leaves_a_plain_image() -> None:
    plain = torch.tensor([0.1, 0.5, 1.0], dtype=torch.float64).view(1, 3, 1, 1).expand(2, 3, 32, 32)
    torch.testing.assert_close(BASELINES["blurred"](plain, DRAWS, 0), plain.clone())


def test_random_baselines_are_the_images_own() -> None:
    images = torch.zeros(2, 3, 40, 40)
    first, second = (BASELINES["random"](images, DRAWS, number) for number in (0, 1))
    assert torch.equal(first, DRAWS.uniform("attribution/baseline", 0, images))
    assert torch.equal(second[1:], BASELINES["random"](images[1:], SeededDraws(0, [1]), 1))
    assert len({tensor.numpy().tobytes() for tensor in (*first, *second)}) == 4
    assert first.mean() == pytest.approx(0.5, abs=0.02)


def test_a_given_image_is_the_baseline_of_all(images: Tensor) -> None:
    image = torch.rand(3, 6, 6, generator=torch.Generator().manual_seed(1))
    found = image_baseline(image)(images, DRAWS, 0)
    assert torch.equal(found, image.double().expand(2, 3, 6, 6))


@pytest.mark.parametrize("size", [(3, 9), (6, 12), (1, 1)])
def test_a_given_image_is_brought_to_the_images_size(size: tuple[int, int], images: Tensor) -> None:
    image = torch.rand(3, *size, dtype=torch.float64, generator=torch.Generator().manual_seed(1))
    found = image_baseline(image)(images, DRAWS, 0)
    expected = F.interpolate(image[None], size=(6, 6), mode="bilinear", align_corners=False)
    torch.testing.assert_close(found, expected.expand(2, 3, 6, 6))


@pytest.mark.parametrize(
    "image",
    [
        torch.zeros(1, 3, 6, 6),
        torch.zeros(6, 6),
        torch.zeros(1, 6, 6),
        torch.zeros(6, 6, 3),
        torch.full((3, 6, 6), -0.01),
        torch.full((3, 6, 6), 255.0),
        torch.full((3, 6, 6), float("nan")),
    ],
)
def test_what_is_no_image_is_refused_as_a_baseline(image: Tensor) -> None:
    with pytest.raises(ValueError, match=r"expected a baseline \(3, H, W\) in \[0, 1\], got"):
        image_baseline(image)


@pytest.mark.parametrize("count", [1, 3])
def test_several_baselines_are_averaged(count: int, smooth: Classifier, images: Tensor) -> None:
    method = Conductance(path=clean_path("gauss_legendre", 3))
    found = asked(method, smooth, images, baseline=BASELINES["random"], baselines=count)

    def numbered(number: int) -> Tensor:
        return BASELINES["random"](images, DRAWS, number)

    singles = [asked(method, smooth, images, baseline=lambda *_, n=number: numbered(n)) for number in range(count)]
    torch.testing.assert_close(found.values, torch.stack([single.values for single in singles]).mean(0))
    torch.testing.assert_close(found.explained, torch.stack([single.explained for single in singles]).mean(0))
    if count > 1:
        assert not torch.isclose(found.explained, singles[0].explained).any()


@pytest.mark.parametrize("name", ["black", "grey", "blurred"])
def test_only_random_baselines_draw(name: str, images: Tensor) -> None:
    draws = CountingDraws()
    BASELINES[name](images, draws, 0)
    assert draws.asked == []
