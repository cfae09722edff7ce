import numpy as np
import pytest
import torch
from sklearn.datasets import load_digits

from naa_lightning.data import check_trainable
from naa_lightning.data.digits import DigitsData
from naa_lightning.exceptions import UserError


def train_ids(data: DigitsData) -> list[int]:
    return torch.cat([batch["id"] for batch in data.train_dataloader()]).tolist()


def test_held_out_digits_are_scikit_learns_every_fifth() -> None:
    data = DigitsData()
    data.setup("predict")
    source = load_digits()
    assert [record.id for record in data.images.records] == list(range(0, 1797, 5))
    assert [record.label for record in data.images.records] == source.target[::5].tolist()
    assert [record.target_class for record in data.images.records] == [(label + 1) % 10 for label in source.target[::5]]
    assert data.images.records[1].file == "00005.png"
    # The mean of each 4x4 block of a bilinear enlargement weighs a pixel and its neighbours; it follows the original.
    for index in (0, 100, 359):
        image = data.images[index]["image"]
        assert image.shape == (3, 32, 32)
        assert torch.equal(image[0], image[2])
        blocks = image[0].reshape(8, 4, 8, 4).mean((1, 3)).numpy()
        assert np.corrcoef(blocks.ravel(), source.images[5 * index].ravel() / 16)[0, 1] > 0.95
        assert torch.equal(image * 255, (image * 255).round())


def test_training_rows_are_the_others_in_a_seeded_order() -> None:
    data = DigitsData(seed=1, limit=3)
    assert [record.id for record in data.training_images().records] == [i for i in range(1797) if i % 5]
    ids = train_ids(data)
    assert len(ids) == 22 * 64
    assert ids != sorted(ids)
    assert train_ids(DigitsData(seed=1)) == ids
    assert train_ids(DigitsData(seed=2)) != ids


def test_validation_has_all_held_out_rows() -> None:
    ids = torch.cat([batch["id"] for batch in DigitsData(limit=3, num_workers=2).val_dataloader()])
    assert sorted(ids.tolist()) == list(range(0, 1797, 5))


def test_there_is_a_training_image_of_every_class() -> None:
    check_trainable(DigitsData(), 10, "plain")
    with pytest.raises(UserError, match=r"class counts differ: digits has 10 classes .* plain tells 12 .*=10`$"):
        check_trainable(DigitsData(), 12, "plain")


def test_classes_are_called_by_their_digits() -> None:
    assert list(DigitsData().class_names) == ["0", "1", "2", "3", "4", "5", "6", "7", "8", "9"]
