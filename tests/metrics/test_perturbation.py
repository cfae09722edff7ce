import math

import numpy as np
import pytest
import torch
from scipy.ndimage import gaussian_filter
from torch import Tensor, nn

from naa_lightning.metrics import PerturbationMetric, PerturbationSizes, perturbation_sizes


def images(count: int, height: int = 20, width: int = 17) -> tuple[Tensor, Tensor]:
    """Smooth images and what noise of different strength makes of them."""
    generator = torch.Generator().manual_seed(0)
    rows, columns = torch.linspace(0, 3, height)[:, None], torch.linspace(0, 5, width)
    phases = torch.rand(count, 3, 1, 1, generator=generator) * 6
    clean = 0.5 + 0.4 * torch.sin(rows + columns + phases)
    strength = torch.linspace(0.02, 0.3, count)[:, None, None, None]
    noise = torch.rand(count, 3, height, width, generator=generator) * 2 - 1
    return clean, (clean + strength * noise).clamp(0, 1)


def test_lengths_are_those_of_the_change() -> None:
    clean = torch.full((2, 3, 4, 5), 0.5)
    adversarial = clean.clone()
    adversarial[0, 1, 2, 3] = 0.25
    adversarial[0, 2, 0, 0] = 1.0
    adversarial[1] += 0.125
    sizes = perturbation_sizes(clean, adversarial)
    assert sizes.linf.tolist() == [0.5, 0.125]
    assert sizes.l2.tolist() == pytest.approx([math.sqrt(0.25**2 + 0.5**2), 0.125 * math.sqrt(60)])


@pytest.mark.parametrize("change", [0.5, 0.1, 16 / 255, -1 / 255])
def test_psnr_of_one_change_everywhere(change: float) -> None:
    sizes = perturbation_sizes(torch.full((1, 3, 8, 9), 0.5), torch.full((1, 3, 8, 9), 0.5 + change))
    assert sizes.psnr.item() == pytest.approx(-20 * math.log10(abs(change)), abs=1e-3)


def filtered_ssim(one: np.ndarray, other: np.ndarray) -> float:
    """Of one channel, as Wang et al. (2004) write it."""

    def local(values: np.ndarray) -> np.ndarray:
        return np.asarray(gaussian_filter(values, sigma=1.5, truncate=3.5, mode="mirror"))

    mean_one, mean_other = local(one), local(other)
    variances = local(one**2) - mean_one**2 + local(other**2) - mean_other**2
    covariance = local(one * other) - mean_one * mean_other
    luminance = (2 * mean_one * mean_other + 0.01**2) / (mean_one**2 + mean_other**2 + 0.01**2)
    return float(np.mean(luminance * (2 * covariance + 0.03**2) / (variances + 0.03**2)))


@pytest.mark.parametrize("shape", [(20, 17), (11, 40)])
def test_ssim_is_that_of_gaussian_windows(shape: tuple[int, int]) -> None:
    clean, adversarial = images(4, *shape)
    expected = [
        np.mean([filtered_ssim(*channels) for channels in zip(*pair, strict=True)])
        for pair in zip(clean.double().numpy(), adversarial.double().numpy(), strict=True)
    ]
    assert max(expected) - min(expected) > 0.3
    assert perturbation_sizes(clean, adversarial).ssim.tolist() == pytest.approx(expected, abs=1e-4)


def test_equal_images() -> None:
    clean, _ = images(3)
    sizes = perturbation_sizes(clean, clean.clone())
    assert sizes.linf.tolist() == sizes.l2.tolist() == [0, 0, 0]
    assert sizes.psnr.tolist() == [math.inf] * 3
    assert sizes.ssim.tolist() == pytest.approx([1, 1, 1], abs=1e-3)


@pytest.mark.parametrize("shape", [(10, 30), (30, 10), (1, 1)])
def test_ssim_of_tiny_images_is_nan_and_nothing_else_is(shape: tuple[int, int]) -> None:
    sizes = perturbation_sizes(*images(2, *shape))
    assert sizes.ssim.isnan().all()
    assert torch.stack([sizes.linf, sizes.l2, sizes.psnr]).isfinite().all()


class Fake(nn.Module):
    def forward(self, clean: Tensor, adversarial: Tensor) -> Tensor:
        return 10 * clean.mean((1, 2, 3)) + adversarial.mean((1, 2, 3))


def test_lpips_is_what_the_network_says() -> None:
    clean, adversarial = torch.full((2, 3, 4, 4), 0.5), torch.full((2, 3, 4, 4), 0.25)
    assert perturbation_sizes(clean, adversarial, Fake()).lpips.tolist() == pytest.approx([5.25, 5.25])
    assert perturbation_sizes(clean, adversarial).lpips.isnan().tolist() == [True, True]


def test_an_image_does_not_depend_on_its_neighbours() -> None:
    clean, adversarial = images(5)
    together = vars(perturbation_sizes(clean, adversarial, Fake()))
    for index in range(5):
        alone = vars(perturbation_sizes(clean[index : index + 1], adversarial[index : index + 1], Fake()))
        for name, values in together.items():
            assert values.shape == (5,)
            assert values[index].item() == pytest.approx(alone[name].item(), rel=1e-6), name


@pytest.mark.parametrize(
    ("clean", "adversarial"),
    [
        ((2, 3, 8, 8), (2, 3, 8, 9)),
        ((2, 3, 8, 8), (1, 3, 8, 8)),
        ((3, 8, 8), (3, 8, 8)),
        ((2, 1, 8, 8), (2, 1, 8, 8)),
    ],
)
def test_other_shapes_are_refused(clean: tuple[int, ...], adversarial: tuple[int, ...]) -> None:
    with pytest.raises(ValueError, match="expected images of one shape") as error:
        perturbation_sizes(torch.zeros(clean), torch.zeros(adversarial))
    assert str(clean) in str(error.value)
    assert str(adversarial) in str(error.value)


SIZES = PerturbationSizes(
    linf=torch.tensor([0.5, 0.25, 0.0, 0.125]),
    l2=torch.tensor([2.0, 5.0, 0.0, 1.0]),
    ssim=torch.tensor([0.5, torch.nan, 1.0, 0.25]),
    psnr=torch.tensor([20.0, 30.0, torch.inf, 25.0]),
    lpips=torch.tensor([torch.nan, torch.nan, 0.25, 0.75]),
)
EXPECTED = {
    "linf": {"mean": 0.875 / 4, "max": 0.5},
    "l2": {"mean": 2.0, "max": 5.0},
    "ssim": {"mean": 1.75 / 3, "min": 0.25},
    "psnr": {"mean": 25.0, "min": 20.0},
    "lpips": {"mean": 0.5, "max": 0.75},
}


def fed(batches: list[list[int]]) -> PerturbationMetric:
    metric = PerturbationMetric()
    for batch in batches:
        metric.update(PerturbationSizes(**{name: values[batch] for name, values in vars(SIZES).items()}))
    return metric


def numbers(computed: dict[str, Tensor]) -> dict[str, float]:
    return {name: value.item() for name, value in computed.items()}


FLAT = {f"{name}_{part}": value for name, parts in EXPECTED.items() for part, value in parts.items()}


@pytest.mark.parametrize("batches", [[[0, 1, 2, 3]], [[3], [2, 1], [0]], [[0], [1], [2], [3]]])
def test_summary_over_batches(batches: list[list[int]]) -> None:
    assert numbers(fed(batches).compute()) == pytest.approx(FLAT)


@pytest.mark.parametrize("split", [([[0]], [[1, 2, 3]]), ([[1], [2]], [[0, 3]]), ([[3, 2, 1, 0]], [])])
@pytest.mark.filterwarnings("ignore:The ``compute`` method")
def test_states_of_two_processes_make_one(split: tuple[list[list[int]], list[list[int]]]) -> None:
    """As DDP reduces them, also where a process saw nothing."""
    one, other = fed(split[0]), fed(split[1])
    for name, reduce in one._reductions.items():
        assert callable(reduce)
        setattr(one, name, reduce(torch.stack([getattr(one, name), getattr(other, name)])))
    assert numbers(one.compute()) == pytest.approx(FLAT)


@pytest.mark.filterwarnings("ignore:The ``compute`` method")
def test_no_images_are_nan() -> None:
    assert all(math.isnan(value) for value in numbers(PerturbationMetric().compute()).values())


def test_psnr_is_nan_where_no_image_differs() -> None:
    found = numbers(fed([[2], [2]]).compute())
    assert math.isnan(found["psnr_mean"])
    assert math.isnan(found["psnr_min"])
    assert (found["linf_mean"], found["linf_max"], found["ssim_min"]) == (0, 0, 1)


def test_reset_forgets() -> None:
    metric = fed([[0, 1, 2, 3]])
    metric.reset()
    metric.update(PerturbationSizes(**{name: values[3:] for name, values in vars(SIZES).items()}))
    assert numbers(metric.compute()) == pytest.approx(
        {key: {"linf": 0.125, "l2": 1, "ssim": 0.25, "psnr": 25, "lpips": 0.75}[key.split("_")[0]] for key in FLAT}
    )
