"""Rates counted by hand, and the table that they print as."""

import weakref
from typing import Any
from unittest.mock import Mock

import pytest
import timm
import torch
from scipy.stats import binomtest
from torch import Tensor, nn

from naa_lightning.library import transfer as transfer_module
from naa_lightning.library.transfer import transfer
from naa_lightning.metrics import Rate
from naa_lightning.models import Classifier, ClassifierSource

LABELS = [0, 1, 2, 1, 1]
CLEAN = [0, 1, 2, 0, 1]
ADVERSARIAL = [1, 1, 0, 2, 1]


class StrongestColour(nn.Module):
    """Says which of red, green and blue is strongest, counted from a first one; remembers how it was asked."""

    def __init__(self, shift: int = 0) -> None:
        super().__init__()
        self.shift = shift
        self.dropout = nn.Dropout()
        self.weight = nn.Parameter(torch.ones(()))
        self.asked: list[tuple[int, bool, bool]] = []

    def forward(self, images: Tensor) -> Tensor:
        logits: Tensor = (self.weight * self.dropout(images).mean((2, 3))).roll(self.shift, 1)
        self.asked.append((len(images), self.training, logits.requires_grad))
        return logits


class NoNumbersForRed(StrongestColour):
    def forward(self, images: Tensor) -> Tensor:
        logits = super().forward(images)
        return logits.where(logits.argmax(1, keepdim=True) != 0, torch.nan)


def classifier(network: nn.Module) -> Classifier:
    return Classifier(network, mean=[0.0] * 3, std=[1.0] * 3)


def colours(classes: list[int]) -> Tensor:
    """Images that are red, green or blue throughout."""
    return torch.eye(3)[classes][:, :, None, None].expand(-1, -1, 4, 4).contiguous()


def rates(*models: Any, **options: Any) -> Any:
    return transfer(colours(CLEAN), colours(ADVERSARIAL), LABELS, **{"on": list(models), **options})


def test_rates_are_those_counted_by_hand_with_scipys_interval() -> None:
    found = rates(classifier(StrongestColour()))["StrongestColour"]
    assert found.clean_accuracy == Rate(4, 5)  # all but the fourth
    assert found.fooling_rate == Rate(3, 5)  # the first, third and fourth change
    assert found.error_rate == Rate(3, 5)  # and are no label then
    assert found.success_rate == Rate(2, 4)  # of which the fourth was wrong before
    assert found.target_rate == Rate(0, 0)
    expected = binomtest(2, 4).proportion_ci(confidence_level=0.95, method="wilson")
    assert found.success_rate.interval == pytest.approx((expected.low, expected.high), abs=1e-12)


def test_a_targeted_attack_is_told_by_its_target_classes() -> None:
    found = rates(classifier(StrongestColour()), target_classes=torch.tensor([1, 2, 1, 2, 0]))
    assert found["StrongestColour"].target_rate == Rate(2, 5)
    assert str(found).splitlines()[0].split() == ["target", "clean", "success", "target", "hit", "95", "%"]
    low, high = binomtest(2, 5).proportion_ci(confidence_level=0.95, method="wilson")
    rates_and_interval = ["80.0", "50.0", "40.0", f"{100 * low:.1f}", "to", f"{100 * high:.1f}"]
    assert str(found).splitlines()[1].split()[1:] == rates_and_interval


def test_no_answer_counts_for_no_rate() -> None:
    found = rates(classifier(NoNumbersForRed()))["NoNumbersForRed"]
    assert found.clean_accuracy == Rate(3, 5)  # the first image has no answer, either
    assert found.success_rate == Rate(0, 3)  # the third has none when adversarial
    assert found.error_rate == Rate(2, 5)
    assert found.fooling_rate == Rate(0, 5)


@pytest.mark.parametrize("batch_size", [1, 2, 5, 32])
def test_models_are_asked_in_batches_without_gradients_and_left_as_they_were(batch_size: int) -> None:
    model = classifier(network := StrongestColour()).train()
    found = rates(model, batch_size=batch_size)
    assert found == rates(classifier(StrongestColour()))
    parts = [min(batch_size, 5 - begun) for begun in range(0, 5, batch_size)]
    assert network.asked[-2 * len(parts) :] == [(part, False, False) for part in parts + parts]
    assert model.training
    assert network.dropout.training
    assert network.weight.requires_grad
    assert network.weight.grad is None


def test_images_may_be_a_list_of_any_float_type_and_labels_a_list_or_tensor() -> None:
    model = classifier(StrongestColour())
    expected = rates(model)
    for kind in (torch.float64, torch.float16):
        clean, adversarial = (list(colours(part).to(kind)) for part in (CLEAN, ADVERSARIAL))
        assert transfer(clean, adversarial, torch.tensor(LABELS), on=model) == expected


def test_models_are_called_by_their_own_names_or_by_given_ones() -> None:
    network = timm.create_model("mobilenetv3_small_050", pretrained=False).eval()
    assert list(rates(network, classifier(StrongestColour()))) == ["mobilenetv3_small_050", "StrongestColour"]
    both = {"mine": classifier(StrongestColour()), "other": classifier(StrongestColour(shift=1))}
    found = rates(on=both)
    assert list(found) == ["mine", "other"]
    assert found["mine"] != found["other"]
    assert found["other"].clean_accuracy == Rate(1, 5)  # the fourth: red is taken for green


def test_models_given_by_name_are_in_memory_one_at_a_time(monkeypatch: pytest.MonkeyPatch) -> None:
    loaded: list[weakref.ref[Classifier]] = []

    def load(name: str) -> Classifier:
        assert not any(model() for model in loaded), f"{name} is loaded while another one is in memory"
        model = classifier(StrongestColour(shift=int(name)))
        loaded.append(weakref.ref(model))
        return model

    def find_source(name: str) -> Mock:
        return Mock(spec=ClassifierSource, build=lambda: load(name))

    monkeypatch.setattr(transfer_module, "find_source", find_source)
    found = rates("0", "1", "2")
    assert [found[name].clean_accuracy.count for name in ("0", "1", "2")] == [4, 1, 0]


def test_an_unknown_name_is_told_before_any_model_is_asked() -> None:
    asked = classifier(StrongestColour())
    asked.register_forward_hook(lambda *_: pytest.fail("a model was asked"))
    with pytest.raises(ValueError, match="has a model 'resnet5O': close are resnet50"):
        rates(on=[asked, "resnet5O"])


def test_a_model_is_asked_once_for_either_images_and_once_how_many_classes_there_are() -> None:
    network = StrongestColour()
    rates(classifier(network))
    assert [images for images, *_ in network.asked] == [1, 5, 5]


def test_the_table_is_aligned_and_ends_with_means_of_models_that_have_a_rate() -> None:
    names = {"a": classifier(StrongestColour()), "never right": classifier(StrongestColour(shift=2))}
    lines = str(rates(on=names)).splitlines()
    low, high = binomtest(2, 4).proportion_ci(confidence_level=0.95, method="wilson")
    assert [line.split() for line in lines[:3]] == [
        ["target", "clean", "fooling", "error", "success", "95", "%"],
        ["a", "80.0", "60.0", "60.0", "50.0", f"{100 * low:.1f}", "to", f"{100 * high:.1f}"],
        ["never", "right", "0.0", "60.0", "40.0", "-", "-"],
    ]
    assert lines[3].split() == ["mean", "of", "2", "40.0", "60.0", "50.0", "50.0"]
    for column in ("clean", "fooling", "error", "success"):
        end = lines[0].index(column) + len(column)
        assert all(line[end - 1] in "0-" and line[end : end + 2].strip() == "" for line in lines[1:4])
    assert not any(line.endswith(" ") for line in lines)
    assert lines[4].startswith("5 images, rates in %")
    assert "mean" not in str(rates(on={"a": classifier(StrongestColour())}))


def test_a_notebook_gets_the_same_cells_and_no_markup_of_names() -> None:
    found = rates(on={"<b>bold</b> & co": classifier(StrongestColour())})
    page = found._repr_html_()
    assert "&lt;b&gt;bold&lt;/b&gt; &amp; co" in page
    assert "<b>" not in page
    for cell in ("80.0", "60.0", "50.0", "15.0 to 85.0"):
        assert f"<td>{cell}</td>" in page
        assert cell in str(found)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"on": []}, "expected at least one model in `on`, got none"),
        ({"on": {}}, "expected at least one model in `on`, got none"),
        ({"on": [classifier(StrongestColour()), classifier(StrongestColour())]}, "got StrongestColour twice"),
        ({"on": ["resnet18", "resnet18"]}, "got resnet18 twice"),
        ({"labels": [0, 1, 2, 1, 3]}, "StrongestColour: expected labels from 0 to 2, got 3"),
        ({"labels": [0, 1, 2, 1, -1]}, "got -1"),
        ({"labels": [0, 1]}, "expected labels of shape"),
        ({"adversarial": colours([0, 1])}, r"clean ones' shape \(5, 3, 4, 4\), got \(2, 3, 4, 4\)"),
        ({"adversarial": torch.zeros(5, 3, 8, 8)}, r"got \(5, 3, 8, 8\)"),
        ({"adversarial": 255 * colours(ADVERSARIAL)}, r"expected images in \[0, 1\]"),
        ({"images": colours([]), "adversarial": colours([]), "labels": []}, "expected float images"),
        ({"target_classes": [0, 1, 2, 1, 7]}, "target_classes: expected .* from 0 to 2, got 7"),
        ({"on": None}, "NoneType: expected a network as a torch.nn.Module, got NoneType"),
        ({"images": None}, "expected float images"),
        ({"batch_size": 0}, "batch_size must be an integer of at least 1, got 0"),
    ],
    ids=str,
)
def test_what_cannot_be_tried_is_told_in_one_sentence(options: dict[str, Any], message: str) -> None:
    given: dict[str, Any] = {"images": colours(CLEAN), "adversarial": colours(ADVERSARIAL), "labels": LABELS}
    with pytest.raises(ValueError, match=message) as error:
        transfer(**{**given, "on": classifier(StrongestColour()), **options})
    assert "\n" not in str(error.value)
