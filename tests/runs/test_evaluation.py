"""Targets are asked one after another, and one that fails does not take the others down."""

import logging
import math
import weakref
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

import pytest
import torch
from torch import Tensor, nn

from naa_lightning.data import ImageRecord, LabelledImages
from naa_lightning.exceptions import UserError
from naa_lightning.image_file import encode_png
from naa_lightning.models import ModelSource
from naa_lightning.models.defences import BitDepth, Defence, InputDefence, Predict
from naa_lightning.models.predicted_classes import ABSTAINED, INVALID, PredictedClasses
from naa_lightning.models.target import Target
from naa_lightning.records import SavedPairs
from naa_lightning.rng import Draws
from naa_lightning.runs.stages.evaluation import Evaluation, evaluate
from naa_lightning.runs.stages.reading import LoadedPairs
from tests.runs.cases import context, saved_pairs

BRIGHT, DARK = 200, 30


class Model(nn.Module):
    """Calls a function."""

    def __init__(self, logits: Callable[[Tensor], Tensor]) -> None:
        super().__init__()
        self.logits = logits

    def forward(self, images: Tensor) -> Tensor:
        return self.logits(images)


def brightness(images: Tensor) -> Tensor:
    """Class 1 for bright images, class 0 for dark ones."""
    mean = images.mean(dim=(1, 2, 3))
    return torch.stack([0.5 - mean, mean - 0.5], dim=1)


@dataclass(frozen=True, kw_only=True)
class Source(ModelSource):
    logits: Callable[[Tensor], Tensor] = brightness
    num_classes: int = 2
    built: list["weakref.ref[nn.Module]"] = field(default_factory=list, compare=False)

    def check(self) -> None: ...

    def build(self) -> nn.Module:
        assert all(reference() is None for reference in self.built), "an earlier model is still in memory"
        model = Model(self.logits)
        self.built.append(weakref.ref(model))
        return model


class Broken(Source):
    def build(self) -> nn.Module:
        raise UserError("net.onnx cannot be read")


@pytest.fixture
def pairs(tmp_path: Path) -> SavedPairs:
    def image(record: ImageRecord, *, clean: bool) -> torch.Tensor:
        bright = (record.label == 1) == (clean or record.id == 2)  # image 2 stays what it was
        return torch.full((3, 4, 4), BRIGHT if bright else DARK, dtype=torch.uint8)

    records = [ImageRecord(number, f"{number}.png", number % 2) for number in range(5)]
    clean = LabelledImages(records, lambda record: image(record, clean=True))
    return saved_pairs(tmp_path, clean, [image(record, clean=False) for record in records])


def evaluated(pairs: SavedPairs, *targets: Target, seed: int = 0, batch_size: int = 2) -> Evaluation:
    return evaluate(context(*targets, seed=seed, batch_size=batch_size), LoadedPairs(pairs, num_workers=0))


def test_predictions_on_clean_images_and_reloaded_files(pairs: SavedPairs) -> None:
    rows = evaluated(pairs, Target(source=Source(name="brightness"))).predictions
    assert [row.id for row in rows] == [0, 1, 2, 3, 4]
    assert [row.clean_prediction for row in rows] == [0, 1, 0, 1, 0]
    assert [row.adversarial_prediction for row in rows] == [1, 0, 0, 0, 1]
    logit = 2 * (BRIGHT / 255 - 0.5)
    assert rows[1].clean_confidence == pytest.approx(1 / (1 + torch.tensor(-logit).exp().item()))


def test_one_model_is_in_memory_at_a_time_and_built_once(pairs: SavedPairs) -> None:
    built: list[weakref.ref[nn.Module]] = []
    a, b = (Source(name=name, built=built) for name in "ab")  # `build` fails where an earlier model is still there
    evaluation = evaluated(
        pairs, Target(source=a), Target(source=a, defences={"bits": BitDepth(bits=8)}), Target(source=b)
    )
    assert list(dict.fromkeys(row.target for row in evaluation.predictions)) == ["a", "a+bits", "b"]
    assert not evaluation.failed
    assert len(built) == 2


def raising(images: Tensor) -> Tensor:
    raise ZeroDivisionError("by zero")


def too_many(images: Tensor) -> Tensor:
    return images.new_zeros(len(images), 10)


@pytest.mark.parametrize(
    ("source", "reason"),
    [
        (Broken(name="broken"), "net.onnx cannot be read"),
        (Source(name="broken", logits=raising), "ZeroDivisionError: by zero"),
        (
            Source(name="broken", logits=too_many),
            "broken gives logits of shape (2, 10), expected (2, 2): correct broken.num_classes",
        ),
        (
            Source(name="broken", logits=lambda images: brightness(images) * math.nan),
            "its logits are numbers for no image",
        ),
    ],
)
def test_a_target_that_fails_is_named_and_passed_over(
    pairs: SavedPairs, source: ModelSource, reason: str, caplog: pytest.LogCaptureFixture
) -> None:
    broken = [Target(source=source), Target(source=source, defences={"bits": BitDepth(bits=8)})]
    with caplog.at_level(logging.WARNING):
        evaluation = evaluated(pairs, Target(source=Source(name="a")), *broken, Target(source=Source(name="b")))
    assert evaluation.failed["broken"] == reason
    assert list(evaluation.failed) == ["broken", "broken+bits"]
    assert {row.target for row in evaluation.predictions} == {"a", "b"}
    assert f"broken failed: {reason}" in caplog.text


def test_a_run_without_any_target_left_ends(pairs: SavedPairs) -> None:
    with pytest.raises(UserError, match=r"no target could be asked \(broken: net\.onnx cannot be read\)"):
        evaluated(pairs, Target(source=Broken(name="broken")))


def test_images_without_an_answer_are_kept_apart(pairs: SavedPairs) -> None:
    def dark_only(images: Tensor) -> Tensor:
        return brightness(images).where(images.mean((1, 2, 3), keepdim=False)[:, None] < 0.5, math.nan)

    evaluation = evaluated(pairs, Target(source=Source(name="a", logits=dark_only)))
    assert [row.clean_prediction for row in evaluation.predictions] == [0, INVALID, 0, INVALID, 0]
    assert [row.adversarial_prediction for row in evaluation.predictions] == [INVALID, 0, 0, 0, INVALID]
    assert [row.adversarial_confidence > 0.5 for row in evaluation.predictions] == [False, True, True, True, False]
    assert not any(row.success for row in evaluation.predictions)


class Flickering(InputDefence):
    """Inverts an image for half of the draws."""

    repeats = 40

    def transform(self, images: Tensor, draws: Draws, index: int) -> Tensor:
        invert = draws.uniform("flicker", index, images[:, 0, 0, 0]) < 0.5
        return torch.where(invert[:, None, None, None], 1 - images, images)


def test_random_defences_draw_per_image_and_repeat_alike_for_both_images(pairs: SavedPairs) -> None:
    target = Target(source=Source(name="a"), defences={"flicker": Flickering()})
    rows = evaluated(pairs, target).predictions
    assert [(row.repeat, row.id) for row in rows] == [(repeat, image) for repeat in range(40) for image in range(5)]
    inverted = [row.clean_prediction != row.label for row in rows]
    assert 0.3 < sum(inverted) / len(inverted) < 0.7
    assert len({tuple(inverted[start : start + 5]) for start in range(0, 200, 5)}) > 5
    for row in rows:  # what inverts the clean image inverts the adversarial one
        same = row.id == 2
        assert (row.clean_prediction == row.adversarial_prediction) == same
    assert evaluated(pairs, target, batch_size=5).predictions == rows
    assert evaluated(pairs, target, seed=1).predictions != rows


class Silent(Defence):
    def predict(self, model: Predict, images: Tensor, draws: Draws, index: int) -> PredictedClasses:
        return PredictedClasses(torch.full((len(images),), ABSTAINED), torch.zeros(len(images)))


def test_a_defence_that_always_abstains_is_no_failure(pairs: SavedPairs) -> None:
    evaluation = evaluated(pairs, Target(source=Source(name="a"), defences={"silent": Silent()}))
    assert {row.adversarial_prediction for row in evaluation.predictions} == {ABSTAINED}
    assert not evaluation.failed


def test_pairs_of_different_sizes_fail_by_name(pairs: SavedPairs, tmp_path: Path) -> None:
    (tmp_path / "3.png").write_bytes(encode_png(torch.zeros(3, 5, 6, dtype=torch.uint8)))
    with pytest.raises(UserError, match=r"3\.png is 6x5, its clean image 3\.png is 4x4: bring them to one size"):
        evaluated(pairs, Target(source=Source(name="a")))


def test_batches_of_images_of_different_sizes_are_refused(tmp_path: Path) -> None:
    def image(record: ImageRecord) -> Tensor:
        return torch.zeros(3, 4 + record.id, 4, dtype=torch.uint8)

    records = [ImageRecord(number, f"{number}.png", 0) for number in range(2)]
    different = saved_pairs(tmp_path, LabelledImages(records, image), [image(record) for record in records])
    with pytest.raises(UserError, match=r"images differ in size: 0\.png is 4x4, 1\.png is 4x5; .*data\.batch_size=1"):
        evaluated(different, Target(source=Source(name="a")))
    assert not evaluated(different, Target(source=Source(name="a")), batch_size=1).failed
