"""Trainings on the digits: what they leave, that they go on after a stop, and what they refuse."""

import csv
import json
import logging
import math
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch
from pytorch_lightning import Callback, LightningModule, Trainer
from pytorch_lightning.loggers import CSVLogger
from safetensors.torch import load_file
from torch import Tensor

from naa_lightning.data.digits import DigitsData
from naa_lightning.distributed.stopping import Stopped
from naa_lightning.exceptions import UserError
from naa_lightning.models.saved import save_model, saved_model
from naa_lightning.rng import SeededDraws
from naa_lightning.runs.stages.training import train
from naa_lightning.training import Robustness, TrainingPlan
from naa_lightning.training.losses import AdversarialTraining, CleanTraining, Step, Trades
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
    "training.augmentation.covered=4",
)


def plan(folder: Path, *overrides: str) -> TrainingPlan:
    """Plan a training on the digits, by default without attacking its test images, which takes longer than an epoch."""
    return training(folder, "training.robustness.test_images=0", *overrides).plan


def weights(plan: TrainingPlan) -> dict[str, Tensor]:
    return load_file(plan.weights_path)


def said_of(plan: TrainingPlan) -> dict[str, Any]:
    facts: dict[str, Any] = json.loads(plan.weights_path.with_suffix(".json").read_text())
    return facts


class StopAt(Callback):
    """Stops a training before an epoch."""

    def __init__(self, epoch: int) -> None:
        self.epoch = epoch
        self.begun: list[int] = []

    def on_train_epoch_start(self, trainer: Trainer, pl_module: LightningModule) -> None:
        self.begun.append(trainer.current_epoch)
        if trainer.current_epoch == self.epoch:
            raise Stopped("stopped")


@pytest.mark.parametrize(
    "overrides", [EVERYTHING, ("training.epochs=2", "training.schedule=cosine")], ids=["everything", "cosine"]
)
def test_a_resumed_training_equals_an_uninterrupted_one(
    overrides: tuple[str, ...], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)  # folders are relative, as the usual ones are
    whole = plan(Path("whole"), *overrides)
    train(whole, TRAINER, [])
    halves = plan(Path("halves"), *overrides)
    stop, watch = StopAt(1), StopAt(-1)
    with pytest.raises(Stopped):
        train(halves, TRAINER, [stop])
    assert not halves.weights_path.exists()
    train(halves, TRAINER, [watch])
    assert stop.begun == [0, 1]
    assert watch.begun == list(range(1, whole.recipe.epochs))
    expected = weights(whole)
    assert all(torch.equal(value, expected[name]) for name, value in weights(halves).items())
    assert {path.name for path in halves.checkpoints.glob("*.ckpt")} == {"best.ckpt", "last.ckpt"}
    assert said_of(halves)["best_epoch"] == said_of(whole)["best_epoch"]


def test_a_finished_training_is_not_repeated(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO, "naa_lightning")
    ready = plan(tmp_path, "training.epochs=1")
    accuracy = train(ready, TRAINER, [])
    files = [ready.weights_path, ready.weights_path.with_suffix(".json")]
    before = [path.stat().st_mtime_ns for path in files]
    watch = StopAt(-1)
    assert train(ready, TRAINER, [watch]) == accuracy
    assert not watch.begun
    assert [path.stat().st_mtime_ns for path in files] == before
    anew = f"to train it anew, remove {ready.weights_path} and {ready.checkpoints}"
    assert caplog.messages[-1].endswith(anew)

    facts = files[1].read_text()
    files[1].write_text(json.dumps({k: v for k, v in json.loads(facts).items() if k != "validation_score"}))
    assert math.isnan(train(ready, TRAINER, []))  # as one that was trained before scores were recorded
    for key, other in (("content", "other files"), ("accuracy", None)):
        files[1].write_text(json.dumps({**json.loads(facts), key: other}))
        with pytest.raises(UserError) as error:
            train(ready, TRAINER, [])
        assert str(error.value).startswith("digits_plain was trained before, but on other files than are there now")
        assert anew in str(error.value)


def test_epochs_that_are_no_better_are_gone_on_from_too(tmp_path: Path) -> None:
    stuck = plan(tmp_path, "training.epochs=3", "training.learning_rate=1e-12")
    with pytest.raises(Stopped):
        train(stuck, TRAINER, [StopAt(2)])
    before = torch.load(stuck.checkpoints / "last.ckpt", weights_only=True)["naa_lightning"]["seconds"]
    watch = StopAt(-1)
    train(stuck, TRAINER, [watch])
    assert watch.begun == [2]
    assert said_of(stuck)["best_epoch"] == 1
    assert said_of(stuck)["seconds"] > before > 0


@pytest.mark.parametrize("with_best", [True, False])
def test_a_checkpoint_that_is_named_is_gone_on_from(with_best: bool, checkpoint: Path, tmp_path: Path) -> None:
    here = tmp_path / "copied"
    here.mkdir()
    for name in ("last.ckpt", "best.ckpt") if with_best else ("last.ckpt",):
        (here / name).write_bytes((checkpoint.parent / name).read_bytes())
    second = plan(tmp_path, "training.epochs=2")
    watch = StopAt(-1)
    assert train(second, TRAINER, [watch], ckpt_path=str(here / "last.ckpt")) > 0.9
    assert watch.begun == [1]
    assert said_of(second)["best_epoch"] == 2


def test_the_last_epoch_is_used_where_the_best_one_is_gone(tmp_path: Path) -> None:
    ready = plan(tmp_path, "training.epochs=2")
    accuracy = train(ready, TRAINER, [])
    for path in (ready.weights_path, ready.checkpoints / "best.ckpt"):
        path.unlink()
    assert train(ready, TRAINER, []) == accuracy


def test_what_is_said_of_a_trained_model_is_true_of_it(tmp_path: Path) -> None:
    robustness = ["eps=16/255", "steps=3", "relative_step_size=1/2", "test_images=1000"]
    done = plan(tmp_path, "training.epochs=2", *(f"training.robustness.{number}" for number in robustness))
    returned = train(done, TRAINER, [])
    facts = said_of(done)
    model = saved_model("digits_plain", str(tmp_path / "models")).build()
    data = DigitsData(batch_size=360)
    data.setup("predict")
    (batch,) = data.predict_dataloader()
    images, labels = batch["image"], batch["label"]
    with torch.no_grad():
        probabilities = model(images).softmax(1)
    confidence, predicted = probabilities.max(1)
    right = (predicted == labels).float()
    assert returned == facts["validation_score"] == facts["accuracy"] == pytest.approx(right.mean().item(), abs=1e-6)
    assert facts["images"] == 360

    bins = (confidence * 15).ceil().long().clamp(1, 15)
    gaps = [
        (bins == which).float().mean() * (right[bins == which].mean() - confidence[bins == which].mean()).abs()
        for which in bins.unique()
    ]
    assert facts["calibration_error"] == pytest.approx(sum(gaps).item(), abs=1e-4)

    measure = Robustness(eps="16/255", steps=3, relative_step_size="1/2", validation_images=0, test_images=1000)
    crafted = measure.attack()(model, images, labels, SeededDraws(0, batch["id"].tolist()))
    robust = (model(crafted).argmax(1) == labels).float().mean().item()
    assert facts["robust"]["accuracy"] == pytest.approx(robust, abs=0.021)  # rounding differs between batch sizes
    assert 0.02 < robust < facts["accuracy"] - 0.05
    assert (facts["robust"]["images"], facts["robust"]["attack"]["eps"]) == (360, "16/255")
    assert (facts["name"], facts["epochs"], facts["precision"]) == ("digits_plain", 2, "32-true")
    assert facts["classes"] == list("0123456789")
    assert facts["recipe"] == done.node


def test_hardening_hardens(tmp_path: Path) -> None:
    def robust_accuracy(name: str, *loss: str) -> float:
        return robustly_trained(tmp_path / name, "training.epochs=3", *loss)

    clean = robust_accuracy("clean")
    assert clean < 0.4
    assert robust_accuracy("fgsm", "training/loss=fgsm") > clean + 0.3
    assert robust_accuracy("trades", "training/loss=trades", "training.loss.steps=2") > clean + 0.3


def robustly_trained(folder: Path, *overrides: str) -> float:
    """The accuracy under PGD of a model trained in a folder."""
    numbers = ["eps=32/255", "steps=5", "relative_step_size=1/2", "test_images=120", "validation_images=0"]
    done = plan(folder, *overrides, *(f"training.robustness.{number}" for number in numbers))
    train(done, TRAINER, [])
    return float(said_of(done)["robust"]["accuracy"])


def test_images_crafted_on_a_model_trained_before_harden_another(tmp_path: Path) -> None:
    train(plan(tmp_path, "training.epochs=1"), TRAINER, [])
    held_out = ["training/loss=ensemble", "training.loss.models=[digits_plain]"]
    residual = ["surrogate=digits_residual", "training.epochs=3"]
    assert robustly_trained(tmp_path, *residual, *held_out) > robustly_trained(tmp_path, *residual) + 0.1


@pytest.mark.parametrize("loss", ["pgd", "fgsm", "trades"])
def test_hardening_is_within_the_budget_that_is_measured(loss: str, tmp_path: Path) -> None:
    def eps(*overrides: str) -> float:
        hardens = plan(tmp_path, f"training/loss={loss}", *overrides).recipe.loss
        assert isinstance(hardens, AdversarialTraining | Trades)
        return hardens.attack.budget.eps

    assert eps() == 32 / 255  # of the digits
    assert eps("training.robustness.eps=0.5") == 0.5
    assert eps("training.loss.eps=8/255") == eps("training.robustness=null", "training.loss.eps=8/255") == 8 / 255
    with pytest.raises(UserError, match=r"training\.loss\.eps must be given, such as 8/255: there is no training\.r"):
        eps("training.robustness=null")


def test_the_most_robust_epoch_is_kept_and_of_equals_the_most_accurate_one(tmp_path: Path) -> None:
    def epochs_of(robustness: Sequence[str], *overrides: str) -> tuple[dict[str, Any], list[tuple[float, float]]]:
        done = plan(tmp_path, "training/loss=fgsm", *overrides, *(f"training.robustness.{n}" for n in robustness))
        logger = CSVLogger(tmp_path, name=done.weights_path.stem, version="")
        train(done, TRAINER, [], [logger])
        with (Path(logger.log_dir) / "metrics.csv").open() as file:
            rows = [row for row in csv.DictReader(file) if row["val/score"]]
        return said_of(done), [(float(row["val/robust_accuracy"]), float(row["val/accuracy"])) for row in rows]

    shared = ["training.epochs=3", "training.loss.eps=8/255", "training.augmentation.shift=0"]
    said, epochs = epochs_of(["eps=16/255", "steps=2", "relative_step_size=1", "validation_images=60"], *shared)
    assert said["best_epoch"] == 1 + epochs.index(max(epochs))
    assert max(epochs)[0] > 0.1
    assert said["validation_score"] == pytest.approx(max(epochs)[0] + max(epochs)[1] / 1000)

    said, epochs = epochs_of(["eps=1.0", "steps=3", "relative_step_size=1/2", "validation_images=20"], *shared)
    assert max(robust for robust, _ in epochs) < 0.2
    assert said["best_epoch"] == 1 + epochs.index(max(epochs))
    assert said["accuracy"] > 0.9


def test_the_standard_recipe_is_good_for_few_images(tmp_path: Path) -> None:
    calm = ["training.augmentation.flip=0", "training.augmentation.smallest_crop=1", "training.robustness=null"]
    assert train(plan(tmp_path, "training=standard", "training.epochs=6", *calm), TRAINER, []) > 0.9


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
    assert str(error.value).startswith("training digits_plain: the loss is nan at step 30, in epoch 2; give a ")
    assert "smaller training.learning_rate" in str(error.value)
    best = whole.checkpoints / "best.ckpt"
    assert str(whole.checkpoints) in str(error.value)
    start = plan(tmp_path / "again", "training.epochs=1", f"training.start={best}")
    assert train(start, TRAINER, []) > 0.5


class Filling(CleanTraining):
    """A loss that needs more memory than there is."""

    def __call__(self, step: Step) -> Tensor:
        raise torch.OutOfMemoryError("CUDA out of memory")


def test_memory_that_is_used_up(tmp_path: Path) -> None:
    small = plan(tmp_path)
    message = refusal(replace(small, recipe=replace(small.recipe, loss=Filling())))
    assert message.startswith("training digits_plain: out of memory; give a smaller data.batch_size or another device;")
    assert message.endswith(str(small.checkpoints))


def test_normalisations_are_shared_between_gpus_alone(tmp_path: Path) -> None:
    message = refusal(plan(tmp_path), trainer={**TRAINER, "sync_batchnorm": True})
    assert message == "trainer.sync_batchnorm=true shares batch normalisation between GPUs, and this is a cpu"


def test_shared_normalisations_keep_their_activations(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("naa_lightning.runs.stages.training.device_of", lambda *_: torch.device("cuda"))
    network = ["_target_=naa_lightning.models.timm_model.TimmModel", "architecture=test_efficientnet.r160_in1k"]
    options = ["name=net", "layer=blocks.1", "num_classes=10", "input_size=[32,32]", "mean=[0,0,0]", "std=[1,1,1]"]
    named = [f"surrogate.{option}" for option in (*network, *options)]
    recipe = ["training=digits", "data=digits", "training.epochs=1", "training.robustness=null"]
    shared = plan(tmp_path, "surrogate=densenet121", *named, *recipe)
    accuracy = train(shared, {**TRAINER, "sync_batchnorm": True}, [])
    model = saved_model("net", str(tmp_path / "models")).build()
    data = DigitsData(batch_size=360)
    data.setup("predict")
    (batch,) = data.predict_dataloader()
    with torch.no_grad():
        right = (model(batch["image"]).argmax(1) == batch["label"]).float().mean().item()
    assert right == pytest.approx(accuracy, abs=0.003)


def test_training_can_start_from_given_weights(tmp_path: Path) -> None:
    first = plan(tmp_path, "training.epochs=2")
    accuracy = train(first, TRAINER, [])
    tuned = plan(
        tmp_path / "tuned", "training.epochs=1", f"training.start={first.weights_path}", "training.learning_rate=1e-9"
    )
    assert train(tuned, TRAINER, []) == pytest.approx(accuracy, abs=0.01)


def refusal(plan: TrainingPlan, trainer: Mapping[str, Any] = TRAINER, **options: Any) -> str:
    with pytest.raises(UserError) as error:
        train(plan, trainer, [], **options)
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
    assert message.endswith(f"): remove {damaged.checkpoints}, and the training begins anew")


def test_a_flipped_bit_in_a_checkpoint_is_not_trained_on(checkpoint: Path, tmp_path: Path) -> None:
    damaged = plan(tmp_path, "training.epochs=2")
    damaged.checkpoints.mkdir(parents=True)
    content = bytearray(checkpoint.read_bytes())
    content[len(content) // 2] ^= 1
    (damaged.checkpoints / "last.ckpt").write_bytes(content)
    assert "last.ckpt is damaged, it is not what was written" in refusal(damaged)


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
    assert "is no checkpoint of naa-train" in refusal(ready, ckpt_path=str(tmp_path / "other.ckpt"))
    assert "there is no checkpoint" in refusal(ready, ckpt_path=str(tmp_path / "missing.ckpt"))


def test_class_counts_that_differ(tmp_path: Path) -> None:
    wide = plan(tmp_path, "surrogate.num_classes=12")
    message = refusal(wide)
    assert "digits has 10 classes to train on, and digits_plain tells 12 apart" in message
    assert "surrogate.num_classes=10" in message


def test_held_out_models_tell_the_same_classes_apart(tmp_path: Path) -> None:
    held_out = ["training/loss=ensemble", f"training.loss.models=[{tmp_path / 'other.safetensors'}]"]
    other = replace(plan(tmp_path).source, name="other", num_classes=3)
    save_model(tmp_path / "other.safetensors", other, other.network(pretrained=False), {})
    message = refusal(plan(tmp_path, *held_out))
    assert message == (
        "images cannot be crafted on other, which tells 3 classes apart, to train digits_plain, which tells 10 apart; "
        "leave it out of training.loss.models, or name a model trained on these data"
    )
