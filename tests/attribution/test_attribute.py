import copy
from typing import Any

import pytest
import torch
from torch import Tensor, nn

from naa_lightning.attribution import Attribution, Method, attribute, class_logit
from naa_lightning.models import Classifier
from naa_lightning.rng import SeededDraws
from tests.attribution.cases import CLASSES, DRAWS, METHODS, asked
from tests.attribution.conftest import classifier

PASSES = pytest.mark.parametrize("size", [None, 3])
ALL = pytest.mark.parametrize("method", METHODS.values(), ids=METHODS)


def test_all_methods_attribute_to_the_layers_neurons(smooth: Classifier, images: Tensor) -> None:
    neurons = smooth.features(images).shape
    found = {name: asked(method, smooth, images).values for name, method in METHODS.items()}
    for name, values in found.items():
        assert values.shape == neurons
        for other, others in found.items():
            assert torch.equal(values, others) == (name == other)


@ALL
def test_all_methods_are_methods(method: Method) -> None:
    assert isinstance(method, Method)


@ALL
def test_attribution_belongs_to_the_image(method: Method, smooth: Classifier, images: Tensor) -> None:
    together = asked(method, smooth, images)
    for i in range(2):
        alone = attribute(method, smooth, images[i : i + 1], CLASSES[i : i + 1], SeededDraws(0, [i]))
        torch.testing.assert_close(alone.values[0], together.values[i])
        torch.testing.assert_close(alone.explained[0], together.explained[i])


@ALL
def test_as_many_gradients_are_taken_as_said(method: Method, smooth: Classifier, images: Tensor) -> None:
    taken: list[int] = []
    head = smooth.network.get_submodule("5")
    head.register_forward_hook(lambda _, inputs, __: taken.append(len(inputs[0])) if inputs[0].requires_grad else None)
    asked(method, smooth, images)
    assert sum(taken) == method.gradient_evaluations * len(images)


class Stateful(nn.Module):
    """Holds and does what a pass might leave changed."""

    def __init__(self) -> None:
        super().__init__()
        self.below = nn.Sequential(nn.Conv2d(3, 4, 3), nn.BatchNorm2d(4), nn.Dropout(0.5))
        self.layer = nn.Conv2d(4, 4, 3)
        self.above = nn.Sequential(nn.ReLU(inplace=True), nn.Dropout(0.5), nn.Flatten(), nn.Linear(16, 5))
        self.fails_in: int | None = None

    def forward(self, images: Tensor) -> Tensor:
        features = self.layer(self.below(images))
        if self.fails_in is not None:
            self.fails_in -= 1
            if self.fails_in < 0:
                raise RuntimeError("above the layer")
        logits: Tensor = self.above(features)
        return logits


@pytest.fixture
def stateful() -> Classifier:
    """In training mode but for a part, and trainable but for a parameter."""
    torch.manual_seed(0)
    network = Stateful()
    network.above.eval()
    network.layer.requires_grad_(False)
    return Classifier(network, mean=[0.5] * 3, std=[0.5] * 3, layer="layer").double()


def state(surrogate: Classifier) -> dict[str, Any]:
    """All that attribution might change, of the network and of torch."""
    return {
        "training": [module.training for module in surrogate.modules()],
        "trainable": [parameter.requires_grad for parameter in surrogate.parameters()],
        "gradients": [parameter.grad for parameter in surrogate.parameters()],
        "buffers": [buffer.tolist() for buffer in surrogate.buffers()],
        "weights": [parameter.tolist() for parameter in surrogate.parameters()],
        "hooks": [len(module._forward_hooks) + len(module._forward_pre_hooks) for module in surrogate.modules()],
        "enabled": torch.is_grad_enabled(),
        "attention": torch._C._get_flash_sdp_enabled(),
    }


@PASSES
@ALL
def test_nothing_is_left_changed(method: Method, size: int | None, stateful: Classifier, images: Tensor) -> None:
    before = state(stateful)
    assert len(set(before["training"])) == len(set(before["trainable"])) == 2
    found = asked(method, stateful, images, images_per_pass=size)
    assert state(stateful) == before
    for tensor in vars(found).values():
        assert not tensor.requires_grad
        assert torch.autograd.forward_ad.unpack_dual(tensor).tangent is None  # type: ignore[no-untyped-call]
    evaluated = copy.deepcopy(stateful).eval().requires_grad_(False)
    assert torch.equal(asked(method, evaluated, images, images_per_pass=size).values, found.values)


@pytest.mark.parametrize("enabled", [True, False])
@pytest.mark.parametrize("fails_in", [0, 1])
@PASSES
@ALL
def test_nothing_is_left_changed_when_the_network_fails(
    method: Method, size: int | None, fails_in: int, enabled: bool, stateful: Classifier, images: Tensor
) -> None:
    network = stateful.network
    assert isinstance(network, Stateful)
    with torch.set_grad_enabled(enabled):
        before, found = state(stateful), asked(method, stateful, images, images_per_pass=size)
        network.fails_in = fails_in
        with pytest.raises(RuntimeError, match="above the layer"):
            asked(method, stateful, images, images_per_pass=size)
        assert state(stateful) == before
        network.fails_in = None
        assert torch.equal(asked(method, stateful, images, images_per_pass=size).values, found.values)


@PASSES
@ALL
def test_the_callers_gradient_mode_does_not_matter(
    method: Method, size: int | None, smooth: Classifier, images: Tensor
) -> None:
    found = asked(method, smooth, images, images_per_pass=size)
    with torch.no_grad():
        without = asked(method, smooth, images, images_per_pass=size)
        assert not torch.is_grad_enabled()
    with_graph = asked(method, smooth, images.clone().requires_grad_(), images_per_pass=size)
    for other in (without, with_graph):
        assert torch.equal(other.values, found.values)
        assert torch.equal(other.explained, found.explained)
        assert not other.values.requires_grad
        assert not other.explained.requires_grad


@ALL
def test_attribution_is_as_precise_as_the_images_under_autocast(
    method: Method, smooth: Classifier, images: Tensor
) -> None:
    surrogate, images = smooth.float(), images.float()
    plain = asked(method, surrogate, images).values
    with torch.autocast("cpu", torch.bfloat16):
        found = asked(method, surrogate, images).values
    assert found.dtype == torch.float32
    assert 1e-5 < (found - plain).norm() / plain.norm() < 0.2


@ALL
def test_images_in_another_memory_format(method: Method, smooth: Classifier, images: Tensor) -> None:
    expected = asked(method, smooth, images).values
    found = asked(method, smooth, images.contiguous(memory_format=torch.channels_last)).values
    torch.testing.assert_close(found, expected)


@pytest.mark.parametrize(
    ("images", "classes", "message"),
    [
        (torch.zeros(2, 3, 6, 6) - 0.01, CLASSES, r"expected images in \[0, 1\], got \[-0\.01, -0\.01\]"),
        (torch.zeros(2, 3, 6, 6) + 255, CLASSES, r"expected images in \[0, 1\], got \[255, 255\]"),
        (torch.full((2, 3, 6, 6), torch.nan), CLASSES, r"expected images in \[0, 1\]"),
        (torch.zeros(2, 1, 6, 6), CLASSES, r"expected float images of shape \(B, 3, H, W\)"),
        (torch.zeros(3, 6, 6), CLASSES, r"expected float images of shape \(B, 3, H, W\)"),
        (torch.zeros(2, 3, 6, 6, dtype=torch.uint8), CLASSES, r"expected float images .* got torch\.uint8"),
        (torch.zeros(2, 3, 6, 6), CLASSES[:1], r"expected labels of shape \(2,\), got \(1,\)"),
        (torch.zeros(2, 3, 6, 6), CLASSES[:, None], r"expected labels of shape \(2,\), got \(2, 1\)"),
        (torch.zeros(2, 3, 6, 6), torch.tensor(1), r"expected labels of shape \(2,\), got \(\)"),
    ],
)
@ALL
def test_bad_images_and_classes_are_refused(
    method: Method, images: Tensor, classes: Tensor, message: str, smooth: Classifier
) -> None:
    with pytest.raises(ValueError, match=message):
        attribute(method, smooth, images, classes, DRAWS)


@pytest.mark.parametrize("count", [0, -1])
def test_at_least_one_baseline_is_needed(count: int, smooth: Classifier, images: Tensor) -> None:
    with pytest.raises(ValueError, match=f"expected at least 1 baseline, got {count}"):
        asked(METHODS["conductance"], smooth, images, baselines=count)


@ALL
def test_a_surrogate_without_a_layer_is_refused(method: Method, smooth: Classifier, images: Tensor) -> None:
    for layer, message in ((None, "names no attacked layer: give `layer`"), (["0", "2"], "attacked layer, got 0, 2")):
        surrogate = Classifier(smooth.network, mean=[0.5] * 3, std=[0.5] * 3, layer=layer).double()
        with pytest.raises(ValueError, match=message):
            asked(method, surrogate, images)


class Runs(nn.Module):
    """Runs its layer a number of times."""

    def __init__(self, times: int) -> None:
        super().__init__()
        self.times = times
        self.layer = nn.Conv2d(3, 3, 1)

    def forward(self, images: Tensor) -> Tensor:
        for _ in range(self.times):
            images = self.layer(images)
        return images.flatten(1)[:, :5]


@pytest.mark.parametrize("times", [0, 2])
@ALL
def test_a_layer_that_does_not_run_once_is_refused(method: Method, times: int, images: Tensor) -> None:
    surrogate = classifier(Runs(times), layer="0.layer")
    with pytest.raises(ValueError, match=f"must run once in a forward pass, it ran {times} times"):
        asked(method, surrogate, images, output=class_logit)


def test_what_is_returned(smooth: Classifier, images: Tensor) -> None:
    found = asked(METHODS["conductance"], smooth, images)
    assert isinstance(found, Attribution)
    assert found.explained.shape == (2,)


@ALL
def test_lists_any_float_type_and_no_draws_are_taken(method: Method, smooth: Classifier, images: Tensor) -> None:
    half = images.half()
    given = attribute(method, smooth, list(half), CLASSES.tolist())
    expected = attribute(method, smooth, half.float(), CLASSES, SeededDraws(0, range(len(images))))
    assert torch.equal(given.values, expected.values)
    assert torch.equal(given.explained, expected.explained)


def test_a_plain_network_must_say_what_it_expects(smooth: Classifier, images: Tensor) -> None:
    with pytest.raises(ValueError, match="give its `mean` and `std`"):
        attribute(METHODS["conductance"], smooth.network, images, CLASSES)
