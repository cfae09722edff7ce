from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any
from urllib.error import URLError

import huggingface_hub
import pytest
import timm
import torch
import torchvision
from hydra import compose, initialize_config_dir
from hydra.utils import instantiate
from safetensors.torch import save_file
from torch import Tensor, nn

from naa_lightning.composition import compose_attack_run
from naa_lightning.entry import one_line_errors
from naa_lightning.errors import UserError
from naa_lightning.models import ClassifierSource, TrainedModel, classifier_source, timm_model
from naa_lightning.models.classifier_source import Preprocessing
from naa_lightning.models.saved import library_of, save_model, saved_model
from naa_lightning.models.timm_model import TimmModel
from naa_lightning.models.torchvision_model import TorchvisionModel
from naa_lightning.models.trained import made_of
from naa_lightning.models.weights import start_from
from tests.experiments import composed

CONF = Path(__file__).parents[2] / "conf"
NO_NETWORKS = {"ensemble", "timm", "torchvision", "trained"}
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


def configured(name: str, *overrides: str) -> ClassifierSource:
    with initialize_config_dir(str(CONF), version_base="1.3"):
        config = compose("attack", overrides=[f"surrogate={name}", *overrides])
    source: ClassifierSource = instantiate(config.surrogate, _convert_="all")
    return source


@pytest.mark.parametrize(
    ("source", "architecture", "message"),
    [
        (TIMM, "mobilenet_v200.ra_in1k", r"timm has no weights 'mobilenet_v200\.ra_in1k'"),
        (TIMM, "mobilenetv2_100.nonsense", r"timm has no weights 'mobilenetv2_100\.nonsense'"),
        (TIMM, "resnet1", r"timm has no weights 'resnet1'; similar are .*resnet1"),
        (TORCHVISION, "squeezenet9.IMAGENET1K_V1", "torchvision has no model 'squeezenet9' .* similar are squeezenet1"),
        (TORCHVISION, "fasterrcnn_resnet50_fpn.COCO_V1", "no model 'fasterrcnn_resnet50_fpn' that classifies images"),
        (TORCHVISION, "r3d_18.KINETICS400_V1", "no model 'r3d_18' that classifies images"),
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
    for module in (timm_model, classifier_source):
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


URL_ONLY = TimmModel(name="mine", architecture="legacy_seresnet18.in1k")


@pytest.mark.usefixtures("empty_caches")
def test_timms_weights_that_are_not_on_the_hub_are_looked_for_in_torchs_cache(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    config = timm.get_pretrained_cfg(URL_ONLY.architecture)
    assert config is not None
    assert config.hf_hub_id is None, "or the test needs another network"
    network_is(False, monkeypatch)
    with pytest.raises(UserError, match=r"the weights of mine .* https://[\w.]*github\S* is out of reach"):
        URL_ONLY.check()
    file = tmp_path / "torch" / "hub" / "checkpoints" / str(config.url).rpartition("/")[2]
    file.parent.mkdir(parents=True)
    file.touch()
    URL_ONLY.check()


@pytest.mark.usefixtures("empty_caches")
@pytest.mark.parametrize("source", [TIMM, TORCHVISION])
def test_published_weights_are_checked_for_other_classes_too(
    source: ClassifierSource, monkeypatch: pytest.MonkeyPatch
) -> None:
    other = replace(source, num_classes=12)
    with pytest.raises(UserError, match="know 1000 classes, but num_classes is 12: name a local file in `weights`"):
        other.check()
    network_is(True, monkeypatch)
    other.check_published_weights()
    network_is(False, monkeypatch)
    with pytest.raises(UserError, match=r"the weights of mine .* out of reach"):
        other.check_published_weights()


NOT_PUBLISHED = "seresnet18"  # timm describes it, without weights


def test_timms_networks_without_weights_can_be_trained() -> None:
    config = timm.get_pretrained_cfg(NOT_PUBLISHED)
    assert config is not None
    assert not config.has_weights, "or the test needs another network"
    source = TimmModel(name="mine", architecture=NOT_PUBLISHED, num_classes=12)
    published = source.published()
    assert list(published.mean) == [0.485, 0.456, 0.406], "ImageNet's"
    assert list(published.input_size) == [224, 224]
    model = source.wrap(source.network(pretrained=False)).eval()
    assert model(torch.rand(1, 3, 40, 40)).shape == (1, 12)
    message = f"timm publishes no weights of {NOT_PUBLISHED}: give weights, or train it with train.py"
    for check in (source.check, source.check_published_weights, replace(source, num_classes=1000).check):
        with pytest.raises(UserError, match=message):
            check()


def test_a_name_alone_means_the_weights_that_timm_prefers() -> None:
    alone = TimmModel(name="mine", architecture="mobilenetv2_100")
    config = timm.get_pretrained_cfg("mobilenetv2_100")
    assert config is not None
    tagged = TimmModel(name="mine", architecture=f"mobilenetv2_100.{config.tag}")
    assert alone.published() == tagged.published()
    assert alone.network(pretrained=False).state_dict().keys() == tagged.network(pretrained=False).state_dict().keys()


def test_preprocessing_that_timm_does_not_know_must_be_given(monkeypatch: pytest.MonkeyPatch) -> None:
    """As of an architecture that somebody registered without saying."""
    monkeypatch.setattr(timm, "get_pretrained_cfg", lambda name: None)
    given: dict[str, Any] = {"mean": [0.1] * 3, "std": [0.2] * 3, "input_size": [32, 48]}
    full = replace(TIMM, **given, num_classes=3)
    assert full.published() == Preprocessing(**given, num_classes=3)
    for key in given:
        with pytest.raises(UserError, match=r"what images mobilenetv2_100\.ra_in1k expects: give mean, std and"):
            replace(full, **dict[str, Any]({key: None})).published()
    with pytest.raises(UserError, match="timm publishes no weights"):
        full.check()


@pytest.fixture
def downloaded(monkeypatch: pytest.MonkeyPatch) -> dict[str, Tensor]:
    """What torchvision's server hands out for TORCHVISION."""
    torch.manual_seed(1)
    state: dict[str, Tensor] = torchvision.models.squeezenet1_1().state_dict()
    monkeypatch.setattr(torchvision.models.WeightsEnum, "get_state_dict", lambda *args, **options: state)
    return state


def test_torchvisions_weights_start_a_network_of_other_classes(downloaded: dict[str, Tensor]) -> None:
    source = replace(TORCHVISION, num_classes=2, classes=["cat", "dog"])
    state = source.published_state()
    assert state.keys() == downloaded.keys()
    assert all(torch.equal(state[key], value) for key, value in downloaded.items())
    network = source.network(pretrained=False)
    assert start_from(network, state, "they") == ["classifier.1.weight", "classifier.1.bias"]
    assert torch.equal(network.state_dict()["features.0.weight"], downloaded["features.0.weight"])


def test_timms_weights_start_a_network_of_other_classes(tmp_path: Path) -> None:
    path = tmp_path / "published.safetensors"
    torch.manual_seed(1)
    stored = timm.create_model("test_resnet", num_classes=1000).state_dict()
    save_file(stored, path)
    source = TimmModel(
        name="mine",
        architecture="test_resnet.r160_in1k",
        num_classes=3,
        classes=["a", "b", "c"],
        create_kwargs={"pretrained_cfg_overlay": {"file": str(path)}},
    )
    state = source.published_state()
    assert state.keys() == stored.keys()
    assert all(torch.equal(state[key], value) for key, value in stored.items())
    network = source.network(pretrained=False)
    assert start_from(network, state, "they") == ["fc.weight", "fc.bias"]
    assert torch.equal(network.state_dict()["conv1.0.weight"], stored["conv1.0.weight"])


@pytest.mark.parametrize(
    ("error", "reason"),
    [
        (URLError("no route to host"), "<urlopen error no route to host>"),
        (
            RuntimeError('invalid hash value (expected "a", got "b")\nmore'),
            r"invalid hash value \(expected \"a\", got \"b\"\)",
        ),
        (EOFError(), "EOFError"),
    ],
)
def test_weights_that_cannot_be_fetched_are_told(
    error: Exception, reason: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(*args: Any, **options: Any) -> None:
        raise error

    monkeypatch.setattr(torchvision.models.WeightsEnum, "get_state_dict", fail)
    monkeypatch.setattr(timm, "create_model", fail)
    for source in (TIMM, TORCHVISION):
        expected = rf"weights of mine \({source.architecture}\) cannot be fetched or read: {reason}; connect to the"
        with pytest.raises(UserError, match=expected) as told:
            source.published_state()
        assert "\n" not in str(told.value)


def test_a_missing_trained_file_keeps_its_own_message(tmp_path: Path) -> None:
    with pytest.raises(UserError, match=r"^there is no weights file .*mine\.pth"):
        replace(TRAINED, weights=str(tmp_path / "mine.pth")).published_state()


AUXILIARY = ["inception_v3", "googlenet"]


@pytest.mark.parametrize("architecture", AUXILIARY)
def test_torchvisions_auxiliary_heads_are_left_out(
    architecture: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    torch.manual_seed(0)
    whole = torchvision.models.get_model(architecture, init_weights=False, aux_logits=True).state_dict()
    monkeypatch.setattr(torchvision.models.WeightsEnum, "get_state_dict", lambda *args, **options: whole)
    source = TorchvisionModel(name="mine", architecture=f"{architecture}.IMAGENET1K_V1")
    network = source.network(pretrained=True).eval()
    theirs = torchvision.models.get_model(architecture, weights="IMAGENET1K_V1").eval()
    images = torch.rand(2, 3, 75, 75)
    with torch.no_grad():
        logits = network(images)
        assert torch.equal(logits, theirs(images))
    untrained = source.network(pretrained=False)
    assert isinstance(untrained.train()(images), Tensor)
    assert isinstance(network.train()(images), Tensor)
    network.load_state_dict(whole, strict=False)  # the statistics of batches moved on
    save_model(tmp_path / "mine.safetensors", source, network, {})
    again = saved_model("mine", str(tmp_path)).build().network
    with torch.no_grad():
        assert torch.equal(again(images), logits)


@pytest.mark.parametrize("architecture", AUXILIARY)
@pytest.mark.parametrize("pretrained", [False, True])
@pytest.mark.filterwarnings("ignore:auxiliary heads in the pretrained googlenet model:UserWarning")
def test_auxiliary_heads_can_be_asked_for(architecture: str, pretrained: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    source = TorchvisionModel(
        name="mine", architecture=f"{architecture}.IMAGENET1K_V1", create_kwargs={"aux_logits": True}
    )
    whole = torchvision.models.get_model(architecture, init_weights=False, aux_logits=True).state_dict()
    monkeypatch.setattr(torchvision.models.WeightsEnum, "get_state_dict", lambda *args, **options: whole)
    assert source.network(pretrained=pretrained).state_dict().keys() == whole.keys()


@pytest.mark.parametrize(("tag", "patches"), [("IMAGENET1K_V1", 14**2), ("IMAGENET1K_SWAG_E2E_V1", 24**2)])
def test_torchvisions_transformers_are_made_for_the_images_of_their_weights(tag: str, patches: int) -> None:
    """Weights tuned on images of 384 pixels have 24 patches of 16 pixels a side."""
    with torch.device("meta"):
        network = TorchvisionModel(name="mine", architecture=f"vit_b_16.{tag}").network(pretrained=False)
    assert network.get_parameter("encoder.pos_embedding").shape[1] == 1 + patches


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
        {"interpolation": "bicubic"},
        {"antialias": True},
        {"recipe": {"training": {"epochs": 6, "loss": {"models": ["a"]}}, "data": {"seed": 0}}},
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


def test_digests_of_models_trained_before_stay() -> None:
    """Keys that were added later are left out where they have the value that all models had then."""
    assert TRAINED.weights_path.name == "mine-4588a03db76d.safetensors"


def test_where_other_models_lie_does_not_change_the_weights() -> None:
    def file(loss: Any) -> str:
        return replace(TRAINED, recipe={"training": {"loss": loss}}).weights_path.name

    here = {"models": ["a"], "models_dir": "here"}
    assert file(here) == file({**here, "models_dir": "there"})
    assert file(here) != file({**here, "models": ["b"]})
    assert here["models_dir"] == "here"
    assert made_of(TRAINED, {"training": {"loss": None}})["recipe"]["training"] == {"loss": None}


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
    "cifar10_resnet": (128, 16, 16),
    "cifar10_vgg": (128, 16, 16),
    "cifar10_vgg_hardened": (128, 16, 16),
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


@pytest.mark.parametrize(
    ("library", "architecture"),
    [("timm", "resnet18.a1_in1k"), ("timm", "resnet18"), ("torchvision", "squeezenet1_1.IMAGENET1K_V1")],
)
def test_any_network_of_a_library_is_a_surrogate(library: str, architecture: str) -> None:
    source = configured(library, f"surrogate.architecture={architecture}", "surrogate.num_classes=12")
    assert (source.name, source.architecture, source.num_classes) == (architecture, architecture, 12)
    assert library_of(source) == library


@pytest.mark.parametrize("library", ["timm", "torchvision"])
def test_any_network_must_be_named(library: str) -> None:
    with pytest.raises(SystemExit, match=r"^error: surrogate\.architecture must be given$"), one_line_errors():
        compose_attack_run(composed("experiment=digits", f"surrogate={library}"))


@pytest.mark.parametrize("name", SURROGATES)
def test_surrogates_are_called_as_their_files(name: str) -> None:
    assert configured(name).name == name
