from typing import Any

import pytest
import timm
import torch
import torchvision.transforms.functional as tv
from torch import Tensor, nn
from torch.autograd import forward_ad

from naa_lightning.attacks import Attack, Budget, CrossEntropy, Momentum, NeuronAttribution, Objective
from naa_lightning.models import Classifier, frozen
from naa_lightning.rng import SeededDraws

MEAN, STD = [0.485, 0.456, 0.406], [0.229, 0.224, 0.225]


class Pooled(nn.Sequential):
    def __init__(self) -> None:
        super().__init__(nn.Conv2d(3, 4, 3), nn.BatchNorm2d(4), nn.AdaptiveAvgPool2d(1), nn.Flatten())


def images(height: int, width: int) -> Tensor:
    return torch.rand(2, 3, height, width, generator=torch.Generator().manual_seed(0))


def classifier(input_size: tuple[int, int] | None = None) -> Classifier:
    torch.manual_seed(0)
    return Classifier(Pooled(), mean=MEAN, std=STD, input_size=input_size, layer="0")


@pytest.mark.parametrize("size", [(8, 8), (12, 20), (33, 9), (16, 24)])
def test_preprocessing_is_torchvisions_resize_and_normalize(size: tuple[int, int]) -> None:
    clean = images(16, 24)
    resized = tv.resize(clean, list(size), tv.InterpolationMode.BILINEAR, antialias=False)
    torch.testing.assert_close(classifier(size).preprocess(clean), tv.normalize(resized, MEAN, STD))


@pytest.mark.parametrize("antialias", [False, True])
@pytest.mark.parametrize("interpolation", ["bilinear", "bicubic"])
def test_interpolation_and_antialias_are_passed_on(interpolation: str, antialias: bool) -> None:
    model = Classifier(
        nn.Flatten(),
        mean=[0.0] * 3,
        std=[1.0] * 3,
        input_size=(7, 5),
        interpolation=interpolation,
        antialias=antialias,
    )
    clean = images(16, 24)
    resized = tv.resize(clean, [7, 5], tv.InterpolationMode(interpolation), antialias=antialias)
    torch.testing.assert_close(model(clean), resized.flatten(1))


def test_nearest_repeats_pixels() -> None:
    model = Classifier(nn.Flatten(), mean=[0.0] * 3, std=[1.0] * 3, input_size=(8, 6), interpolation="nearest")
    clean = images(4, 3)
    assert torch.equal(model(clean), clean.repeat_interleave(2, dim=2).repeat_interleave(2, dim=3).flatten(1))


@pytest.mark.parametrize("input_size", [(16, 24), None])
def test_images_of_the_networks_size_are_not_resized(input_size: tuple[int, int] | None) -> None:
    model = Classifier(nn.Flatten(), mean=[0.0] * 3, std=[1.0] * 3, input_size=input_size)
    assert torch.equal(model(images(16, 24)), images(16, 24).flatten(1))


def test_perturbations_live_at_the_images_own_resolution() -> None:
    clean = images(16, 24).requires_grad_()
    (gradient,) = torch.autograd.grad(classifier((32, 32))(clean).square().sum(), clean)
    assert gradient.shape == clean.shape
    assert (gradient != 0).all()


@pytest.mark.parametrize("shape", [(3, 8, 8), (2, 1, 8, 8), (2, 8, 8, 3), (1, 2, 3, 8, 8)])
def test_wrong_shapes_are_refused(shape: tuple[int, ...]) -> None:
    with pytest.raises(ValueError, match=r"expected images of shape \(B, 3, H, W\)"):
        classifier()(torch.rand(shape))


def test_an_unknown_layer_is_refused() -> None:
    with pytest.raises(ValueError, match="there is no layer 'conv'"):
        Classifier(Pooled(), mean=MEAN, std=STD, layer="conv")


def test_features_without_a_layer_are_refused() -> None:
    with pytest.raises(ValueError, match="expected one attacked layer, got none"):
        Classifier(Pooled(), mean=MEAN, std=STD).features(images(8, 8))


def test_the_state_dict_holds_the_networks_weights_alone() -> None:
    assert {key.removeprefix("network.") for key in classifier().state_dict()} == set(Pooled().state_dict())


def squared_first(logits: Tensor) -> Tensor:
    return logits[:, 0].square()


def smooth_classifier() -> Classifier:
    """Resizes, normalises, and has a layer that is curved in the image."""
    torch.manual_seed(0)
    network = nn.Sequential(nn.Conv2d(3, 4, 3), nn.Tanh(), nn.Conv2d(4, 4, 3), nn.Flatten(), nn.Linear(36, 5))
    return Classifier(network, mean=MEAN, std=STD, input_size=(7, 7), interpolation="bicubic", layer="1").double()


@pytest.mark.parametrize("enabled", [True, False])
def test_the_layers_change_is_its_jacobian_times_the_direction(enabled: bool) -> None:
    """Through the resizing and the normalisation."""
    model, clean = smooth_classifier(), images(6, 9).double()
    direction = torch.randn(clean.shape, dtype=torch.float64, generator=torch.Generator().manual_seed(1))
    with torch.set_grad_enabled(enabled):
        gradient, change = model.layer_gradient_and_change(clean, direction, squared_first)
    slopes = torch.func.jacrev(model.features)(clean)
    torch.testing.assert_close(change, (slopes * direction).flatten(clean.ndim).sum(-1))
    torch.testing.assert_close(gradient, model.layer_gradient(clean, squared_first))
    for result in (gradient, change):
        assert not result.requires_grad
        assert forward_ad.unpack_dual(result).tangent is None  # type: ignore[no-untyped-call]


def test_the_layers_gradient_is_that_of_each_image_alone() -> None:
    model, clean = smooth_classifier(), images(6, 9).double()
    for i in range(2):
        features, logits = model.features_and_logits(clean[i : i + 1])
        (expected,) = torch.autograd.grad(squared_first(logits), features)
        torch.testing.assert_close(model.layer_gradient(clean, squared_first)[i : i + 1], expected)


def test_the_change_below_fused_attention_is_that_of_finite_differences() -> None:
    torch.manual_seed(0)
    network: Any = timm.create_model("vit_tiny_patch16_224", img_size=16, patch_size=8, depth=2, num_classes=5)
    assert network.blocks[0].attn.fused_attn
    model = Classifier(network, mean=MEAN, std=STD, layer="blocks.0").double().eval()
    clean = images(16, 16).double()
    direction = torch.randn(clean.shape, dtype=torch.float64, generator=torch.Generator().manual_seed(1))
    _, change = model.layer_gradient_and_change(clean, direction, squared_first)
    step = 1e-5
    with torch.no_grad():
        ahead, behind = (model.features(clean + sign * step * direction) for sign in (1, -1))
    torch.testing.assert_close(change, (ahead - behind) / (2 * step), rtol=1e-6, atol=1e-8)


def test_a_failure_ends_forward_mode_differentiation() -> None:
    """Else the next would be nested in it, which torch refuses."""
    model, clean = smooth_classifier(), images(6, 9).double()

    def fail(logits: Tensor) -> Tensor:
        raise KeyError

    with pytest.raises(KeyError):
        model.layer_gradient_and_change(clean, clean, fail)
    model.layer_gradient_and_change(clean, clean, squared_first)


def mixed() -> tuple[Classifier, list[bool], list[bool]]:
    """A classifier whose modules and parameters are in different states, and those states."""
    model = classifier().train()
    model.network.get_submodule("1").eval()
    model.network.get_parameter("0.bias").requires_grad_(False)
    return model, modes(model), trainable(model)


def modes(model: nn.Module) -> list[bool]:
    return [module.training for module in model.modules()]


def trainable(model: nn.Module) -> list[bool]:
    return [parameter.requires_grad for parameter in model.parameters()]


def test_frozen_evaluates_without_parameter_gradients() -> None:
    model, *_ = mixed()
    with frozen(model):
        assert not any(modes(model))
        assert not any(trainable(model))


def test_frozen_restores_every_module_and_parameter() -> None:
    model, modes_before, trainable_before = mixed()
    assert len(set(modes_before)) == len(set(trainable_before)) == 2
    with frozen(model):
        pass
    assert (modes(model), trainable(model)) == (modes_before, trainable_before)


def test_frozen_restores_after_an_exception() -> None:
    model, modes_before, trainable_before = mixed()
    with pytest.raises(KeyError), frozen(model):
        raise KeyError
    assert (modes(model), trainable(model)) == (modes_before, trainable_before)


@pytest.mark.parametrize("objective", [CrossEntropy(), NeuronAttribution(path_points=2)])
def test_an_attack_leaves_no_gradients_modes_or_statistics_behind(objective: Objective) -> None:
    model, modes_before, trainable_before = mixed()
    state = {key: value.clone() for key, value in model.state_dict().items()}
    attack = Attack(objective=objective, update=Momentum(), budget=Budget(steps=2))
    attack(model, images(8, 8), torch.tensor([0, 3]), SeededDraws(0, [0, 1]))
    assert all(parameter.grad is None for parameter in model.parameters())
    assert (modes(model), trainable(model)) == (modes_before, trainable_before)
    assert all(torch.equal(value, state[key]) for key, value in model.state_dict().items())
