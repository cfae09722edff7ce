from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import huggingface_hub
import pytest
import torch
from hydra import compose, initialize_config_dir
from hydra.utils import instantiate
from safetensors.torch import save_file
from torch import nn

from naa_lightning.errors import UserError
from naa_lightning.models import ClassifierSource, TrainedModel, timm_model, torchvision_model
from naa_lightning.models.timm_model import TimmModel
from naa_lightning.models.torchvision_model import TorchvisionModel

CONF = Path(__file__).parents[2] / "conf"
NO_NETWORKS = {"ensemble", "trained"}
SURROGATES = sorted({path.stem for path in (CONF / "surrogate").glob("*.yaml")} - NO_NETWORKS)
ADVERSARIAL = {"inception_v3_adv": "inception_v3", "inception_resnet_v2_ens_adv": "inception_resnet_v2"}

TIMM = TimmModel(name="mine", architecture="mobilenetv2_100.ra_in1k")
TORCHVISION = TorchvisionModel(name="mine", architecture="squeezenet1_1.IMAGENET1K_V1")
TRAINED = TrainedModel(
    name="mine",
    architecture="plain",
    layer="middle",
    mean=[0.5] * 3,
    std=[0.5] * 3,
    input_size=[32, 32],
    num_classes=10,
    models_dir="models",
    recipe={"training": {"epochs": 6}, "data": {"seed": 0}},
)


def configured(name: str) -> ClassifierSource:
    with initialize_config_dir(str(CONF), version_base="1.3"):
        config = compose("attack", overrides=[f"surrogate={name}"])
    source: ClassifierSource = instantiate(config.surrogate, _convert_="all")
    return source


@pytest.mark.parametrize(
    ("source", "architecture", "message"),
    [
        (TIMM, "mobilenet_v200.ra_in1k", r"timm has no weights 'mobilenet_v200\.ra_in1k'"),
        (TIMM, "mobilenetv2_100.nonsense", r"timm has no weights 'mobilenetv2_100\.nonsense'"),
        (TORCHVISION, "squeezenet9.IMAGENET1K_V1", "torchvision has no model 'squeezenet9'"),
        (TORCHVISION, "squeezenet1_1.V7", "squeezenet1_1 has no weights 'V7'; it has IMAGENET1K_V1"),
        (TORCHVISION, "squeezenet1_1", "squeezenet1_1 has no weights ''; it has IMAGENET1K_V1"),
        (TRAINED, "vgg", "architecture must be one of plain, residual, .*, got 'vgg'"),
    ],
)
def test_unknown_architectures_are_refused(source: ClassifierSource, architecture: str, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        replace(source, architecture=architecture)


@pytest.mark.parametrize("source", [TIMM, TORCHVISION, TRAINED])
@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"std": [0.5, 0.0, 0.5]}, r"std must be positive, got \[0\.5, 0\.0, 0\.5\]"),
        ({"std": [0.5, 0.5]}, r"std must hold 3 numbers, got \[0\.5, 0\.5\]"),
        ({"mean": [0.5]}, r"mean must hold 3 numbers, got \[0\.5\]"),
        ({"input_size": [3, 224, 224]}, r"input_size must hold 2 numbers, got \[3, 224, 224\]"),
        ({"interpolation": "linear"}, "interpolation must be one of bilinear, bicubic, nearest, got 'linear'"),
    ],
)
def test_values_out_of_range_are_refused(source: ClassifierSource, change: dict[str, Any], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        replace(source, **change)


@pytest.mark.parametrize("change", [{"mean": None}, {"std": None}, {"input_size": None}])
def test_a_trained_model_needs_its_preprocessing(change: dict[str, Any]) -> None:
    with pytest.raises(ValueError, match="mean, std and input_size must be given"):
        replace(TRAINED, **change)


@pytest.mark.parametrize(
    ("source", "mean", "std", "size"),
    [
        (TimmModel(name="v3", architecture="inception_v3.tf_in1k"), [0.5] * 3, [0.5] * 3, 299),
        (
            TorchvisionModel(name="r50", architecture="resnet50.IMAGENET1K_V1"),
            [0.485, 0.456, 0.406],
            [0.229, 0.224, 0.225],
            224,
        ),
    ],
)
def test_published_preprocessing(source: ClassifierSource, mean: list[float], std: list[float], size: int) -> None:
    published = source.published()
    assert (list(published.mean), list(published.std)) == (mean, std)
    assert list(published.input_size) == [size, size]


def test_given_preprocessing_goes_before_the_published() -> None:
    model = replace(TORCHVISION, mean=[0.1, 0.2, 0.3], std=[0.4, 0.5, 0.6], input_size=[64, 96]).wrap(nn.Identity())
    assert model.mean.flatten().tolist() == pytest.approx([0.1, 0.2, 0.3])
    assert model.std.flatten().tolist() == pytest.approx([0.4, 0.5, 0.6])
    assert model.input_size == (64, 96)


def test_torchvisions_inception_undoes_the_normalisation_inside() -> None:
    source = TorchvisionModel(name="v3", architecture="inception_v3.IMAGENET1K_V1")
    assert vars(source.network(pretrained=False))["transform_input"]


@pytest.fixture
def empty_caches(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(huggingface_hub.constants, "HF_HUB_CACHE", str(tmp_path / "hub"))
    monkeypatch.setenv("TORCH_HOME", str(tmp_path / "torch"))


def network_is(answer: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    for module in (timm_model, torchvision_model):
        monkeypatch.setattr(module, "reachable", lambda url: answer)


@pytest.mark.usefixtures("empty_caches")
@pytest.mark.parametrize("source", [TIMM, TORCHVISION])
def test_weights_out_of_reach_are_told(source: ClassifierSource, monkeypatch: pytest.MonkeyPatch) -> None:
    network_is(False, monkeypatch)
    with pytest.raises(UserError, match=rf"the weights of mine \({source.architecture}\).*weights=PATH"):
        source.check()


@pytest.mark.usefixtures("empty_caches")
@pytest.mark.parametrize("source", [TIMM, TORCHVISION])
def test_weights_within_reach_pass(source: ClassifierSource, monkeypatch: pytest.MonkeyPatch) -> None:
    network_is(True, monkeypatch)
    source.check()


@pytest.mark.usefixtures("empty_caches")
def test_torchvisions_cache_is_enough(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    network_is(False, monkeypatch)
    file = tmp_path / "torch" / "hub" / "checkpoints" / "squeezenet1_1-b8a52dc0.pth"
    file.parent.mkdir(parents=True)
    file.touch()
    TORCHVISION.check()


@pytest.mark.usefixtures("empty_caches")
def test_the_hubs_cache_is_enough(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    network_is(False, monkeypatch)
    repository = tmp_path / "hub" / "models--timm--mobilenetv2_100.ra_in1k"
    (repository / "refs").mkdir(parents=True)
    (repository / "refs" / "main").write_text("0" * 40)
    snapshot = repository / "snapshots" / ("0" * 40)
    snapshot.mkdir(parents=True)
    (snapshot / "model.safetensors").touch()
    TIMM.check()


@pytest.mark.parametrize("source", [TIMM, TORCHVISION, TRAINED])
def test_a_missing_local_file_is_told(source: ClassifierSource, tmp_path: Path) -> None:
    with pytest.raises(UserError, match=r"there is no weights file .*mine\.pth"):
        replace(source, weights=str(tmp_path / "mine.pth")).check()


@pytest.fixture
def squeezenet_file(tmp_path: Path) -> str:
    path = tmp_path / "weights.safetensors"
    save_file(TORCHVISION.network(pretrained=False).state_dict(), path)
    return str(path)


def test_build_loads_a_local_file(squeezenet_file: str) -> None:
    model = replace(TORCHVISION, weights=squeezenet_file, layer="features.7").build()
    assert not model.training
    again = replace(TORCHVISION, weights=squeezenet_file).build()
    images = torch.rand(1, 3, 64, 64)
    assert torch.equal(model(images), again(images))


def test_build_names_layers_close_to_an_unknown_one(squeezenet_file: str) -> None:
    with pytest.raises(UserError, match=r"mine: there is no layer 'feature\.7'; the closest are .*features\.7"):
        replace(TORCHVISION, weights=squeezenet_file, layer="feature.7").build()


@pytest.mark.parametrize(
    "change",
    [
        {"recipe": {"training": {"epochs": 7}, "data": {"seed": 0}}},
        {"recipe": {"training": {"epochs": 6}, "data": {"seed": 1}}},
        {"architecture": "residual"},
        {"num_classes": 11},
        {"mean": [0.5, 0.5, 0.4]},
        {"std": [0.5, 0.5, 0.4]},
        {"input_size": [32, 33]},
    ],
)
def test_another_recipe_or_network_has_another_file(change: dict[str, Any]) -> None:
    assert replace(TRAINED, **change).weights_path.name != TRAINED.weights_path.name


@pytest.mark.parametrize(
    "change",
    [
        {"models_dir": "elsewhere"},
        {"layer": "top"},
        {"recipe": {"data": {"seed": 0}, "training": {"epochs": 6}}},
    ],
)
def test_what_does_not_change_the_weights_keeps_the_files_name(change: dict[str, Any]) -> None:
    assert replace(TRAINED, **change).weights_path.name == TRAINED.weights_path.name


def test_a_trained_model_is_found_again(tmp_path: Path) -> None:
    source = replace(TRAINED, models_dir=str(tmp_path))
    trained = source.wrap(source.network(pretrained=False))
    save_file(trained.network.state_dict(), source.weights_path)
    images = torch.rand(2, 3, 32, 32)
    assert torch.equal(source.build()(images), trained.eval()(images))


def test_a_trained_model_needs_weights_or_a_recipe(tmp_path: Path) -> None:
    with pytest.raises(UserError, match="mine has neither weights nor a recipe"):
        replace(TRAINED, models_dir=str(tmp_path), recipe={}).check()


FEATURES: Mapping[str, tuple[int, ...]] = {
    "cifar10_densenet": (232, 8, 8),
    "cifar10_inception": (152, 16, 16),
    "cifar10_mobilenet": (96, 8, 8),
    "cifar10_resnet": (64, 16, 16),
    "cifar10_vgg": (64, 16, 16),
    "cifar10_vgg_hardened": (64, 16, 16),
    "densenet121": (512, 28, 28),
    "digits_inception": (48, 16, 16),
    "digits_plain": (32, 16, 16),
    "digits_residual": (32, 16, 16),
    "inception_resnet_v2": (192, 71, 71),
    "inception_v3": (256, 35, 35),
    "inception_v4": (384, 35, 35),
    "mobilenetv2": (192, 28, 28),
    "resnet152": (512, 28, 28),
    "resnet50": (512, 28, 28),
    "vgg16": (256, 56, 56),
    "vit_base_patch16_224": (197, 768),
    "vit_small_r26_s32_224": (50, 384),
}


def test_every_surrogate_has_an_expectation() -> None:
    assert {ADVERSARIAL.get(name, name) for name in SURROGATES} == set(FEATURES)


@pytest.mark.parametrize("name", FEATURES)
def test_surrogates_have_their_layer(name: str) -> None:
    """The shapes follow from the published architectures."""
    source = configured(name)
    model = source.wrap(source.network(pretrained=False)).eval()
    assert model.input_size is not None
    with torch.no_grad():
        assert model.features(torch.zeros(1, 3, *model.input_size)).shape == (1, *FEATURES[name])


@pytest.mark.parametrize(("adversarial", "plain"), ADVERSARIAL.items())
def test_adversarially_trained_surrogates_differ_in_weights_alone(adversarial: str, plain: str) -> None:
    ours, other = configured(adversarial), configured(plain)
    assert ours.published() == other.published()
    assert ours.architecture.partition(".")[0] == other.architecture.partition(".")[0]
    assert replace(ours, name=other.name, architecture=other.architecture) == other


@pytest.mark.parametrize("name", SURROGATES)
def test_surrogates_are_called_as_their_files(name: str) -> None:
    assert configured(name).name == name
