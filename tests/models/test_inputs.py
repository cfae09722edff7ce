"""What attacks and attributions take, and what they refuse."""

from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor, nn

from naa_lightning.models import Classifier, Ensemble
from naa_lightning.models.inputs import as_batch


def model(num_classes: int | None = 4) -> Classifier:
    network = nn.Sequential(nn.Conv2d(3, 4, 1), nn.AdaptiveAvgPool2d(1), nn.Flatten())
    return Classifier(network, mean=[0.5] * 3, std=[0.5] * 3, num_classes=num_classes)


IMAGES = torch.rand(2, 3, 5, 6, generator=torch.Generator().manual_seed(0))


@pytest.mark.parametrize(
    "images",
    [
        IMAGES,
        list(IMAGES),
        tuple(IMAGES),
        IMAGES.numpy(),
        [image.numpy() for image in IMAGES],
        IMAGES.clone().requires_grad_(),
    ],
)
@pytest.mark.parametrize(
    "classes",
    [
        torch.tensor([0, 3]),
        [0, 3],
        (0, 3),
        range(0, 4, 3),
        np.array([0, 3]),
        torch.tensor([0, 3], dtype=torch.uint8),
        [torch.tensor(0), torch.tensor(3)],
    ],
)
def test_many_forms_are_one_batch(images: Any, classes: Any) -> None:
    batch = as_batch(model(), images, classes)
    assert torch.equal(batch.images, IMAGES)
    assert not batch.images.requires_grad
    assert batch.classes.tolist() == [0, 3]
    assert batch.classes.dtype == torch.int64


@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16, torch.float32, torch.float64])
def test_images_are_at_least_of_single_precision(dtype: torch.dtype) -> None:
    images = IMAGES.to(dtype)
    batch = as_batch(model(), images, [0, 3])
    assert batch.images.dtype == (torch.float64 if dtype == torch.float64 else torch.float32)
    assert torch.equal(batch.images.to(dtype), images)


def test_rounding_beside_the_range_is_clipped() -> None:
    images = torch.tensor([-0.00009, 0.3, 1.0000001, 1.00009]).view(1, 1, 2, 2).expand(1, 3, 2, 2)
    assert as_batch(model(), images, [0]).images[0, 0].flatten().tolist() == [0, pytest.approx(0.3), 1, 1]
    for far in (-0.0002, 1.0002):
        with pytest.raises(ValueError, match=r"^expected images in \[0, 1\], got \["):
            as_batch(model(), torch.full((1, 3, 2, 2), far), [0])


@pytest.mark.parametrize("known", [4, None])
@pytest.mark.parametrize(("classes", "got"), [([0, 4], "4"), ([-1, 0], "-1"), ([1000, 0], "1000")])
def test_labels_that_the_network_does_not_know_are_refused(known: int | None, classes: list[int], got: str) -> None:
    for surrogate in (model(known), Ensemble([model(known)])):
        with pytest.raises(ValueError, match=rf"^expected labels from 0 to 3, got {got}$"):
            as_batch(surrogate, IMAGES, classes)


def test_a_model_that_knows_its_classes_is_not_run() -> None:
    surrogate, runs = model(), []
    surrogate.network.register_forward_hook(lambda *_: runs.append(1))
    as_batch(surrogate, IMAGES, [0, 3])
    assert runs == []


def test_a_model_that_is_run_for_its_classes_is_left_as_it_was() -> None:
    surrogate = model(None).train()
    as_batch(surrogate, IMAGES, [0, 3])
    assert all(module.training for module in surrogate.modules())
    assert all(parameter.requires_grad for parameter in surrogate.parameters())


@pytest.mark.parametrize(
    ("images", "classes", "message"),
    [
        ((IMAGES * 255).to(torch.uint8), [0, 3], "uint8 .*; divide 8-bit images by 255$"),
        (IMAGES * 255, [0, 3], "divide 8-bit values by 255"),
        (2 * IMAGES - 1, [0, 3], "leave normalisation to the classifier$"),
        (IMAGES[0], [0], r"got torch.float32 \(3, 5, 6\); images\[None\] is a batch of one$"),
        (IMAGES.movedim(1, 3), [0, 3], r"got torch.float32 \(2, 5, 6, 3\)$"),
        (IMAGES[:0], [], r"got torch.float32 \(0, 3, 5, 6\)$"),
        ([], [], "got a list of none$"),
        ([IMAGES[0], IMAGES[1, :, 1:]], [0, 3], r"got a list of Tensor \(3, 4, 6\), Tensor \(3, 5, 6\)$"),
        (["a.png"], [0], "got a list of str$"),
        ("a.png", [0], "got str$"),
        (torch.full((1, 3, 2, 2), torch.nan), [0], r"^expected images in \[0, 1\], got \[nan, nan\]"),
        (torch.full((1, 3, 2, 2), torch.inf), [0], r"^expected images in \[0, 1\], got \[inf, inf\]"),
        (IMAGES, [0], r"^expected labels of shape \(2,\), got \(1,\)$"),
        (IMAGES, 3, r"^expected labels of shape \(2,\), got \(\)$"),
        (IMAGES, [0.0, 1.0], "^expected labels as whole numbers, got torch.float32$"),
        (IMAGES, [True, False], "^expected labels as whole numbers, got torch.bool$"),
        (IMAGES, ["cat", "dog"], r"^expected labels as whole numbers, one per image, got \['cat', 'dog'\]$"),
        (IMAGES, None, "^expected labels as whole numbers, one per image, got None$"),
    ],
)
def test_what_is_no_batch_is_refused(images: Any, classes: Any, message: str) -> None:
    with pytest.raises(ValueError, match=message) as error:
        as_batch(model(), images, classes)
    assert "\n" not in str(error.value)


@pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a GPU")
def test_a_batch_is_brought_to_the_models_device() -> None:
    surrogate = model(None).cuda()
    batch: tuple[Tensor, Tensor] = as_batch(surrogate, IMAGES, [0, 3])
    assert {values.device.type for values in batch} == {"cuda"}
