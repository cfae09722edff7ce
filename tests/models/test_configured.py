"""The surrogates of conf/surrogate."""

from collections.abc import Mapping
from dataclasses import replace

import pytest
import torch
from hydra import compose, initialize_config_dir
from hydra.utils import instantiate

from naa_lightning.cli.entry import one_line_errors
from naa_lightning.config.attack_experiment import compose_attack_run
from naa_lightning.models import LibraryModel
from naa_lightning.models.saved import library_of
from tests.experiments import CONF, NETWORKS, composed

ADVERSARIAL = {"inception_v3_adv": "inception_v3", "inception_resnet_v2_ens_adv": "inception_resnet_v2"}
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


def configured(name: str, *overrides: str) -> LibraryModel:
    with initialize_config_dir(str(CONF), version_base="1.3"):
        config = compose("attack", overrides=[f"surrogate={name}", *overrides])
    source: LibraryModel = instantiate(config.surrogate, _convert_="all", _recursive_=False)
    return source


def test_every_surrogate_has_an_expectation() -> None:
    assert {ADVERSARIAL.get(name, name) for name in NETWORKS} == set(FEATURES)


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


@pytest.mark.parametrize("name", NETWORKS)
def test_surrogates_are_called_as_their_files(name: str) -> None:
    assert configured(name).name == name
