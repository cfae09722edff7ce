"""Processes that train one model together."""

import json
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file

from naa_lightning.errors import UserError
from tests.experiments import train, training

# A tiny transformer: what batch normalisation sees depends on how batches are shared, layer normalisation does not.
WITHOUT_BATCH_NORM = (
    "surrogate=vit_base_patch16_224",
    "surrogate.architecture=test_vit.r160_in1k",
    "surrogate.num_classes=10",
    "surrogate.input_size=[32,32]",
    "+surrogate.create_kwargs={img_size:32}",
    "data=digits",
    "training=digits",
    "training.optimizer=sgd",
    "training.learning_rate=0.1",
    "training.epochs=2",
    "training.ema_decay=0.9",
    "training.augmentation.shift=2",
    "training/loss=fgsm",
    "training.robustness.validation_images=20",
    "training.robustness.test_images=20",
    "training.robustness.steps=2",
)


def test_processes_train_what_one_would(tmp_path: Path) -> None:
    alone, together = tmp_path / "alone", tmp_path / "together"
    accuracy = train(alone, *WITHOUT_BATCH_NORM)
    assert train(together, *WITHOUT_BATCH_NORM, "trainer=ddp", "trainer.devices=2", "trainer.accelerator=cpu") == (
        pytest.approx(accuracy, abs=0.02)
    )
    plan = training(alone, *WITHOUT_BATCH_NORM).plan
    expected, found = (load_file(folder / "models" / plan.weights_path.name) for folder in (alone, together))
    start = plan.source.network(pretrained=False).state_dict()
    for name, value in expected.items():
        torch.testing.assert_close(found[name], value, atol=2e-3, rtol=0)
    moved = max((expected[name] - start[name]).abs().max().item() for name in start)
    assert moved > 0.1
    facts = [
        json.loads((folder / "models" / plan.weights_path.name).with_suffix(".json").read_text())
        for folder in (alone, together)
    ]
    assert facts[1]["images"] == facts[0]["images"] == 360
    assert facts[1]["calibration_error"] == pytest.approx(facts[0]["calibration_error"], abs=0.02)
    assert facts[1]["robust"]["accuracy"] == pytest.approx(facts[0]["robust"]["accuracy"], abs=0.15)


def test_a_batch_that_cannot_be_shared(tmp_path: Path) -> None:
    with pytest.raises(UserError, match=r"data.batch_size=63 cannot be dealt to 2 processes in equal parts"):
        train(tmp_path, "data.batch_size=63", "trainer=ddp", "trainer.devices=2", "trainer.accelerator=cpu")
