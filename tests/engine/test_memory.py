import torch
from torch import Tensor, nn

from naa_lightning.engine import saved_tensor_bytes

IMAGES = torch.zeros(3, 3, 4, 4)
FLOAT = 4


def test_what_gradients_need_is_counted_once_for_each_image() -> None:
    def square_of_sigmoid(images: Tensor) -> Tensor:
        return images.sigmoid().square()  # both keep the sigmoid's output

    assert saved_tensor_bytes(square_of_sigmoid, IMAGES) == 3 * 4 * 4 * FLOAT


def test_linear_layers_keep_nothing() -> None:
    assert saved_tensor_bytes(lambda images: 2 * images + 1, IMAGES) == 0


def test_weights_are_not_counted() -> None:
    network = nn.Sequential(nn.Conv2d(3, 5, 1).requires_grad_(False), nn.ReLU(inplace=True))
    kept = (3 + 5) * 4 * 4  # convolutions keep their inputs
    assert saved_tensor_bytes(network, IMAGES) == kept * FLOAT
    with torch.autocast("cpu", dtype=torch.bfloat16):
        assert saved_tensor_bytes(network, IMAGES) == kept * FLOAT / 2


def test_it_works_without_autograd_around() -> None:
    with torch.no_grad():
        assert saved_tensor_bytes(torch.sigmoid, IMAGES) == 3 * 4 * 4 * FLOAT
