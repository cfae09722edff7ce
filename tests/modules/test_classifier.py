"""Training under ordinary trainers, from ordinary data loaders."""

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch
from torch.utils.data import DataLoader

from naa_lightning.exceptions import UserError
from naa_lightning.models.weights import load_weights
from naa_lightning.modules import ClassifierModule
from naa_lightning.training import Robustness, standard_recipe
from naa_lightning.training.losses import AdversarialTraining
from tests.modules.cases import COUNT, IMAGES, LABELS, Dicts, classifier, layer, pairs, trainer

HARDENS = replace(
    standard_recipe(),
    loss=AdversarialTraining(eps="8/255", steps=1, relative_step_size=1, random_start=True),
    robustness=Robustness(eps="8/255", steps=2, relative_step_size="1/2", validation_images=4, test_images=3),
)


def module(recipe: Any = None) -> ClassifierModule:
    return ClassifierModule(classifier(), num_classes=4, recipe=recipe)


@pytest.mark.parametrize("inference_mode", [True, False])
def test_it_trains_validates_tests_and_predicts_with_ordinary_loaders(inference_mode: bool) -> None:
    made = module()
    fitter = trainer(max_epochs=2, inference_mode=inference_mode)
    fitter.fit(made, pairs(), pairs())
    assert fitter.global_step == 6
    assert not torch.equal(layer(made.classifier, 7).weight, layer(classifier(), 7).weight)
    (tested,) = fitter.test(made, pairs(), verbose=False)
    (validated,) = fitter.validate(made, pairs(), verbose=False)
    batches: Any = fitter.predict(made, DataLoader(Dicts(pixel_values=IMAGES, labels=LABELS), batch_size=2))
    made.eval()
    right = made.classifier(IMAGES).argmax(1)
    assert torch.equal(torch.cat([batch["class"] for batch in batches]), right)
    assert torch.cat([batch["id"] for batch in batches]).tolist() == list(range(COUNT))
    accuracy = pytest.approx((right == LABELS).float().mean().item())
    assert tested["test/accuracy"] == validated["val/accuracy"] == accuracy
    assert "test/robust_accuracy" not in tested


def test_a_training_can_be_hardened_and_its_robustness_measured_with_default_options() -> None:
    made = module(HARDENS)
    fitter = trainer(max_epochs=1)
    fitter.fit(made, pairs(), pairs())
    assert 0 <= fitter.callback_metrics["val/robust_accuracy"] <= 1
    (found,) = fitter.test(made, pairs(), verbose=False)
    count = 3 * found["test/robust_accuracy"]
    assert count == pytest.approx(round(count))
    assert found["test/robust_accuracy"] <= 1


def test_trainers_of_either_mode_can_follow_each_other() -> None:
    made = module(HARDENS)
    for inference_mode in (True, False, True):
        first, second = (trainer(inference_mode=inference_mode).test(made, pairs(), verbose=False) for _ in range(2))
        assert first == second


def test_ids_decide_what_is_random() -> None:
    def trained(ids: torch.Tensor) -> torch.Tensor:
        made = module()
        layer(made.classifier, 3).p = 0.0
        loader = DataLoader(Dicts(image=IMAGES, label=LABELS, id=ids), batch_size=COUNT)
        trainer(max_epochs=1).fit(made, loader)
        weight: torch.Tensor = layer(made.classifier, 0).weight
        return weight.detach()

    rows = module()
    layer(rows.classifier, 3).p = 0.0
    trainer(max_epochs=1).fit(rows, pairs(batch_size=COUNT))
    assert torch.equal(trained(torch.arange(COUNT)), layer(rows.classifier, 0).weight)
    assert not torch.equal(trained(torch.arange(COUNT) + 9), layer(rows.classifier, 0).weight)


def test_augmentation_is_in_full_precision() -> None:
    seen: list[torch.dtype] = []

    def augment(images: torch.Tensor, draws: object) -> torch.Tensor:
        seen.append((images @ images.mT).dtype)
        return images

    recipe: Any = replace(standard_recipe(), augmentation=augment)  # type: ignore[arg-type]
    trainer(max_epochs=1, precision="bf16-mixed").fit(module(recipe), pairs())
    assert seen == [torch.float32] * 3


def test_a_checkpoint_gives_weights_back_and_can_be_loaded_as_weights(tmp_path: Path) -> None:
    made = ClassifierModule(classifier(), num_classes=4, recipe=HARDENS, title="training mine")
    fitter = trainer(max_epochs=1)
    fitter.fit(made, pairs())
    fitter.save_checkpoint(tmp_path / "mine.ckpt")
    assert dict(made.hparams) == {
        "num_classes": 4,
        "augmentation": "Augmentation",
        "loss": "AdversarialTraining",
        "robustness": repr(HARDENS.robustness),
        "optimizer": "adamw",
        "learning_rate": 0.001,
        "momentum": HARDENS.momentum,
        "weight_decay": HARDENS.weight_decay,
        "schedule": HARDENS.schedule,
        "warmup": HARDENS.warmup,
        "seed": HARDENS.seed,
    }
    again = ClassifierModule.load_from_checkpoint(tmp_path / "mine.ckpt", classifier=classifier())
    assert again.clean["accuracy"].num_classes == 4
    plain = classifier()
    load_weights(plain.network, tmp_path / "mine.ckpt")
    for name, value in made.classifier.state_dict().items():
        assert torch.equal(again.classifier.state_dict()[name], value), name
        assert torch.equal(plain.state_dict()[name], value), name


def test_a_training_without_end_has_no_schedule() -> None:
    with pytest.raises(UserError, match="training: the learning rate falls until the last step: give the Trainer max"):
        trainer(max_epochs=-1).fit(module(), pairs())


def test_a_loss_that_is_no_number_is_told_with_the_remedy() -> None:
    recipe = replace(standard_recipe(), optimizer="sgd", learning_rate=1e30, warmup=0.0)
    message = r"^training: the loss is nan at step \d, in epoch \d; use a recipe with a smaller learning_rate$"
    with pytest.raises(UserError, match=message):
        trainer(max_epochs=3).fit(module(recipe), pairs())
