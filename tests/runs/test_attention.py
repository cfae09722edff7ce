"""Where targets look, asked one after another."""

import logging
import weakref
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

import pytest
import torch
from torch import Tensor, nn

from naa_lightning.attribution.attention import attention
from naa_lightning.data import ImageRecord, LabelledImages
from naa_lightning.models import Classifier, ClassifierSource
from naa_lightning.models.small import residual
from naa_lightning.modules.attention import AttentionModule
from naa_lightning.records import SavedPairs
from naa_lightning.runs.stages.attention import attention_of
from tests.runs.cases import context, saved_pairs


def small() -> nn.Module:
    torch.manual_seed(0)
    network = residual(10)
    network.get_submodule("head.2").bias.data.zero_()  # type: ignore[operator]
    return network


def without_places() -> nn.Module:
    return nn.Sequential(nn.Flatten(), nn.Linear(3 * 32 * 32, 10))


@dataclass(frozen=True, kw_only=True)
class Source(ClassifierSource):
    make: Callable[[], nn.Module] = small
    built: list["weakref.ref[Classifier]"] = field(default_factory=list)

    def check(self) -> None: ...

    def loaded_network(self) -> nn.Module:
        return self.make()

    def build(self) -> Classifier:
        assert all(reference() is None for reference in self.built), "an earlier model is still in memory"
        classifier = Classifier(self.loaded_network(), mean=[0.5] * 3, std=[0.5] * 3).eval()
        self.built.append(weakref.ref(classifier))
        return classifier


def pixels(seed: int) -> Tensor:
    """Noise of some colour."""
    draws = torch.Generator().manual_seed(seed)
    return (255 * torch.rand(3, 1, 1, generator=draws) * torch.rand(3, 32, 32, generator=draws)).to(torch.uint8)


@pytest.fixture
def pairs(tmp_path: Path) -> SavedPairs:
    records = [ImageRecord(number, f"{number}.png", 0) for number in (3, 4, 8, 9, 15)]
    clean = LabelledImages(records, lambda record: pixels(record.id))
    return saved_pairs(tmp_path, clean, [pixels(100 + record.id) for record in records])


def test_attention_is_for_the_predicted_classes_by_image_id(pairs: SavedPairs) -> None:
    source = Source(name="small")
    found = attention_of(source, pairs, context().prediction_trainer, batch_size=2)
    assert list(found) == [3, 4, 8, 9, 15]
    model = Source(name="small").build()
    predicted = set()
    for number, looked in found.items():
        for seed, values in ((number, looked.clean), (100 + number, looked.adversarial)):
            image = pixels(seed)[None].float() / 255
            classes = model(image).argmax(1)
            predicted.add(int(classes))
            torch.testing.assert_close(values, attention(model, image, classes)[0])
    assert len(predicted) > 1


def test_the_module_tells_what_it_predicts_on_the_cpu(pairs: SavedPairs) -> None:
    model = Source(name="small").build()
    clean = torch.stack([pair["clean"] for pair in (pairs[0], pairs[1])])
    adversarial = torch.stack([pair["adversarial"] for pair in (pairs[0], pairs[1])])
    with torch.no_grad():
        batch = AttentionModule(model, title="").predict_step(
            {"clean": clean, "adversarial": adversarial, "id": torch.tensor([3, 4])}, 0
        )
        assert torch.equal(batch["clean_class"], model(clean).argmax(1))
        assert torch.equal(batch["adversarial_class"], model(adversarial).argmax(1))
    assert batch["id"].tolist() == [3, 4]
    found: list[Tensor] = list(batch.values())  # type: ignore[arg-type]
    assert {values.device.type for values in found} == {"cpu"}
    assert not any(values.requires_grad for values in found)


def test_attention_is_float32_whatever_the_models_precision(pairs: SavedPairs) -> None:
    module = AttentionModule(Source(name="small").build(), title="")
    image = pairs[0]["clean"][None]
    with torch.no_grad(), torch.autocast("cpu", torch.bfloat16):
        batch = module.predict_step({"clean": image, "adversarial": image, "id": torch.tensor([3])}, 0)
    assert batch["clean_attention"].dtype == batch["adversarial_attention"].dtype == torch.float32
    assert (batch["clean_attention"] > 0).any()


def test_one_model_is_in_memory_at_a_time(pairs: SavedPairs) -> None:
    built: list[weakref.ref[Classifier]] = []
    for name in "abc":  # `build` fails where an earlier model is still there
        attention_of(Source(name=name, built=built), pairs, context().prediction_trainer, batch_size=5)
    assert len(built) == 3


def test_a_model_without_places_is_left_out_with_a_warning(pairs: SavedPairs, caplog: pytest.LogCaptureFixture) -> None:
    built: list[weakref.ref[Classifier]] = []
    flat = Source(name="flat", make=without_places, built=built)
    with caplog.at_level(logging.WARNING, logger="naa_lightning.runs.stages.attention"):
        assert attention_of(flat, pairs, context().prediction_trainer, batch_size=2) == {}
    assert "flat is left out of the pictures of attention: the network has no layer" in caplog.text
    source = Source(name="small", built=built)
    assert len(attention_of(source, pairs, context().prediction_trainer, batch_size=2)) == 5
