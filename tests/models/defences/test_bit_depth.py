import pytest
import torch

from naa_lightning.models.defences import BitDepth
from tests.models.defences.given import DRAWS, eight_bit_images


def test_values_go_to_the_nearest_level() -> None:
    values = [0.0, 0.07, 0.08, 0.2, 0.22, 0.49, 0.51, 0.92, 0.93, 1.0]
    expected = [0, 0, 1 / 7, 1 / 7, 2 / 7, 3 / 7, 4 / 7, 6 / 7, 1, 1]  # levels 1/7 apart, borders at 1/14, 3/14, ...
    images = torch.tensor(values, dtype=torch.float64).expand(1, 3, 1, 10)
    made = BitDepth().transform(images, DRAWS, 0)
    torch.testing.assert_close(made, torch.tensor(expected, dtype=torch.float64).expand(1, 3, 1, 10))


@pytest.mark.parametrize("bits", range(1, 9))
def test_there_are_two_to_the_bits_levels(bits: int) -> None:
    ramp = torch.linspace(0, 1, 3000).view(1, 3, 10, 100)
    levels = sorted(set(BitDepth(bits=bits).transform(ramp, DRAWS, 0).flatten().tolist()))
    torch.testing.assert_close(torch.tensor(levels), torch.linspace(0, 1, 2**bits))


def test_eight_bits_keep_eight_bit_images() -> None:
    images = eight_bit_images(1, 3, 32, 32)
    assert torch.equal(BitDepth(bits=8).transform(images, DRAWS, 0), images)


def test_values_out_of_range_get_the_outer_levels() -> None:
    images = torch.tensor([-0.6, 0.4, 1.7]).view(1, 3, 1, 1)
    assert BitDepth(bits=1).transform(images, DRAWS, 0).flatten().tolist() == [0, 0, 1]


@pytest.mark.parametrize("bits", [0, 9, -1])
def test_bits_out_of_range_are_refused(bits: int) -> None:
    with pytest.raises(ValueError, match=f"bits must be between 1 and 8, got {bits}"):
        BitDepth(bits=bits)
