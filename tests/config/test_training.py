"""A training is as configured, and its mistakes are told."""

from pathlib import Path

import pytest
import torch
import yaml
from hydra.errors import ConfigCompositionException

from naa_lightning.cli.entry import one_line_errors
from naa_lightning.config.attack_experiment import compose_attack_run
from naa_lightning.exceptions import UserError
from naa_lightning.training.losses import AdversarialTraining, CleanTraining
from tests.experiments import CONF, OF_TRAINING, attack_run, composed, presets_of_attacks, training


def test_a_part_of_the_usual_recipe_can_be_changed(tmp_path: Path) -> None:
    changes = ["training.augmentation.flip=0", "training.loss.label_smoothing=0.2", "training.robustness.eps=8/255"]
    recipe = training(tmp_path, "surrogate=resnet50", "data=digits", *changes).plan.recipe
    assert (recipe.augmentation.flip, recipe.augmentation.smallest_crop) == (0, 0.25)
    assert isinstance(recipe.loss, CleanTraining)
    assert recipe.loss.label_smoothing == 0.2
    assert recipe.robustness is not None
    assert (recipe.robustness.eps, recipe.robustness.steps) == ("8/255", 20)


@pytest.mark.parametrize("network", [["surrogate=resnet50", "data=digits"], ["surrogate=digits_plain"]])
def test_any_network_can_be_hardened(network: list[str], tmp_path: Path) -> None:
    loss = training(tmp_path, *network, "training/loss=pgd", "training.loss.steps=3").plan.recipe.loss
    assert isinstance(loss, AdversarialTraining)
    assert loss.attack.budget.steps == 3
    assert loss.label_smoothing == (0.1 if "data=digits" in network else 0.2)


def test_a_recipe_that_is_chosen_replaces_the_networks_own(tmp_path: Path) -> None:
    own, chosen = (training(tmp_path, *words).run.training for words in ([], ["training=cifar10"]))
    assert (own["epochs"], own["robustness"]["eps"]) == (6, "32/255")
    assert (chosen["epochs"], chosen["robustness"]["eps"]) == (20, "8/255")
    changed = training(tmp_path, "training=cifar10", "training/loss=trades", "training.loss.beta=3").run.training
    assert changed.pop("loss") == {**composed_loss("trades"), "beta": 3, "label_smoothing": 0.1}
    assert changed == {key: value for key, value in chosen.items() if key != "loss"}


def test_another_loss_takes_over_the_smoothing_of_labels_alone(tmp_path: Path) -> None:
    hardened = training(tmp_path, "surrogate=cifar10_vgg_hardened", "training/loss=clean").run.training["loss"]
    assert hardened == {**composed_loss("clean"), "label_smoothing": 0.1}


def composed_loss(name: str) -> dict[str, object]:
    """The keys of `conf/training/loss/`."""
    found: dict[str, object] = yaml.safe_load((CONF / "training" / "loss" / f"{name}.yaml").read_text())
    return found


def test_the_data_of_a_recipe_can_be_changed(tmp_path: Path) -> None:
    own, changed = (training(tmp_path, *words).run.data for words in ([], ["data.limit=3"]))
    assert changed == {**own, "limit": 3}


def test_the_seed_of_a_run_is_that_of_its_training(tmp_path: Path) -> None:
    assert training(tmp_path).plan.recipe.seed == 0
    for network in ([], ["training=cifar10"], ["surrogate=resnet50", "data=digits"]):
        seeded = training(tmp_path, "seed=3", *network).plan
        assert seeded.recipe.seed == 3
        assert seeded.weights_path == training(tmp_path, "training.seed=3", *network).plan.weights_path


def test_a_start_from_another_entry_of_a_file_makes_other_weights(tmp_path: Path) -> None:
    torch.save({}, tmp_path / "start.pt")
    start = f"training.start={tmp_path / 'start.pt'}"
    one, other = (training(tmp_path, start, *key).plan for key in ([], ["surrogate.weights_key=teacher"]))
    assert one.weights_path != other.weights_path


def test_a_recipe_of_few_batches_makes_other_weights_than_the_whole_one(tmp_path: Path) -> None:
    whole, few, same = (
        training(tmp_path, *words).plan
        for words in ([], ["training.batches=3"], ["training=digits", "data=digits", "training.batches=3"])
    )
    assert (whole.recipe.batches, few.recipe.batches) == (None, 3)
    assert "batches" not in whole.made_of["recipe"]["training"]  # as when weights were made before there was such a key
    assert whole.weights_path != few.weights_path == same.weights_path


@pytest.mark.parametrize("preset", OF_TRAINING["experiment"])
def test_presets_of_trainings_harden(preset: str, tmp_path: Path) -> None:
    plan = training(tmp_path, f"experiment={preset}").plan
    assert plan.recipe.loss.hardens
    assert plan.source.name == preset
    with pytest.raises(ConfigCompositionException, match="training/loss"):
        attack_run(f"experiment={preset}")


@pytest.mark.parametrize("preset", presets_of_attacks("experiment"))
def test_presets_of_attacks_are_no_trainings(preset: str, tmp_path: Path) -> None:
    with pytest.raises(ConfigCompositionException, match=f"In 'experiment/{preset}': .*override"):
        training(tmp_path, f"experiment={preset}")


@pytest.mark.parametrize("program", ["attack", "train"])
def test_tags_can_be_asked_for(program: str, tmp_path: Path) -> None:
    def tags(*words: str) -> list[str]:
        asked = ("extras.enforce_tags=true", *words)
        return attack_run(*asked).tags if program == "attack" else training(tmp_path, *asked).run.tags

    assert tags("tags=[mine]") == ["mine"]
    with pytest.raises(UserError, match=r"^extras\.enforce_tags=true, and the run has no tags: give tags=\[NAME\]$"):
        tags()


@pytest.mark.parametrize(
    ("overrides", "message"),
    [
        (["weights_dir="], "weights_dir is empty: leave it out, give a value, or weights_dir=null for none"),
        (["seed=-1"], "training: seed must be an integer of at least 0, got -1"),
        (["training.batches=0"], "training: batches must be an integer of at least 1, got 0"),
        (["training.validated_on=test"], "training.validated_on must be 'validation' or 'training', got 'test'"),
        (["surrogate=resnet50"], "surrogate=resnet50 has no data of its own to train on: give data=folder or others"),
        (["training.epocs=3"], "there is no option training.epocs; did you mean epochs?"),
        (["training.epochs=0"], "training: epochs must be an integer of at least 1, got 0"),
        (["training.optimizer=adam"], "training.optimizer must be 'sgd' or 'adamw', got 'adam'"),
        (["training.loss.beta=1"], "there is no option training.loss.beta; there are label_smoothing"),
        (["training/loss=pgd", "training.loss.eps=8"], "training.loss: eps must be between 0 and 1 (for example"),
        (["training.augmentation.flip=2"], r"training.augmentation: flip must be in [0, 1], got 2.0"),
        (["training.robustness.eps=x"], "training.robustness: eps must be a number or a fraction"),
        (["training.start=published"], "training.start=published: nobody publishes weights of digits_plain"),
        (["training.start=nowhere.pt"], "there is no weights file nowhere.pt"),
        (["surrogate.weights=a.pt"], "surrogate.weights=a.pt would not be used: give it as training.start"),
        (["trainer.precision=bf16-mixed"], "give trainer.precision=bf16-mixed as training.precision"),
        (["training/loss=ensemble", "training.loss.models=[nobody]"], "there is no model nobody, as "),
        (["surrogate=resnet50", "data.root=photos"], "give data=folder or others"),
        (["surrogate=resnet50", "data=digits", "training/loss=pgd", "training.loss.stesp=3"], "did you mean steps?"),
        (["++training.epocs=3"], "there is no option training.epocs; did you mean epochs?"),
        (["+trainer.max_epochs=9"], "trainer.max_epochs would change what the recipe says: give training.epochs"),
        (["training/loss=ensemble", "training.loss.models=[]"], "training.loss: models must name the fixed models"),
        (["surrogate=ensemble", "data=digits"], "several surrogates are trained one by one"),
        (["surrogate=[digits_plain,digits_residual]"], "several surrogates are trained one by one"),
    ],
)
def test_mistakes_in_a_training(overrides: list[str], message: str, tmp_path: Path) -> None:
    with pytest.raises(UserError) as error:
        training(tmp_path, *overrides)
    assert message in str(error.value)


@pytest.mark.parametrize("key", ["gradient_clip_val", "accumulate_grad_batches", "max_epochs"])
def test_an_attack_does_not_change_how_missing_weights_are_trained(key: str, tmp_path: Path) -> None:
    config = composed("experiment=digits", f"+trainer.{key}=2", f"paths.models_dir={tmp_path}")
    with pytest.raises(UserError, match=f"trainer.{key} would change what the recipe says"):
        compose_attack_run(config)


def test_the_models_that_images_are_crafted_on_must_be_given(tmp_path: Path) -> None:
    with pytest.raises(SystemExit, match=r"^error: training\.loss\.models must be given$"), one_line_errors():
        training(tmp_path, "training/loss=ensemble")
