import pytest
import torch
from scipy import fft
from torch import Tensor

from naa_lightning.attacks import (
    Spectrum,
)
from naa_lightning.models.dct import dct_basis
from tests.attacks.transforms.given import DRAWS, GivenDraws, random_images


@pytest.mark.parametrize(("height", "width"), [(8, 8), (1, 5), (12, 9), (33, 20)])
def test_the_cosine_basis_is_the_orthonormal_dct(height: int, width: int) -> None:
    image = random_images(3, height, width)
    spectrum = dct_basis(height, image) @ image @ dct_basis(width, image).T
    expected = fft.dctn(image.numpy(), type=2, norm="ortho", axes=(1, 2))
    torch.testing.assert_close(spectrum, torch.from_numpy(expected))


def test_spectrum_is_the_published_formula(images: Tensor) -> None:
    noise, factors = torch.randn(images.shape, generator=torch.Generator().manual_seed(1)), random_images(*images.shape)
    draws = GivenDraws({"ssa/factors": factors}, {"ssa/noise": noise})
    made = Spectrum(spread=0.5, noise="16/255")(images, 0, draws)
    noisy = images.numpy() + noise.double().numpy() * (16 / 255)
    spectrum = fft.dctn(noisy, norm="ortho", axes=(2, 3)) * (factors.numpy() * 2 * 0.5 + 1 - 0.5)
    torch.testing.assert_close(made, torch.from_numpy(fft.idctn(spectrum, norm="ortho", axes=(2, 3))))


def test_spectrum_without_spread_and_noise_changes_nothing(images: Tensor) -> None:
    torch.testing.assert_close(Spectrum(spread=0, noise=0)(images, 0, DRAWS), images, rtol=0, atol=1e-13)


def test_the_gradient_passes_the_spectrum_unchanged(images: Tensor) -> None:
    weights = random_images(*images.shape, seed=1)
    point = images.clone().requires_grad_()
    (gradient,) = torch.autograd.grad((Spectrum()(point, 0, DRAWS) * weights).sum(), point)
    assert torch.equal(gradient, weights)
