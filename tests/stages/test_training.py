"""Trainings on the digits: what they leave, that they go on after a stop, and what they refuse."""

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch
from pytorch_lightning import Callback, LightningModule, Trainer
from safetensors.torch import load_file
from torch import Tensor

from naa_lightning.data.digits import DigitsData
from naa_lightning.draws import SeededDraws
from naa_lightning.errors import UserError
from naa_lightning.models.saved import saved_model
from naa_lightning.processes.stopping import Stopped
from naa_lightning.stages.training import train
from naa_lightning.training import Robustness, TrainingPlan
from naa_lightning.training.losses import CleanTraining, Step
from tests.experiments import training

TRAINER = {"_target_": "pytorch_lightning.Trainer", "accelerator": "cpu", "devices": 1}
# All that is random or remembered between steps: augmentation, adversarial starts, a running mean, a schedule.
EVERYTHING = (
    "training.epochs=3",
    "training.ema_decay=0.9",
    "training.augmentation.shift=2",
    "training/loss=fgsm",
    "training.loss.eps=16/255",
    "training.robustness.validation_images=16",
    "training.robustness.steps=2",
)


def plan(folder: Path, *overrides: str) -> TrainingPlan:
    return training(folder, *overrides).plan


def weights(plan: TrainingPlan) -> dict[str, Tensor]:
    return load_file(plan.weights_path)


class StopAt(Callback):
    """Stops a training before an epoch."""

    def __init__(self, epoch: int) -> None:
        self.epoch = epoch
        self.begun: list[int] = []

    def on_train_epoch_start(self, trainer: Trainer, pl_module: LightningModule) -> None:
        self.begun.append(trainer.current_epoch)
        if trainer.current_epoch == self.epoch:
            raise Stopped("stopped")


@pytest.mark.parametrize("overrides", [EVERYTHING, ("training.epochs=2",)], ids=["everything", "plain"])
def test_a_resumed_training_equals_an_uninterrupted_one(overrides: tuple[str, ...], tmp_path: Path) -> None:
    whole = plan(tmp_path / "whole", *overrides)
    train(whole, TRAINER, [])
    halves = plan(tmp_path / "halves", *overrides)
    stop, watch = StopAt(1), StopAt(-1)
    with pytest.raises(Stopped):
        train(halves, TRAINER, [stop])
    assert not halves.weights_path.exists()
    train(halves, TRAINER, [watch])
    assert stop.begun == [0, 1]
    assert watch.begun == list(range(1, whole.recipe.epochs))
    expected = weights(whole)
    assert all(torch.equal(value, expected[name]) for name, value in weights(halves).items())


def test_a_finished_training_is_not_repeated(tmp_path: Path) -> None:
    ready = plan(tmp_path, "training.epochs=1")
    accuracy = train(ready, TRAINER, [])
    before = weights(ready)
    watch = StopAt(-1)
    assert train(ready, TRAINER, [watch]) == accuracy
    assert not watch.begun
    assert all(torch.equal(value, before[name]) for name, value in weights(ready).items())


def test_a_checkpoint_that_is_named_is_gone_on_from(tmp_path: Path) -> None:
    first, second = (plan(tmp_path / name, "training.epochs=2") for name in ("first", "second"))
    with pytest.raises(Stopped):
        train(first, TRAINER, [StopAt(1)])
    watch = StopAt(-1)
    train(second, TRAINER, [watch], ckpt_path=str(first.checkpoints / "last.ckpt"))
    assert watch.begun == [1]


def test_what_is_said_of_a_trained_model_is_true_of_it(tmp_path: Path) -> None:
    robustness = ["eps=16/255", "steps=3", "step_size=8/255", "test_images=100"]
    done = plan(tmp_path, "training.epochs=2", *(f"training.robustness.{number}" for number in robustness))
    returned = train(done, TRAINER, [])
    facts = json.loads(done.weights_path.with_suffix(".json").read_text())
    model = saved_model("digits_plain", str(tmp_path / "models")).build()
    data = DigitsData(batch_size=360)
    data.setup("predict")
    (batch,) = data.predict_dataloader()
    images, labels = batch["image"], batch["label"]
    with torch.no_grad():
        probabilities = model(images).softmax(1)
    confidence, predicted = probabilities.max(1)
    right = (predicted == labels).float()
    assert returned == facts["accuracy"] == pytest.approx(right.mean().item(), abs=1e-6)
    assert facts["images"] == 360

    bins = (confidence * 15).ceil().long().clamp(1, 15)
    gaps = [
        (bins == which).float().mean() * (right[bins == which].mean() - confidence[bins == which].mean()).abs()
        for which in bins.unique()
    ]
    assert facts["calibration_error"] == pytest.approx(sum(gaps).item(), abs=1e-4)

    measure = Robustness(eps="16/255", steps=3, step_size="8/255", validation_images=0, test_images=100)
    ids = batch["id"][:100]
    crafted = measure.attack()(model, images[:100], labels[:100], SeededDraws(0, ids.tolist())).images
    robust = (model(crafted).argmax(1) == labels[:100]).float().mean().item()
    assert facts["robust"]["accuracy"] == pytest.approx(robust, abs=0.021)  # rounding differs between batch sizes
    assert 0.02 < robust < facts["accuracy"] - 0.05
    assert (facts["robust"]["images"], facts["robust"]["attack"]["eps"]) == (100, "16/255")
    assert (facts["name"], facts["epochs"], facts["precision"]) == ("digits_plain", 2, "32-true")
    assert facts["classes"] == list("0123456789")
    assert facts["recipe"] == done.node


def test_hardening_hardens(tmp_path: Path) -> None:
    def robust_accuracy(name: str, *loss: str) -> float:
        numbers = ["eps=32/255", "steps=5", "step_size=16/255", "test_images=360", "validation_images=0"]
        hardened = plan(
            tmp_path / name, "training.epochs=4", *loss, *(f"training.robustness.{number}" for number in numbers)
        )
        train(hardened, TRAINER, [])
        return float(json.loads(hardened.weights_path.with_suffix(".json").read_text())["robust"]["accuracy"])

    eps = ["training.loss.eps=32/255", "training.loss.step_size=32/255"]
    clean = robust_accuracy("clean")
    assert clean < 0.4
    assert robust_accuracy("fgsm", "training/loss=fgsm", *eps, "training.loss.random_start=32/255") > clean + 0.3
    assert robust_accuracy("trades", "training/loss=trades", *eps, "training.loss.steps=2") > clean + 0.3


class Poisoned(CleanTraining):
    """A loss that is no number from some step on."""

    def __init__(self, number: int) -> None:
        super().__init__()
        self.number = number

    def __call__(self, step: Step) -> Tensor:
        loss = super().__call__(step)
        return loss * torch.nan if step.number >= self.number else loss


def test_a_loss_that_is_no_number_ends_the_training_and_leaves_the_best_checkpoint(tmp_path: Path) -> None:
    whole = plan(tmp_path, "training.epochs=3")
    poisoned = replace(whole, recipe=replace(whole.recipe, loss=Poisoned(30)))
    with pytest.raises(UserError) as error:
        train(poisoned, TRAINER, [])
    assert str(error.value).startswith("training digits_plain: the loss is nan at step 30, in epoch 2 of 3; give a ")
    assert "smaller training.learning_rate" in str(error.value)
    best = whole.checkpoints / "best.ckpt"
    assert str(whole.checkpoints) in str(error.value)
    start = plan(tmp_path / "again", "training.epochs=1", f"training.start={best}")
    assert train(start, TRAINER, []) > 0.5


def test_training_can_start_from_given_weights(tmp_path: Path) -> None:
    first = plan(tmp_path, "training.epochs=2")
    accuracy = train(first, TRAINER, [])
    tuned = plan(
        tmp_path / "tuned", "training.epochs=1", f"training.start={first.weights_path}", "training.learning_rate=1e-9"
    )
    assert train(tuned, TRAINER, []) == pytest.approx(accuracy, abs=0.01)


def refusal(plan: TrainingPlan, **options: Any) -> str:
    with pytest.raises(UserError) as error:
        train(plan, TRAINER, [], **options)
    assert not plan.weights_path.exists()
    return str(error.value)


@pytest.fixture(scope="module")
def checkpoint(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A checkpoint of digits_plain after one of two epochs."""
    stopped = plan(tmp_path_factory.mktemp("stopped"), "training.epochs=2")
    with pytest.raises(Stopped):
        train(stopped, TRAINER, [StopAt(1)])
    return stopped.checkpoints / "last.ckpt"


def test_a_truncated_checkpoint(checkpoint: Path, tmp_path: Path) -> None:
    damaged = plan(tmp_path, "training.epochs=2")
    damaged.checkpoints.mkdir(parents=True)
    last = damaged.checkpoints / "last.ckpt"
    last.write_bytes(checkpoint.read_bytes()[:-1000])
    message = refusal(damaged)
    assert message.startswith(f"the checkpoint {last} cannot be read (")
    assert "\n" not in message
    assert message.endswith("remove it, and the training begins anew, or give another ckpt_path")


@pytest.mark.parametrize(
    ("overrides", "difference"),
    [
        (["surrogate=digits_residual"], "its architecture is plain, not residual; "),
        (["training.learning_rate=0.1"], "its learning_rate is 0.005, not 0.1; "),
        (["data.batch_size=32"], "its batch_size is 64, not 32; "),
    ],
)
def test_a_checkpoint_of_another_training(
    overrides: list[str], difference: str, checkpoint: Path, tmp_path: Path
) -> None:
    other = plan(tmp_path, "training.epochs=2", *overrides)
    message = refusal(other, ckpt_path=str(checkpoint))
    assert message.startswith(f"the checkpoint {checkpoint} is of another training: {difference}")


def test_a_file_that_is_no_checkpoint(tmp_path: Path) -> None:
    torch.save({"state_dict": {}}, tmp_path / "other.ckpt")
    ready = plan(tmp_path)
    assert "is no checkpoint of train.py" in refusal(ready, ckpt_path=str(tmp_path / "other.ckpt"))
    assert "there is no checkpoint" in refusal(ready, ckpt_path=str(tmp_path / "missing.ckpt"))


def test_class_counts_that_differ(tmp_path: Path) -> None:
    wide = plan(tmp_path, "surrogate.num_classes=12")
    message = refusal(wide)
    assert "digits has 10 classes to train on, and digits_plain tells 12 apart" in message
    assert "surrogate.num_classes=10" in message
