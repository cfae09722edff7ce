import pytest
import torch
from torch import Tensor
from torch.nn import functional as F

from naa_lightning.attribution import on_one_grid, spatial_map


def test_a_map_sums_over_channels() -> None:
    values = torch.arange(2 * 3 * 2 * 4, dtype=torch.float64).view(2, 3, 2, 4)
    found = spatial_map(values, (20, 40))
    assert found.shape == (2, 2, 4)
    for i, y, x in [(0, 0, 0), (0, 1, 3), (1, 0, 2)]:
        assert found[i, y, x] == values[i, 0, y, x] + values[i, 1, y, x] + values[i, 2, y, x]


@pytest.mark.parametrize(
    ("channels", "grid", "size"), [(96, (56, 56), (224, 224)), (5, (3, 5), (99, 150)), (4, (7, 7), (7, 7))]
)
def test_channels_may_be_last(channels: int, grid: tuple[int, int], size: tuple[int, int]) -> None:
    values = torch.rand(2, channels, *grid, dtype=torch.float64)
    found = spatial_map(values.movedim(1, -1), size)
    torch.testing.assert_close(found, spatial_map(values, size))
    torch.testing.assert_close(found, values.sum(1))


def test_where_neither_order_has_the_images_proportions_channels_are_first() -> None:
    values = torch.rand(2, 3, 4, 5)
    assert torch.equal(spatial_map(values, (8, 80)), values.sum(1))


@pytest.mark.parametrize("extra", [0, 1, 5])
def test_tokens_lie_on_a_square_row_by_row(extra: int) -> None:
    """What comes before them, such as a class token, lies nowhere."""
    places = torch.arange(1.0, 17.0).view(1, 16, 1) * torch.tensor([[1.0], [10.0]]).view(2, 1, 1)
    tokens = torch.cat([torch.full((2, extra, 2), 1e6), torch.cat([places, 2 * places], 2)], 1)
    found = spatial_map(tokens, (64, 64))
    assert found.shape == (2, 4, 4)
    assert found[0].tolist() == [[3, 6, 9, 12], [15, 18, 21, 24], [27, 30, 33, 36], [39, 42, 45, 48]]
    assert torch.equal(found[1], 10 * found[0])


@pytest.mark.parametrize("shape", [(2, 7), (2,), (1, 2, 3, 4, 5)])
def test_neurons_without_a_place_are_refused(shape: tuple[int, ...]) -> None:
    with pytest.raises(ValueError, match=r"expected a layer's output of shape \(B, C, h, w\), .* or \(B, T, C\), got"):
        spatial_map(torch.zeros(shape), (8, 8))


def grid(height: int, width: int) -> Tensor:
    return torch.rand(2, height, width, generator=torch.Generator().manual_seed(height))


@pytest.mark.parametrize("swapped", [False, True])
def test_the_coarser_of_two_maps_is_enlarged(swapped: bool) -> None:
    coarse, fine = grid(3, 4), grid(6, 12)
    found = on_one_grid(*((fine, coarse) if swapped else (coarse, fine)))
    enlarged, same = reversed(found) if swapped else found
    torch.testing.assert_close(same, fine)
    expected = F.interpolate(coarse[None], size=(6, 12), mode="bilinear", align_corners=False)[0]
    torch.testing.assert_close(enlarged, expected)


def test_maps_of_one_size_stay() -> None:
    one, other = grid(5, 4), 1 - grid(5, 4)
    for found, before in zip(on_one_grid(one, other), (one, other), strict=True):
        torch.testing.assert_close(found, before)
