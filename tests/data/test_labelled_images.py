from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

from naa_lightning.data import ImageRecord, LabelledImages, check_labels, read_image
from naa_lightning.exceptions import UserError


def constant(record: ImageRecord) -> torch.Tensor:
    return torch.full((3, 2, 2 + record.id // 10), record.id, dtype=torch.uint8)


def test_pixels_are_what_pil_decodes(tmp_path: Path) -> None:
    pixels = np.random.default_rng(0).integers(0, 256, (5, 7, 3), dtype=np.uint8)
    Image.fromarray(pixels).save(tmp_path / "a.png")
    images = LabelledImages([ImageRecord(4, "a.png", 1)], lambda record: read_image(tmp_path / record.file))
    sample = images[0]
    assert sample["image"].dtype == torch.float32
    assert np.array_equal(sample["image"].numpy(), pixels.transpose(2, 0, 1).astype(np.float32) / np.float32(255))
    assert (sample["label"], sample["id"]) == (1, 4)


def test_only_keeps_the_order_of_the_data_set() -> None:
    images = LabelledImages([ImageRecord(i, f"{i}.png", 0) for i in range(5)], constant)
    assert [record.id for record in images.only([4, 1, 99]).records] == [1, 4]
    assert len(images.only([])) == 0


def test_batches_and_images_of_two_sizes() -> None:
    images = LabelledImages([ImageRecord(i, f"{i}.png", i + 1) for i in (3, 4, 25)], constant)
    batch = images.collate([images[0], images[1]])
    assert batch["image"].shape == (2, 3, 2, 2)
    assert batch["label"].tolist() == [4, 5]
    assert batch["id"].tolist() == [3, 4]
    assert batch["id"].dtype == batch["label"].dtype == torch.int64
    with pytest.raises(UserError, match=r"3\.png is 2x2, 25\.png is 4x2; .*`image_size=N`"):
        images.collate([images[0], images[1], images[2]])


def test_two_images_cannot_be_saved_under_one_name() -> None:
    LabelledImages([ImageRecord(0, "a/1.png", 0), ImageRecord(1, "b/1.png", 0)], constant)
    with pytest.raises(UserError, match=r"a/1\.jpg and a/1\.webp would both be saved as a/1\.png"):
        LabelledImages([ImageRecord(0, "a/1.jpg", 0), ImageRecord(1, "a/1.webp", 0)], constant)


@pytest.mark.parametrize("file", ["/a.png", "../a.png", "a/../../b.png"])
def test_files_stay_within_the_root(file: str) -> None:
    with pytest.raises(UserError, match="leaves the data root"):
        LabelledImages([ImageRecord(0, file, 0)], constant)


def test_labels_and_target_classes_outside_the_classes() -> None:
    check_labels([ImageRecord(0, "a.png", 0), ImageRecord(1, "b.png", 9, 9)], 10)
    with pytest.raises(UserError, match=r"a\.png has the label -1.*permit 0 to 9"):
        check_labels([ImageRecord(0, "a.png", -1)], 10)
    with pytest.raises(UserError, match=r"a\.png has the target class 10.*permit 0 to 9"):
        check_labels([ImageRecord(0, "a.png", 1, 10)], 10)
