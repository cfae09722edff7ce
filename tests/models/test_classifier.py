import pytest
import torch
import torchvision.transforms.functional as tv
from torch import Tensor, nn

from naa_lightning.attacks import Attack, Budget, CrossEntropy, Momentum, NeuronAttribution, Objective
from naa_lightning.draws import SeededDraws
from naa_lightning.models import Classifier, frozen

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
        nn.Identity(),
        mean=[0.0] * 3,
        std=[1.0] * 3,
        input_size=(7, 5),
        interpolation=interpolation,
        antialias=antialias,
    )
    clean = images(16, 24)
    resized = tv.resize(clean, [7, 5], tv.InterpolationMode(interpolation), antialias=antialias)
    torch.testing.assert_close(model(clean), resized)


def test_nearest_repeats_pixels() -> None:
    model = Classifier(nn.Identity(), mean=[0.0] * 3, std=[1.0] * 3, input_size=(8, 6), interpolation="nearest")
    clean = images(4, 3)
    assert torch.equal(model(clean), clean.repeat_interleave(2, dim=2).repeat_interleave(2, dim=3))


@pytest.mark.parametrize("input_size", [(16, 24), None])
def test_images_of_the_networks_size_are_not_resized(input_size: tuple[int, int] | None) -> None:
    model = Classifier(nn.Identity(), mean=[0.0] * 3, std=[1.0] * 3, input_size=input_size)
    assert torch.equal(model(images(16, 24)), images(16, 24))


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
