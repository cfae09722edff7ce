"""Any network as a classifier."""

from collections import namedtuple
from dataclasses import dataclass, field
from types import SimpleNamespace
from typing import Any, NamedTuple

import numpy as np
import pytest
import timm
import torch
from torch import Tensor, nn

from naa_lightning.models import Classifier, Ensemble, as_classifier


def plain() -> nn.Sequential:
    return nn.Sequential(nn.Conv2d(3, 4, 3), nn.ReLU(), nn.AdaptiveAvgPool2d(1), nn.Flatten())


def test_a_network_of_timm_says_what_it_expects() -> None:
    network = timm.create_model("test_resnet.r160_in1k", num_classes=7)
    model = as_classifier(network)
    assert model.network is network
    published = timm.get_pretrained_cfg("test_resnet.r160_in1k")
    assert published is not None
    assert model.mean.flatten().tolist() == pytest.approx(list(published.mean))
    assert model.std.flatten().tolist() == pytest.approx(list(published.std))
    assert (model.input_size, model.num_classes, model.layers) == ((160, 160), 7, ())


def test_what_is_given_wins() -> None:
    options: dict[str, Any] = {"mean": [0.1] * 3, "std": [0.2] * 3, "input_size": [32, 24], "num_classes": 9}
    model = as_classifier(timm.create_model("test_resnet.r160_in1k"), layer=["layer1", "layer2"], **options)
    assert model.mean.flatten().tolist() == pytest.approx([0.1] * 3)
    assert model.std.flatten().tolist() == pytest.approx([0.2] * 3)
    assert (model.input_size, model.num_classes, model.layers) == ((32, 24), 9, ("layer1", "layer2"))


def test_a_configuration_as_an_object_is_read_too() -> None:
    @dataclass
    class Published:
        mean: tuple[float, ...] = (0.1, 0.2, 0.3)
        std: tuple[float, ...] = (0.4, 0.5, 0.6)
        input_size: tuple[int, ...] = (3, 16, 8)

    network = plain()
    network.default_cfg = Published()  # type: ignore[assignment]
    model = as_classifier(network)
    assert model.mean.flatten().tolist() == pytest.approx([0.1, 0.2, 0.3])
    assert (model.input_size, model.num_classes) == ((16, 8), None)


def test_a_classifier_is_itself_but_for_what_is_given() -> None:
    model = Classifier(plain(), mean=[0.1] * 3, std=[0.2] * 3, layer="0", input_size=(9, 9), interpolation="nearest")
    assert as_classifier(model) is model
    moved = as_classifier(model, layer="1")
    assert moved.network is model.network
    assert (model.layers, moved.layers) == (("0",), ("1",))
    images = torch.rand(2, 3, 5, 5)
    assert torch.equal(moved(images), model(images))


@pytest.mark.parametrize("options", [{}, {"mean": [0.5] * 3}, {"std": [0.5] * 3, "num_classes": 4}])
def test_mean_and_std_must_be_known(options: dict[str, Any]) -> None:
    with pytest.raises(ValueError, match=r"^nothing says what images Sequential expects: give its `mean` and `std`"):
        as_classifier(plain(), **options)


@pytest.mark.parametrize("training", [False, True])
def test_the_mode_is_kept(training: bool) -> None:
    network = plain().train(training)
    network[1].eval()
    model = as_classifier(network, mean=[0.5] * 3, std=[0.5] * 3)
    assert model.training is training
    assert [module.training for module in network.modules()][:3] == [training, training, False]


def test_an_ensemble_takes_networks_that_say_what_they_expect() -> None:
    network = timm.create_model("test_resnet.r160_in1k", num_classes=7).eval()
    images = torch.rand(1, 3, 160, 160)
    assert torch.equal(Ensemble([network])(images), as_classifier(network)(images))
    assert Ensemble([network]).num_classes == 7


class Answering(nn.Module):
    """Answers in another form than a tensor."""

    def __init__(self, network: nn.Module, form: Any) -> None:
        super().__init__()
        self.inner = network
        self.form = form

    def forward(self, inputs: Tensor) -> Any:
        return self.form(self.inner(inputs))


@dataclass
class Output:
    logits: Tensor


FORMS = [lambda x: {"loss": None, "logits": x}, Output, lambda x: (x, None), lambda x: {"classes": x}, lambda x: x]


@pytest.mark.parametrize("form", FORMS)
def test_logits_are_taken_out_of_any_answer_in_every_pass(form: Any) -> None:
    network, images = plain(), torch.rand(2, 3, 8, 8)
    options: dict[str, Any] = {"mean": [0.5] * 3, "std": [0.5] * 3}
    expected = Classifier(network, layer="1", **options)
    model = Classifier(Answering(network, form), layer="inner.1", **options)
    assert torch.equal(model(images), expected(images))
    assert torch.equal(model.features_and_logits(images)[1], expected(images))
    assert torch.equal(model.logits_with(images, lambda y: 2 * y), expected.logits_with(images, lambda y: 2 * y))

    def score(logits: Tensor) -> Tensor:
        return logits[:, 0].square()

    assert torch.equal(model.layer_gradient(images, score), expected.layer_gradient(images, score))
    direction = torch.ones_like(images)
    for ours, theirs in zip(
        model.layer_gradient_and_change(images, direction, score),
        expected.layer_gradient_and_change(images, direction, score),
        strict=True,
    ):
        assert torch.equal(ours, theirs)


@pytest.mark.parametrize(
    ("form", "got"),
    [
        (lambda x: {"logits": None}, "a dict of logits"),
        (lambda x: (x[..., None],), r"a tuple of a tensor of shape \(2, 4, 1\)"),
        (lambda x: x[:, :, None], r"a tensor of shape \(2, 4, 1\)"),
        (lambda x: None, "a NoneType"),
    ],
)
def test_an_answer_without_logits_is_refused(form: Any, got: str) -> None:
    model = Classifier(Answering(plain(), form), mean=[0.5] * 3, std=[0.5] * 3, layer="inner.1")
    message = rf"^expected a network that returns logits of shape \(B, K\), alone, as `logits`, or .*, got {got}$"
    for run in (model, model.features_and_logits):
        with pytest.raises(ValueError, match=message):
            run(torch.rand(2, 3, 8, 8))


def test_one_of_several_named_outputs_must_be_chosen() -> None:
    network = Answering(plain(), lambda x: {"out": x, "aux": -x})
    images, options = torch.rand(2, 3, 8, 8), dict[str, Any](mean=[0.5] * 3, std=[0.5] * 3, layer="inner.1")
    with pytest.raises(ValueError, match=r"^it gives out, aux: name one in `output`$"):
        Classifier(network, **options)(images)
    with pytest.raises(ValueError, match=r"^there is no output 'logits'; it gives out, aux$"):
        Classifier(network, output="logits", **options)(images)
    expected = Classifier(network.inner, mean=[0.5] * 3, std=[0.5] * 3)(images)
    for output in ("aux", 1):
        model = Classifier(network, output=output, **options)
        assert torch.equal(model(images), -expected)
        assert torch.equal(model.features_and_logits(images)[1], -expected)


class Named(NamedTuple):
    features: torch.Tensor
    scores: torch.Tensor


@dataclass
class Fields:
    features: torch.Tensor
    scores: torch.Tensor
    loss: torch.Tensor = field(default_factory=lambda: torch.zeros(()))


@dataclass(slots=True)
class Slots:
    features: torch.Tensor
    scores: torch.Tensor
    _hidden: torch.Tensor = field(default_factory=lambda: torch.zeros(2, 3))


@pytest.mark.parametrize("kind", [Named, Fields, Slots, SimpleNamespace])
def test_one_of_several_fields_must_be_chosen(kind: Any) -> None:
    network = Answering(plain(), lambda x: kind(features=-x, scores=x))
    images, options = torch.rand(2, 3, 8, 8), dict[str, Any](mean=[0.5] * 3, std=[0.5] * 3)
    expected = Classifier(network.inner, **options)(images)
    with pytest.raises(ValueError, match=r"^it gives features, scores: name one in `output`$"):
        Classifier(network, **options)(images)
    with pytest.raises(ValueError, match=r"^there is no output 'score'; it gives features, scores$"):
        Classifier(network, output="score", **options)(images)
    for output in ("scores", 1):
        assert torch.equal(Classifier(network, output=output, **options)(images), expected)


def test_the_only_field_and_that_of_the_name_logits_need_no_choice() -> None:
    pair = namedtuple("pair", "features logits")
    for form in (
        lambda x: pair(-x, x),
        lambda x: SimpleNamespace(features=-x, logits=x),
        lambda x: SimpleNamespace(scores=x, loss=x.mean()),
    ):
        network = Answering(plain(), form)
        images, options = torch.rand(2, 3, 8, 8), dict[str, Any](mean=[0.5] * 3, std=[0.5] * 3)
        assert torch.equal(Classifier(network, **options)(images), Classifier(network.inner, **options)(images))


@pytest.mark.parametrize("dtype", [torch.float64, torch.bfloat16])
def test_the_network_gets_images_in_its_own_type(dtype: torch.dtype) -> None:
    network = plain().to(dtype)
    model = Classifier(network, mean=[0.5] * 3, std=[0.5] * 3)
    images = torch.rand(2, 3, 8, 8)
    torch.testing.assert_close(model(images), network((2 * images - 1).to(dtype)))
    assert model(images.double()).dtype == dtype


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"std": [0.5, 0, 0.5]}, r"^std must be positive, got \[0\.5, 0, 0\.5\]$"),
        ({"std": [0.5, float("nan"), 0.5]}, "^std must hold 3 or 1 numbers, got "),
        ({"mean": [0.5] * 2}, r"^mean must hold 3 or 1 numbers, got \[0\.5, 0\.5\]$"),
        ({"mean": 0.5}, r"^mean must hold 3 or 1 numbers, got 0\.5$"),
        ({"mean": ["a", "b", "c"]}, "^mean must hold 3 or 1 numbers, got "),
        ({"input_size": 8}, "^input_size must hold 2 numbers, got 8$"),
        ({"input_size": [3, 8, 8]}, r"^input_size must hold 2 numbers, got \[3, 8, 8\]$"),
        ({"input_size": [-3, 8]}, r"^input_size must be positive, got \[-3, 8\]$"),
    ],
    ids=str,
)
def test_numbers_that_no_image_can_have_are_refused(options: dict[str, Any], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        as_classifier(plain(), **{"mean": [0.5] * 3, "std": [0.5] * 3, **options})


def test_what_is_no_network_is_refused() -> None:
    with pytest.raises(ValueError, match=r"^expected a network as a torch\.nn\.Module, got str$"):
        as_classifier("resnet50", mean=[0.5] * 3, std=[0.5] * 3)  # type: ignore[arg-type]


def test_numbers_may_be_whole_or_of_numpy() -> None:
    whole = as_classifier(plain(), mean=[0, 0, 0], std=np.ones(3))  # type: ignore[arg-type]
    assert (whole.mean.dtype, whole.std.dtype) == (torch.float32, torch.float32)


def test_a_tempered_classifier_stays_so() -> None:
    images = torch.rand(2, 3, 4, 4)
    tempered = as_classifier(plain(), mean=[0] * 3, std=[1] * 3).tempered(4)
    torch.testing.assert_close(as_classifier(tempered, first_class=1)(images), tempered(images)[:, 1:])
