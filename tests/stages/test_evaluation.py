"""Targets are asked one after another."""

import weakref
from pathlib import Path

import pytest
import torch
from pytorch_lightning import Trainer
from torch import nn

from naa_lightning.callbacks.writer import encode_png
from naa_lightning.data import ImageRecord, LabelledImages
from naa_lightning.models import Classifier, ModelSource
from naa_lightning.records import SavedImage, SavedPairs
from naa_lightning.stages.evaluation import evaluate
from naa_lightning.trainer import make_trainer

BRIGHT, DARK = 200, 30


class Brightness(nn.Module):
    """Class 1 for bright images, class 0 for dark ones."""

    def forward(self, inputs: torch.Tensor) -> torch.Tensor:
        mean = inputs.mean(dim=(1, 2, 3))
        return torch.stack([0.5 - mean, mean - 0.5], dim=1)


class BrightnessSource(ModelSource):
    built: list["weakref.ref[Classifier]"] = []  # noqa: RUF012

    def check_published(self) -> None: ...
    def network(self, *, pretrained: bool) -> nn.Module: ...  # type: ignore[empty-body]
    def published(self) -> None: ...  # type: ignore[override]

    def build(self) -> Classifier:
        assert all(reference() is None for reference in self.built), "an earlier model is still in memory"
        classifier = Classifier(Brightness(), mean=[0, 0, 0], std=[1, 1, 1])
        self.built.append(weakref.ref(classifier))
        return classifier


@pytest.fixture
def pairs(tmp_path: Path) -> SavedPairs:
    def image(record: ImageRecord, *, clean: bool) -> torch.Tensor:
        bright = (record.label == 1) == (clean or record.id == 2)  # image 2 stays what it was
        return torch.full((3, 4, 4), BRIGHT if bright else DARK, dtype=torch.uint8)

    records = [ImageRecord(number, f"{number}.png", number % 2) for number in range(5)]
    for record in records:
        (tmp_path / record.file).write_bytes(encode_png(image(record, clean=False)))
    saved = {record.id: SavedImage(record.id, record.file, record.label, -1, "", 0.0, 1) for record in records}
    return SavedPairs(LabelledImages(records, lambda record: image(record, clean=True)), saved, tmp_path)


def trainer() -> Trainer:
    return make_trainer({"_target_": "pytorch_lightning.Trainer", "accelerator": "cpu", "devices": 1})


def test_predictions_on_clean_images_and_reloaded_files(pairs: SavedPairs) -> None:
    source = BrightnessSource(name="brightness", architecture="")
    rows = evaluate(source, pairs, trainer, batch_size=2, num_workers=0)
    assert [row.id for row in rows] == [0, 1, 2, 3, 4]
    assert [row.clean_prediction for row in rows] == [0, 1, 0, 1, 0]
    assert [row.adversarial_prediction for row in rows] == [1, 0, 0, 0, 1]
    logit = 2 * (BRIGHT / 255 - 0.5)
    assert rows[1].clean_confidence == pytest.approx(1 / (1 + torch.tensor(-logit).exp().item()))


def test_one_model_is_in_memory_at_a_time(pairs: SavedPairs) -> None:
    built = len(BrightnessSource.built)
    for name in "abc":  # `build` fails where an earlier model is still there
        evaluate(BrightnessSource(name=name, architecture=""), pairs, trainer, batch_size=2, num_workers=0)
    assert len(BrightnessSource.built) == built + 3
