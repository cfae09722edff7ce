"""Every preset composes, alone and with others."""

from pathlib import Path

import pytest

from naa_lightning.attacks import Attack
from naa_lightning.config.attack import compose_attack
from naa_lightning.config.building import build_part
from naa_lightning.config.studies import AttributionStudy, LayerStudy, Study
from naa_lightning.models.saved import save_model
from tests.experiments import CONF, NETWORKS, OF_TRAINING, attack_run, presets, presets_of_attacks, training

OWN_NETWORK = ("function=mine.py:build", "mean=[0,0,0]", "std=[1,1,1]")


@pytest.mark.parametrize(
    "override",
    [
        f"{group}={name}"
        for group in (
            "surrogate",
            "attack",
            "targets",
            "data",
            "trainer",
            "logger",
            "callbacks",
            "study",
            "experiment",
            "extras",
            "hparams_search",
            "debug",
        )
        for name in presets_of_attacks(group)
    ],
)
def test_every_preset_composes_and_is_valid(override: str) -> None:
    needed = {
        "data=folder": ["data.root=somewhere"],
        "data=huggingface": ["data.dataset=somewhere"],
        "surrogate=trained": ["surrogate.model=mine"],
        "surrogate=timm": ["surrogate.architecture=resnet18"],
        "surrogate=torchvision": ["surrogate.architecture=resnet18.IMAGENET1K_V1"],
        "targets=trained": ["targets.trained.model=mine"],
        "targets=timm": ["targets.timm.architecture=resnet18"],
        "targets=torchvision": ["targets.torchvision.architecture=resnet18.IMAGENET1K_V1"],
        "targets=onnx": ["targets.onnx.path=net.onnx"],
        "targets=exported": ["targets.exported.path=net.pt2", "targets.exported.value_range=[0,1]", "trust=[net.pt2]"],
        "targets=torchscript": ["targets.torchscript.path=net.pt"],
        "targets=callable": ["targets.callable.function=mine.py:predict"],
        "surrogate=python": [f"surrogate.{key}" for key in OWN_NETWORK],
        "targets=python": [f"targets.python.{key}" for key in OWN_NETWORK],
        "surrogate=onnx": ["surrogate.path=net.onnx"],
        "surrogate=exported": ["surrogate.path=net.pt2", "surrogate.value_range=[0,1]", "trust=[net.pt2]"],
        "surrogate=huggingface": ["surrogate.model=somewhere"],
        "targets=huggingface": ["targets.huggingface.model=somewhere"],
        "surrogate=torch_hub": ["surrogate.repo=here", "surrogate.model=net", "trust=[here]"],
        "targets=torch_hub": [
            "targets.torch_hub.repo=a/b",
            "targets.torch_hub.model=net",
            "targets.torch_hub.source=github",
            "trust=[github:a/b]",
        ],
    }
    run = attack_run(override, *needed.get(override, []))
    assert isinstance(compose_attack(run.attack), Attack)


@pytest.mark.parametrize(
    "override",
    [
        f"{group}={name}"
        for group in ("trainer", "logger", "callbacks", "experiment", "extras", "hparams_search", "debug")
        for name in OF_TRAINING.get(group, presets(group))
    ],
)
def test_every_preset_of_a_training_composes_and_is_valid(override: str, tmp_path: Path) -> None:
    plan = training(tmp_path, override, f"paths.run_dir={tmp_path}/run").plan
    unfinished = override.startswith(("debug=", "hparams_search=")) and override != "debug=none"
    assert plan.weights_path.parent == tmp_path / ("run/models" if unfinished else "models")


@pytest.mark.parametrize("name", NETWORKS)
def test_every_network_can_be_trained(name: str, tmp_path: Path) -> None:
    own = name.startswith(("digits", "cifar10"))
    plan = training(tmp_path, f"surrogate={name}", *([] if own else ["data=digits"])).plan
    assert plan.source.name == name
    assert plan.weights_path.name.startswith(f"{name}-")


@pytest.mark.parametrize("recipe", presets("training"))
@pytest.mark.parametrize("loss", presets("training/loss"))
def test_every_recipe_goes_with_every_loss(recipe: str, loss: str, tmp_path: Path) -> None:
    models = ["training.loss.models=[mine]"] if loss == "ensemble" else []
    if models:
        source = training(tmp_path, f"training={recipe}").plan.source
        save_model(tmp_path / "models" / "mine.safetensors", source, source.network(pretrained=False), {})
    plan = training(tmp_path, f"training={recipe}", f"training/loss={loss}", *models).plan
    assert plan.recipe.loss.hardens == (loss != "clean")


@pytest.mark.parametrize(
    ("group", "name"),
    [(path.parent.name, path.stem) for path in sorted((CONF / "attack").glob("*/*.yaml"))],
)
def test_every_part_of_an_attack_composes(group: str, name: str) -> None:
    assert isinstance(compose_attack(attack_run("attack=mim", f"attack/{group}={name}").attack), Attack)


def test_every_study_builds_its_methods() -> None:
    for name in presets("study"):
        run = attack_run(f"study={name}")
        assert run.study is not None
        study = build_part(Study, run.study, "study")
        match study:
            case AttributionStudy():
                assert len(study.candidates()) > len(study.methods)
            case _:
                assert isinstance(study, LayerStudy)
