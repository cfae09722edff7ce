"""The weights that timm and torchvision publish."""

from dataclasses import replace
from pathlib import Path
from typing import Any
from urllib.error import URLError

import huggingface_hub
import pytest
import timm
import torch
import torchvision
from safetensors.torch import save_file
from torch import Tensor

from naa_lightning.exceptions import UserError
from naa_lightning.models import LibraryModel, library_model, timm_model
from naa_lightning.models.saved import save_model, saved_model
from naa_lightning.models.timm_model import TimmModel
from naa_lightning.models.torchvision_model import TorchvisionModel
from naa_lightning.models.weights import start_from
from tests.models.cases import MOBILENET, SQUEEZENET, TRAINED

URL_ONLY = TimmModel(name="mine", architecture="legacy_seresnet18.in1k")
NOT_PUBLISHED = "seresnet18"  # timm describes it, without weights
AUXILIARY = ["inception_v3", "googlenet"]


@pytest.fixture
def empty_caches(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(huggingface_hub.constants, "HF_HUB_CACHE", str(tmp_path / "hub"))
    monkeypatch.setenv("TORCH_HOME", str(tmp_path / "torch"))


def network_is(answer: bool, monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Have every server answer or none; return those that are asked from now on."""
    asked: list[str] = []

    def is_online(url: str) -> bool:
        asked.append(url)
        return answer

    for module in (timm_model, library_model):
        monkeypatch.setattr(module, "is_online", is_online)
    return asked


@pytest.mark.usefixtures("empty_caches")
@pytest.mark.parametrize("source", [MOBILENET, SQUEEZENET])
def test_weights_out_of_reach_are_told(source: LibraryModel, monkeypatch: pytest.MonkeyPatch) -> None:
    network_is(False, monkeypatch)
    with pytest.raises(UserError, match=rf"the weights of mine \({source.architecture}\).*weights=PATH"):
        source.check()


@pytest.mark.usefixtures("empty_caches")
@pytest.mark.parametrize(
    ("source", "server"), [(MOBILENET, "https://huggingface.co"), (SQUEEZENET, "https://download.pytorch.org")]
)
def test_weights_within_reach_pass(source: LibraryModel, server: str, monkeypatch: pytest.MonkeyPatch) -> None:
    asked = network_is(True, monkeypatch)
    source.check()
    assert asked == [server]


@pytest.mark.usefixtures("empty_caches")
def test_torchvisions_cache_is_enough(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    asked = network_is(False, monkeypatch)
    file = tmp_path / "torch" / "hub" / "checkpoints" / "squeezenet1_1-b8a52dc0.pth"
    file.parent.mkdir(parents=True)
    file.touch()
    SQUEEZENET.check()
    assert asked == []


@pytest.mark.usefixtures("empty_caches")
def test_the_hubs_cache_is_enough(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    asked = network_is(False, monkeypatch)
    repository = tmp_path / "hub" / "models--timm--mobilenetv2_100.ra_in1k"
    (repository / "refs").mkdir(parents=True)
    (repository / "refs" / "main").write_text("0" * 40)
    snapshot = repository / "snapshots" / ("0" * 40)
    snapshot.mkdir(parents=True)
    (snapshot / "model.safetensors").touch()
    MOBILENET.check()
    assert asked == []


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
@pytest.mark.parametrize("source", [MOBILENET, SQUEEZENET])
def test_published_weights_are_checked_for_other_classes_too(
    source: LibraryModel, monkeypatch: pytest.MonkeyPatch
) -> None:
    other = replace(source, num_classes=12)
    with pytest.raises(UserError, match="know 1000 classes, but num_classes is 12: name a local file in `weights`"):
        other.check()
    network_is(True, monkeypatch)
    other.check_published_weights()
    network_is(False, monkeypatch)
    with pytest.raises(UserError, match=r"the weights of mine .* out of reach"):
        other.check_published_weights()


def test_timms_networks_without_weights_can_be_trained() -> None:
    config = timm.get_pretrained_cfg(NOT_PUBLISHED)
    assert config is not None
    assert not config.has_weights, "or the test needs another network"
    source = TimmModel(name="mine", architecture=NOT_PUBLISHED, num_classes=12)
    published = source.published()
    assert list(published.mean) == [0.485, 0.456, 0.406], "ImageNet's"
    assert published.input_size is not None
    assert list(published.input_size) == [224, 224]
    model = source.wrap(source.network(pretrained=False)).eval()
    assert model(torch.rand(1, 3, 40, 40)).shape == (1, 12)
    message = f"timm publishes no weights of {NOT_PUBLISHED}: give `weights`, or train it"
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


@pytest.fixture
def downloaded(monkeypatch: pytest.MonkeyPatch) -> dict[str, Tensor]:
    """What torchvision's server hands out for SQUEEZENET."""
    torch.manual_seed(1)
    state: dict[str, Tensor] = torchvision.models.squeezenet1_1().state_dict()
    monkeypatch.setattr(torchvision.models.WeightsEnum, "get_state_dict", lambda *args, **options: state)
    return state


def test_torchvisions_weights_start_a_network_of_other_classes(downloaded: dict[str, Tensor]) -> None:
    source = replace(SQUEEZENET, num_classes=2, classes=["cat", "dog"])
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
    for source in (MOBILENET, SQUEEZENET):
        expected = rf"weights of mine \({source.architecture}\) cannot be fetched or read: {reason}; connect to the"
        with pytest.raises(UserError, match=expected) as told:
            source.published_state()
        assert "\n" not in str(told.value)


def test_a_missing_trained_file_keeps_its_own_message(tmp_path: Path) -> None:
    with pytest.raises(UserError, match=r"^there is no weights file .*mine\.pth"):
        replace(TRAINED, weights=str(tmp_path / "mine.pth")).published_state()


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
