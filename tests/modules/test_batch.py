"""Whatever a data loader gives becomes one form, or is refused in a sentence."""

from typing import Any

import pytest
import torch

from naa_lightning.exceptions import DataError
from naa_lightning.modules.batch import read_batch

IMAGES = torch.rand(2, 3, 4, 4, generator=torch.Generator().manual_seed(0))
LABELS = torch.tensor([7, 1])
IDS = torch.tensor([40, 2])


@pytest.mark.parametrize("images", ["image", "images", "pixel_values"])
@pytest.mark.parametrize("labels", ["label", "labels"])
@pytest.mark.parametrize("ids", ["id", "ids"])
def test_dicts_are_read_under_all_usual_names(images: str, labels: str, ids: str) -> None:
    read = read_batch({images: IMAGES, labels: LABELS, ids: IDS, "file": ["a", "b"]}, first=0)
    assert torch.equal(read["image"], IMAGES)
    assert read["label"].tolist() == [7, 1]
    assert read["id"].tolist() == [40, 2]
    assert read["target_class"].tolist() == [-1, -1]


@pytest.mark.parametrize("kind", [tuple, list])
def test_sequences_are_images_labels_and_perhaps_ids(kind: type) -> None:
    two = read_batch(kind((IMAGES, LABELS)), first=6, step=3)
    assert (two["label"].tolist(), two["id"].tolist()) == ([7, 1], [6, 9])
    assert read_batch(kind((IMAGES, LABELS, IDS)), first=6)["id"].tolist() == [40, 2]


def test_integers_of_any_kind_become_tensors_of_int64() -> None:
    read = read_batch({"image": IMAGES, "label": [7, 1], "target_class": LABELS.to(torch.uint8)}, first=0)
    assert (read["label"].tolist(), read["target_class"].tolist()) == ([7, 1], [7, 1])
    assert {values.dtype for name, values in read.items() if isinstance(values, torch.Tensor) and name != "image"} == {
        torch.int64
    }


@pytest.mark.parametrize(
    ("batch", "came"),
    [
        (IMAGES, "got Tensor:"),
        ([IMAGES], "got a list of Tensor:"),
        ((), "got a tuple of nothing:"),
        ((IMAGES, LABELS, IDS, IDS), "got a tuple of Tensor, Tensor, Tensor, Tensor:"),
        ({"x": IMAGES, "y": LABELS}, "got a dict with the keys x, y:"),
        ({}, "got a dict with the keys of none:"),
        ({"image": IMAGES}, "got a dict with the keys image:"),
        ("ab", "got str:"),
        (None, "got NoneType:"),
    ],
    ids=str,
)
def test_other_forms_are_refused(batch: Any, came: str) -> None:
    with pytest.raises(DataError, match=r"^a batch must be \(images, labels\), \(images, labels, ids\)") as error:
        read_batch(batch, first=0)
    assert came in str(error.value)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"label": LABELS.float()}, "expected labels as whole numbers, got torch.float32"),
        ({"label": torch.tensor([True, False])}, "expected labels as whole numbers, got torch.bool"),
        (
            {"label": ["cat", "dog"]},
            r"expected labels as whole numbers, one per image, got \['cat', 'dog'\]",
        ),
        (
            {"label": ["cat"] * 256},
            r"expected labels as whole numbers, one per image, got \[('cat', ){6}\.\.\.\]",
        ),
        ({"label": LABELS[:1]}, r"expected labels of shape \(2,\), got \(1,\)"),
        ({"label": torch.zeros(2, 10, dtype=torch.long)}, r"expected labels of shape \(2,\), got \(2, 10\)"),
        (
            {"id": ("a.png", "b.png")},
            r"expected ids as whole numbers, one per image, got \('a.png', 'b.png'\)",
        ),
        ({"target_class": None}, "expected target classes as whole numbers, one per image, got None"),
    ],
    ids=lambda value: value if isinstance(value, str) else None,
)
def test_what_is_no_integer_for_each_image_is_refused(change: dict[str, Any], message: str) -> None:
    with pytest.raises(DataError, match=f"^{message}$"):
        read_batch({"image": IMAGES, "label": LABELS, **change}, first=0)


@pytest.mark.parametrize(
    "images", [IMAGES * 255, IMAGES - 0.5, (IMAGES * 255).to(torch.uint8), IMAGES[:, :1], IMAGES[:, 0]]
)
def test_images_outside_0_to_1_or_of_another_kind_are_refused(images: torch.Tensor) -> None:
    with pytest.raises(DataError, match=r"expected .*images"):
        read_batch((images, LABELS), first=0)
