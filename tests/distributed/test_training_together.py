"""Processes that train one model together."""

import json
import os
import signal
import time
from dataclasses import replace
from pathlib import Path

import pytest
import torch
from pytorch_lightning import Trainer
from pytorch_lightning.strategies import SingleDeviceStrategy
from safetensors.torch import load_file
from torch import Tensor

from naa_lightning.exceptions import RankError, UserError
from naa_lightning.modules.classifier import ClassifierModule
from naa_lightning.runs import trainer as building
from naa_lightning.training.losses import CleanTraining, Step
from tests.chaos import TWO_RANKS as TWO
from tests.chaos import ranks_of
from tests.cli.test_command_line import finish, start
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
    "training.epochs=3",
    "training.ema_decay=0.9",
    "training.augmentation.shift=2",
    "training/loss=fgsm",
    "training.robustness.validation_images=20",
    "training.robustness.test_images=20",
    "training.robustness.steps=2",
)


@pytest.fixture(scope="module")
def together(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Where two processes have trained without being disturbed."""
    folder = tmp_path_factory.mktemp("together")
    train(folder, *WITHOUT_BATCH_NORM, *TWO)
    return folder


def test_processes_train_what_one_would(together: Path, tmp_path: Path) -> None:
    alone = tmp_path / "alone"
    accuracy = train(alone, *WITHOUT_BATCH_NORM)
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
    assert facts[1]["accuracy"] == pytest.approx(accuracy, abs=0.02)
    assert facts[1]["calibration_error"] == pytest.approx(facts[0]["calibration_error"], abs=0.02)
    assert facts[1]["robust"]["accuracy"] == pytest.approx(facts[0]["robust"]["accuracy"], abs=0.15)


def test_a_batch_that_cannot_be_shared(tmp_path: Path) -> None:
    with pytest.raises(UserError, match=r"data.batch_size=63 cannot be dealt to 2 processes in equal parts"):
        train(tmp_path, "data.batch_size=63", *TWO)


def test_one_rank_that_is_told_to_stop_stops_all_after_the_same_batch(together: Path, tmp_path: Path) -> None:
    models = tmp_path / "models"
    folders = [f"paths.models_dir={models}", f"hydra.run.dir={tmp_path}"]
    process = start("train.py", *WITHOUT_BATCH_NORM, *TWO, *folders, home=tmp_path)
    while not list(models.glob("*/last.ckpt")):
        assert process.poll() is None, finish(process)
        time.sleep(0.02)
    os.kill(ranks_of(process.pid)[1], signal.SIGTERM)
    code, out, err = finish(process)
    told = "stopped by SIGTERM at training vit_base_patch16_224"
    assert (code, err) == (75, f"{told}; the same command goes on with the last finished epoch\n"), out
    assert not list(models.glob("*.safetensors"))
    train(tmp_path, *WITHOUT_BATCH_NORM, *TWO)
    (weights,) = models.glob("*.safetensors")
    expected, found = load_file(together / "models" / weights.name), load_file(weights)
    assert all(torch.equal(value, found[name]) for name, value in expected.items())


class Poisoned(CleanTraining):
    """A loss that is no number."""

    def __call__(self, step: Step) -> Tensor:
        return super().__call__(step) * torch.nan


class OneOfTwo(SingleDeviceStrategy):
    """Trains beside another rank whose losses are as given."""

    def __init__(self, *, other_finite: bool) -> None:
        super().__init__()
        self.world_size = 2
        self.other_finite = other_finite

    def reduce_boolean_decision(self, decision: bool, all: bool = True) -> bool:
        return decision and self.other_finite if all else decision


@pytest.mark.parametrize(("finite", "other_finite"), [(True, False), (False, True), (False, False)])
def test_a_loss_that_is_no_number_on_any_rank_ends_all(finite: bool, other_finite: bool, tmp_path: Path) -> None:
    plan = training(tmp_path).plan
    recipe = plan.recipe if finite else replace(plan.recipe, loss=Poisoned())
    source = plan.source
    network = source.wrap(source.network(pretrained=False))
    module = ClassifierModule(network, num_classes=10, recipe=recipe, title="training it", remedy="mend it")
    data = building.make_data(plan.node["data"])
    fitter = Trainer(
        strategy=OneOfTwo(other_finite=other_finite),
        accelerator="cpu",
        max_epochs=1,
        logger=False,
        enable_checkpointing=False,
        enable_progress_bar=False,
        enable_model_summary=False,
    )
    with pytest.raises(UserError) as error:
        fitter.fit(module, datamodule=data)
    assert isinstance(error.value, RankError) == finite
    said = (
        "the loss of another rank is no number at step 0"
        if finite
        else "the loss is nan at step 0, in epoch 1; mend it"
    )
    assert str(error.value).startswith(f"training it: {said}")
