"""However a network takes images and answers, its classifier is that of the plain network that computes the same."""

from collections.abc import Callable
from typing import Any

import pytest
import torch
from torch import Tensor, nn

from naa_lightning.models import Classifier

SIZES = (1, 2, 3, 5)


class Inner(nn.Module):
    """From values (B, channels, H, W) to logarithms of probabilities; `middle` is the attacked layer."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        torch.manual_seed(0)
        self.below = nn.Conv2d(channels, 6, 3, padding=1)
        self.middle = nn.Tanh()
        self.above = nn.Conv2d(6, 5, 3, stride=2)

    def forward(self, values: Tensor) -> Tensor:
        logits: Tensor = self.above(self.middle(self.below(values))).tanh().sum((2, 3))
        return logits.log_softmax(1)


class Around(nn.Module):
    """A network that takes and gives something else than the inner one."""

    def __init__(self, inner: nn.Module, take: Callable[[Tensor], Tensor], give: Callable[[Tensor], Any]) -> None:
        super().__init__()
        self.inner, self.take, self.give = inner, take, give
        self.asked: list[int] = []

    def forward(self, values: Tensor) -> Any:
        self.asked.append(len(values))
        return self.give(self.inner(self.take(values)))


def same(values: Any) -> Any:
    return values


def normalised(images: Tensor) -> Tensor:
    return (images - 0.4) / 0.25


def with_background(logits: Tensor) -> Tensor:
    return torch.cat([9 + logits[:, :2], logits], 1)


# How images are taken: what the inner network gets of images (B, 3, H, W) in [0, 1], and of the network's own input.
IMAGES: dict[str, tuple[Callable[[Tensor], Tensor], Callable[[Tensor], Tensor], dict[str, Any]]] = {
    "mean_and_std": (normalised, same, {"mean": [0.4] * 3, "std": [0.25] * 3}),
    "per_channel": (
        lambda images: torch.stack([(images[:, c] - c / 4) * (c + 1) for c in range(3)], 1),
        same,
        {"mean": [0, 1 / 4, 2 / 4], "std": [1, 1 / 2, 1 / 3]},
    ),
    "bgr": (
        lambda images: torch.stack([(images[:, 2 - c] - c / 4) * (c + 1) for c in range(3)], 1),
        same,
        {"channels": "bgr", "mean": [0, 1 / 4, 2 / 4], "std": [1, 1 / 2, 1 / 3]},
    ),
    "bytes": (normalised, lambda values: normalised(values / 255), {"value_range": [0, 255]}),
    "signed": (normalised, lambda values: normalised((values + 1) / 2), {"value_range": [-1, 1]}),
    "inverted": (normalised, lambda values: normalised(1 - values), {"value_range": [1, 0]}),
    "nhwc": (
        normalised,
        lambda values: values.permute(0, 3, 1, 2),
        {"layout": "nhwc", "mean": [0.4] * 3, "std": [0.25] * 3},
    ),
    "grey": (lambda images: normalised(images.sum(1, keepdim=True) / 3), same, {"mean": [0.4], "std": [0.25]}),
    "grey_nhwc_bytes": (
        lambda images: normalised(images.sum(1, keepdim=True) / 3),
        lambda values: normalised(values.permute(0, 3, 1, 2) / 255),
        {"channels": "grey", "layout": "nhwc", "value_range": [0, 255]},
    ),
    "bgr_nhwc_signed": (
        lambda images: normalised(images[:, [2, 1, 0]]),
        lambda values: normalised((values.permute(0, 3, 1, 2) + 1) / 2),
        {"channels": "bgr", "layout": "nhwc", "value_range": [-1, 1]},
    ),
}
ANSWERS: dict[str, tuple[Callable[[Tensor], Any], dict[str, Any]]] = {
    "background": (with_background, {"first_class": 2}),
    "probabilities": (lambda logits: logits.exp(), {"gives": "probabilities"}),
    "named_logits": (lambda logits: {"aux": -logits, "logits": logits}, {}),
    "by_name": (lambda logits: {"logits": -logits, "main": logits}, {"output": "main"}),
    "by_index": (lambda logits: (-logits, logits), {"output": 1}),
    "after_a_loss": (lambda logits: (logits.sum(), logits), {"output": 1}),
    "first_of_a_tuple": (lambda logits: (logits, None), {}),
    "everything": (
        lambda logits: {"main": with_background(logits).softmax(1), "logits": -logits},
        {"output": "main", "gives": "probabilities", "first_class": 2},
    ),
    "with_places": (lambda logits: logits[:, :, None, None], {}),
}
BATCHES: list[int | tuple[int, int | None] | None] = [None, 1, 3, (1, 2), (2, None), (4, 4)]


def pair(
    images: str = "mean_and_std", answer: str = "named_logits", **options: Any
) -> tuple[Classifier, Classifier, Around]:
    """The plain classifier, the one under test around the same inner network, and the latter's network."""
    seen, take, taken = IMAGES[images]
    give, given = ANSWERS[answer]
    inner = Inner(1 if images.startswith("grey") else 3).double()
    plain = Classifier(Around(inner, seen, same), mean=[0] * 3, std=[1] * 3, layer="inner.middle").double()
    network = Around(inner, take, give)
    return plain, Classifier(network, layer="inner.middle", **{**taken, **given, **options}).double(), network


def random_images(count: int) -> Tensor:
    return torch.rand(count, 3, 7, 6, dtype=torch.float64, generator=torch.Generator().manual_seed(count))


def margins(logits: Tensor) -> Tensor:
    """A score for which neither the sum of all logits nor a constant added to them counts."""
    return (logits[:, 0] - logits[:, 1]) * (logits[:, 2] - logits[:, 3])


def all_passes(model: Classifier, count: int) -> dict[str, Tensor]:
    """What a classifier gives in all its ways, and the gradients with respect to the images."""
    images = random_images(count).requires_grad_()
    weights = torch.rand(count, 6, 7, 6, dtype=torch.float64, generator=torch.Generator().manual_seed(9))
    direction = random_images(count).flip(0)

    def gradient(values: Tensor) -> Tensor:
        return torch.autograd.grad(values.sum(), images, retain_graph=True)[0]

    logits = model(images)
    features = model.features(images)
    together = model.features_and_logits(images)
    changed = model.logits_with(images, lambda output: output * weights + 0.1)
    back, change = model.layer_gradient_and_change(images.detach(), direction, margins)
    return {
        "logits": logits.log_softmax(1),
        "logits.grad": gradient(margins(logits)),
        "features": features,
        "features.grad": gradient(features * weights),
        "together.features": together[0],
        "together.logits": together[1].log_softmax(1),
        "together.grad": gradient((together[0] * weights).sum((1, 2, 3)) + margins(together[1])),
        "together.dependence": torch.autograd.grad(margins(together[1]).sum(), together[0], retain_graph=True)[0],
        "changed": changed.log_softmax(1),
        "changed.grad": gradient(margins(changed)),
        "layer_gradient": model.layer_gradient(images, margins),
        "back": back,
        "change": change,
    }


def check_alike(plain: Classifier, own: Classifier, count: int) -> None:
    expected, got = all_passes(plain, count), all_passes(own, count)
    for name, values in expected.items():
        assert values.abs().max() > 1e-3, name
    torch.testing.assert_close(got, expected, rtol=1e-5, atol=1e-6)


@pytest.mark.parametrize("images", IMAGES)
def test_images_reach_the_network_as_it_takes_them(images: str) -> None:
    plain, own, _ = pair(images)
    check_alike(plain, own, 3)


@pytest.mark.parametrize("answer", ANSWERS)
def test_logits_are_found_in_what_the_network_answers(answer: str) -> None:
    plain, own, _ = pair(answer=answer)
    check_alike(plain, own, 3)


@pytest.mark.parametrize("batch_size", BATCHES, ids=str)
@pytest.mark.parametrize("count", SIZES)
def test_a_network_is_asked_for_as_many_images_as_it_takes(
    count: int, batch_size: int | tuple[int, int | None] | None
) -> None:
    plain, own, network = pair("bgr_nhwc_signed", "everything", batch_size=batch_size)
    check_alike(plain, own, count)
    least, most = batch_size if isinstance(batch_size, tuple) else (batch_size or 1, batch_size)
    assert all(least <= size <= (most or size) for size in network.asked)


def test_a_temperature_divides_the_logits_of_passes_too() -> None:
    plain, own, _ = pair(answer="background", batch_size=2)
    check_alike(plain.tempered(3.0), own.tempered(3.0), 3)


def test_images_of_another_size_are_resized_before_all_else() -> None:
    plain, own, _ = pair("bgr_nhwc_signed", input_size=[4, 5], batch_size=2)
    small = nn.functional.interpolate(random_images(3), [4, 5], mode="bilinear")
    torch.testing.assert_close(own(random_images(3)), plain(small))


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"channels": "grey", "mean": [0.5] * 3, "std": [0.5] * 3}, "channels=grey needs mean and std of one number"),
        ({"channels": "bgr", "mean": [0.5], "std": [0.5]}, "channels=bgr needs mean and std of three numbers"),
        ({"mean": [0.5] * 3, "std": [0.5]}, "of as many channels"),
        ({"mean": [0.5] * 2, "std": [0.5] * 2}, "mean must hold 3 or 1 numbers"),
        ({"mean": [0.5] * 3}, "mean and std must be given together"),
        ({"mean": [0.5], "std": [0.5], "value_range": [0, 1]}, "not both"),
        ({"value_range": [1, 1]}, "two different numbers"),
        ({"value_range": [0, 255], "layout": "hwc"}, "layout must be one of nchw, nhwc"),
        ({"value_range": [0, 255], "channels": "gray"}, "channels must be one of rgb, bgr, grey"),
        ({}, "it is not said which numbers the network takes"),
    ],
)
def test_how_images_are_taken_must_be_said_and_make_sense(options: dict[str, Any], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        Classifier(Inner(3), **options)


@pytest.mark.parametrize(
    ("answer", "output", "message"),
    [
        ({"a": torch.zeros(3, 5), "b": torch.zeros(3, 5)}, None, "it gives a, b: name one in `output`"),
        ({"a": torch.zeros(3, 5)}, "b", "there is no output 'b'; it gives a"),
        ((torch.zeros(3, 5),), 1, "there is no output 1; it gives 0"),
        ((torch.zeros(3, 5),), -1, "there is no output -1"),
        (
            (torch.zeros(()), torch.zeros(3, 5)),
            None,
            r"got a tuple of a tensor of shape \(\), a tensor of shape \(3, 5\)",
        ),
        ({}, None, "expected a network that returns logits|there is no output"),
        (None, None, "got a NoneType"),
        ("logits", None, "got a str"),
        (torch.zeros(3), None, r"got a tensor of shape \(3,\)"),
        (torch.zeros(3, 5, 2, 2), None, r"got a tensor of shape \(3, 5, 2, 2\)"),
    ],
)
def test_an_answer_without_logits_is_told(answer: Any, output: int | str | None, message: str) -> None:
    model = Classifier(Around(nn.Identity(), same, lambda _: answer), mean=[0.5] * 3, std=[0.5] * 3, output=output)
    with pytest.raises(ValueError, match=message):
        model(random_images(3))


def test_logits_are_not_taken_for_probabilities() -> None:
    _, own, _ = pair(answer="background", gives="probabilities", first_class=0)
    with pytest.raises(ValueError, match="no probability"):
        own(random_images(2))
