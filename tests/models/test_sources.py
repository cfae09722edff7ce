"""Descriptions of models: what they refuse, the preprocessing, and the model built of a local file."""

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import timm
import torch
import torchvision
from safetensors.torch import save_file
from torch import nn

from naa_lightning.exceptions import UserError
from naa_lightning.models import LibraryModel
from naa_lightning.models.library_model import Published
from naa_lightning.models.timm_model import TimmModel
from naa_lightning.models.torchvision_model import TorchvisionModel
from tests.models.cases import MOBILENET, SMALL, SQUEEZENET, TIMM, TORCHVISION, TRAINED


@pytest.mark.parametrize(
    ("source", "architecture", "message"),
    [
        (MOBILENET, "mobilenet_v200.ra_in1k", r"timm has no weights 'mobilenet_v200\.ra_in1k'"),
        (MOBILENET, "mobilenetv2_100.nonsense", r"timm has no weights 'mobilenetv2_100\.nonsense'"),
        (MOBILENET, "resnet1", r"timm has no weights 'resnet1'; similar are .*resnet1"),
        (SQUEEZENET, "squeezenet9.IMAGENET1K_V1", "torchvision has no model 'squeezenet9' .* similar are squeezenet1"),
        (SQUEEZENET, "fasterrcnn_resnet50_fpn.COCO_V1", "no model 'fasterrcnn_resnet50_fpn' that classifies images"),
        (SQUEEZENET, "r3d_18.KINETICS400_V1", "no model 'r3d_18' that classifies images"),
        (SQUEEZENET, "squeezenet1_1.V7", "squeezenet1_1 has no weights 'V7'; it has IMAGENET1K_V1"),
        (TRAINED, "vgg", "architecture must be one of plain, residual, .*, got 'vgg'"),
    ],
)
def test_unknown_architectures_are_refused(source: LibraryModel, architecture: str, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        replace(source, architecture=architecture)


@pytest.mark.parametrize("source", [MOBILENET, SQUEEZENET, TRAINED])
@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"std": [0.5, 0.0, 0.5]}, r"std must be positive, got \[0\.5, 0\.0, 0\.5\]"),
        ({"std": [0.5, 0.5]}, r"std must hold 3 or 1 numbers, got \[0\.5, 0\.5\]"),
        ({"mean": [0.5, 0.5]}, r"mean must hold 3 or 1 numbers, got \[0\.5, 0\.5\]"),
        ({"mean": [0.5], "std": [0.5] * 3}, r"mean and std must be of as many channels, got \[0\.5\] and"),
        ({"mean": [0.5], "std": [0.5], "channels": "bgr"}, r"channels=bgr needs mean and std of three numbers, got"),
        ({"gives": "scores"}, "gives must be one of logits, probabilities, got 'scores'"),
        ({"batch_size": 0}, "batch_size must be at least 1, got 0"),
        ({"input_size": [3, 224, 224]}, r"input_size must hold 2 numbers, got \[3, 224, 224\]"),
        ({"interpolation": "linear"}, "interpolation must be one of bilinear, bicubic, nearest, got 'linear'"),
    ],
)
def test_values_out_of_range_are_refused(source: LibraryModel, change: dict[str, Any], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        replace(source, **change)


def test_torchvision_takes_a_name_without_a_tag_with_local_weights(tmp_path: Path) -> None:
    """Preprocessing is that of the weights that torchvision prefers, the head has the classes that are asked for."""
    trained = torchvision.models.squeezenet1_1(num_classes=7).eval()
    save_file(trained.state_dict(), tmp_path / "mine.safetensors")
    bare = replace(SQUEEZENET, architecture="squeezenet1_1", num_classes=7, weights=str(tmp_path / "mine.safetensors"))
    bare.check()
    model, images = bare.build(), torch.rand(2, 3, 224, 224)
    usual = torchvision.models.SqueezeNet1_1_Weights.IMAGENET1K_V1.transforms()
    normalised = torchvision.transforms.functional.normalize(images, usual.mean, usual.std)
    torch.testing.assert_close(model(images), trained(normalised))
    with pytest.raises(UserError, match=r"a local file in `weights`, or one of `architecture=squeezenet1_1\.IMAGENET"):
        replace(bare, weights=None).check()


@pytest.mark.parametrize("change", [{"mean": None}, {"std": None}, {"input_size": None}])
def test_a_trained_model_needs_its_preprocessing(change: dict[str, Any]) -> None:
    with pytest.raises(ValueError, match="mean, std and input_size must be given"):
        replace(TRAINED, **change)


@pytest.mark.parametrize("source", [SMALL, TIMM, TORCHVISION])
def test_every_class_has_a_name_or_none(source: LibraryModel) -> None:
    with pytest.raises(ValueError, match=rf"classes must name num_classes={source.num_classes} classes, got 2"):
        replace(source, classes=["cat", "dog"])


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
def test_published_preprocessing(source: LibraryModel, mean: list[float], std: list[float], size: int) -> None:
    published = source.published()
    assert (list(published.mean), list(published.std)) == (mean, std)
    assert published.input_size is not None
    assert list(published.input_size) == [size, size]


def test_given_preprocessing_goes_before_the_published() -> None:
    model = replace(SQUEEZENET, mean=[0.1, 0.2, 0.3], std=[0.4, 0.5, 0.6], input_size=[64, 96]).wrap(nn.Identity())
    assert model.mean.flatten().tolist() == pytest.approx([0.1, 0.2, 0.3])
    assert model.std.flatten().tolist() == pytest.approx([0.4, 0.5, 0.6])
    assert model.input_size == (64, 96)


def test_preprocessing_that_timm_does_not_know_must_be_given(monkeypatch: pytest.MonkeyPatch) -> None:
    """As of an architecture that somebody registered without saying."""
    monkeypatch.setattr(timm, "get_pretrained_cfg", lambda name: None)
    given: dict[str, Any] = {"mean": [0.1] * 3, "std": [0.2] * 3, "input_size": [32, 48]}
    full = replace(MOBILENET, **given, num_classes=3)
    assert full.published() == Published(**given, num_classes=3)
    for key in given:
        with pytest.raises(UserError, match=r"what images mobilenetv2_100\.ra_in1k expects: give `mean`, `std` and"):
            replace(full, **dict[str, Any]({key: None})).published()
    with pytest.raises(UserError, match="timm publishes no weights"):
        full.check()


def test_torchvisions_inception_undoes_the_normalisation_inside() -> None:
    source = TorchvisionModel(name="v3", architecture="inception_v3.IMAGENET1K_V1")
    assert vars(source.network(pretrained=False))["transform_input"]


@pytest.mark.parametrize("source", [MOBILENET, SQUEEZENET, TRAINED])
def test_a_missing_local_file_is_told(source: LibraryModel, tmp_path: Path) -> None:
    with pytest.raises(UserError, match=r"there is no weights file .*mine\.pth"):
        replace(source, weights=str(tmp_path / "mine.pth")).check()


@pytest.fixture
def squeezenet_file(tmp_path: Path) -> str:
    path = tmp_path / "weights.safetensors"
    save_file(SQUEEZENET.network(pretrained=False).state_dict(), path)
    return str(path)


def test_build_loads_a_local_file(squeezenet_file: str) -> None:
    model = replace(SQUEEZENET, weights=squeezenet_file, layer="features.7").build()
    assert not model.training
    again = replace(SQUEEZENET, weights=squeezenet_file).build()
    images = torch.rand(1, 3, 64, 64)
    assert torch.equal(model(images), again(images))


def test_a_tilde_in_a_file_s_path_is_the_home_folder(squeezenet_file: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HOME", str(Path(squeezenet_file).parent))
    source = replace(SQUEEZENET, weights="~/weights.safetensors")
    source.check()
    assert str(source.local_weights) == squeezenet_file
    images = torch.rand(1, 3, 64, 64)
    assert torch.equal(source.build()(images), replace(SQUEEZENET, weights=squeezenet_file).build()(images))


def test_build_names_layers_close_to_an_unknown_one(squeezenet_file: str) -> None:
    with pytest.raises(UserError, match=r"mine: there is no layer 'feature\.7'; the closest are .*features\.7"):
        replace(SQUEEZENET, weights=squeezenet_file, layer="feature.7").build()
