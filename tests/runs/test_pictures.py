"""The pictures of a run, read back from its folder."""

import logging
from io import BytesIO
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image
from sklearn.datasets import load_sample_images
from torch import Tensor

from naa_lightning.attribution.attention import attention
from naa_lightning.attribution.overlay import attention_overlay
from naa_lightning.config.attack_experiment import compose_attack_run
from naa_lightning.data import ImageRecord, LabelledImages
from naa_lightning.data.digits import DigitsData
from naa_lightning.image_file import read_image
from naa_lightning.models import Classifier
from naa_lightning.records import PictureRow, read_pictures, read_predictions
from naa_lightning.records.pictures import picture
from naa_lightning.runs.stages.pictures import MODELS, ROOM, amplification, image_pictures, preview, shown_models
from naa_lightning.runs.stages.reading import LoadedPairs
from tests.experiments import attack, composed
from tests.report.cases import prediction
from tests.runs.cases import saved_pairs

THREE = ["clean", "adversarial", "difference"]


def pixels(row: PictureRow) -> np.ndarray:
    with Image.open(BytesIO(row.image)) as image:
        assert image.format == "WEBP"
        assert image.size == (row.width, row.height)
        return np.asarray(image.convert("RGB")).astype(int)


def loaded(folder: Path, clean: list[Tensor], adversarial: list[Tensor]) -> LoadedPairs:
    """Pairs of images, whose ids are three times their place."""
    records = [ImageRecord(3 * number, f"{number}.png", 0) for number in range(len(clean))]
    images = LabelledImages(records, lambda record: clean[record.id // 3])
    return LoadedPairs(saved_pairs(folder, images, adversarial), num_workers=0)


def noise(height: int, width: int, seed: int) -> Tensor:
    draws = torch.Generator().manual_seed(seed)
    return torch.randint(0, 256, (3, height, width), dtype=torch.uint8, generator=draws)


def test_small_images_are_kept_to_the_pixel_and_their_difference_is_amplified_around_mid_grey(tmp_path: Path) -> None:
    clean = torch.full((3, 4, 6), 100, dtype=torch.uint8)
    adversarial = clean.clone()
    adversarial[0, :, 0] += 10
    adversarial[1, 1] -= 7
    adversarial[2, 3, 3] += 120
    rows = list(image_pictures(loaded(tmp_path, [clean], [adversarial]), (), factor=8))
    assert [(row.id, row.kind, row.model, row.note) for row in rows] == [
        (0, "clean", "", ""),
        (0, "adversarial", "", ""),
        (0, "difference", "", "x 8"),
    ]
    before, after, difference = (pixels(row) for row in rows)
    assert (before == 100).all()
    assert (after.transpose(2, 0, 1) == adversarial.numpy()).all()
    expected = np.full((4, 6, 3), 128)
    expected[:, 0, 0] = 128 + 80
    expected[1, :, 1] = 128 - 56
    expected[3, 3, 2] = 255
    assert (difference == expected).all()


@pytest.mark.parametrize(
    ("largest", "factor"), [(16 / 255, 8), (8 / 255, 16), (64 / 255, 2), (0.3, 2), (1.0, 1), (0, 1)]
)
def test_the_factor_is_whole_and_the_largest_change_fills_the_range(largest: float, factor: int) -> None:
    assert amplification(largest) == factor


def test_every_image_has_its_pictures_wherever_it_is_read_from(tmp_path: Path) -> None:
    clean, adversarial = ([noise(5, 8, seed + number) for number in range(150)] for seed in (0, 1000))
    pairs = loaded(tmp_path, clean, adversarial)
    rows = list(image_pictures(pairs, (), factor=1))
    assert [row.id for row in rows] == [3 * number for number in range(150) for _ in THREE]
    assert [row.kind for row in rows] == THREE * 150
    for number in (0, 63, 64, 149):
        assert (pixels(rows[3 * number + 1]).transpose(2, 0, 1) == adversarial[number].numpy()).all()
    pairs.pairs.keep(range(0, 150, 2), num_workers=0, room=2**20)
    assert list(image_pictures(pairs, (), factor=1)) == rows


def test_featured_images_are_larger_than_those_of_the_gallery(tmp_path: Path) -> None:
    images = [noise(600, 300, 0), noise(60, 90, 1)]
    few = list(image_pictures(loaded(tmp_path, images, images), {0, 3}, factor=1))
    assert {row.id: (row.width, row.height) for row in few} == {0: (256, 512), 3: (90, 60)}
    assert preview((600, 300), images=1000).longest < 200
    assert preview((60, 90), images=10).longest == 90


def test_previews_of_many_photographs_find_room_in_one_page() -> None:
    """Also under noise, which compresses badly; the sizes of all are guessed from some."""
    kept = preview((299, 299), images=1000)
    assert 90 <= kept.longest <= 110
    draws, sizes = np.random.default_rng(0), []
    for photograph in load_sample_images().images:
        for left in range(0, 320, 80):
            clean = photograph[64:363, left : left + 299].astype(int)
            adversarial = np.clip(clean + 16 * draws.choice([-1, 1], clean.shape), 0, 255)
            for shown in (clean, adversarial, np.clip(128 + 8 * (adversarial - clean), 0, 255)):
                sizes.append(len(picture(0, "", shown.astype(np.uint8), kept).image))
    assert 0.5 * ROOM < 3 * 1000 * np.mean(sizes) < 1.2 * ROOM


@pytest.mark.parametrize(("side", "images", "longest"), [(32, 360, 32), (32, 1_500, 32), (8, 10_000, 8), (224, 5, 224)])
def test_previews_are_never_larger_than_the_image_nor_small_ones_blurred(side: int, images: int, longest: int) -> None:
    kept = preview((side, side), images)
    assert kept.longest == longest
    assert (kept.quality is None) == (side <= 64)


def test_previews_of_very_many_images_are_small_but_can_be_seen() -> None:
    assert preview((32, 32), images=50_000).longest == preview((299, 299), images=50_000).longest == 16


def test_surrogates_are_shown_first_and_then_the_fooled() -> None:
    rows = [prediction(name, adversarial=3) for name in ("right", "other", "surrogate")]
    rows += [prediction(f"fooled {number}") for number in range(4)]
    assert [row.target for row in shown_models(rows, ["surrogate"])] == [
        "surrogate",
        *(f"fooled {n}" for n in range(4)),
    ]
    assert len(rows) > MODELS
    assert [row.target for row in shown_models(rows[:3], ["surrogate"])] == ["surrogate", "right", "other"]


@pytest.fixture(scope="module")
def run(models_dir: str, tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("pictured")
    options = ["attribution.exact_images=1", "attribution.path_points=64", "report.attention_ids=[5,15]"]
    attack(folder, models_dir, *options)
    return folder


def surrogate(models_dir: str) -> Classifier:
    return compose_attack_run(composed("experiment=digits", models_dir)).white_box[0].build()


def image_pair(folder: Path, image: int) -> tuple[Tensor, Tensor]:
    """A digit and its adversarial image, (3, H, W) in [0, 1]."""
    data = DigitsData(limit=20)
    data.setup("predict")
    index = [record.id for record in data.images.records].index(image)
    file = folder / "adversarial" / data.images.records[index].file
    return data.images[index]["image"], read_image(file).float() / 255


def test_a_run_pictures_all_images_and_explains_some(run: Path) -> None:
    rows = read_pictures(run)
    assert {row.id for row in rows if row.kind == "clean"} == {5 * number for number in range(20)}
    explained = {row.kind for row in rows if "/" in row.kind}
    views = {f"{view}/{kind}" for view in ("attention", "attribution") for kind in ("clean", "adversarial")}
    assert explained == {*views, "attribution/predicted"}
    assert {row.id for row in rows if "/" in row.kind} == {5, 15}
    largest = max(abs(after - before).max() for before, after in (image_pair(run, 5 * n) for n in range(20)))
    assert {row.note for row in rows if row.kind == "difference"} == {f"x {round(0.5 / float(largest))}"}


def test_attributed_logits_are_those_of_the_true_class_and_of_the_predicted_one(run: Path, models_dir: str) -> None:
    """The exact attribution of a logit sums to its difference from that of black."""
    model = surrogate(models_dir)
    answers = {row.id: row for row in read_predictions(run, targets=["digits_plain"])}
    for image in (5, 15):
        clean, adversarial = image_pair(run, image)
        with torch.no_grad():
            logits = model(torch.stack([clean, adversarial, torch.zeros_like(clean)]))
        answer = answers[image]
        assert answer.adversarial_prediction != answer.label, "else there is nothing to be seen"
        expected = {
            "attribution/clean": (answer.label, logits[0] - logits[2]),
            "attribution/adversarial": (answer.label, logits[1] - logits[2]),
            "attribution/predicted": (answer.adversarial_prediction, logits[1] - logits[2]),
        }
        found = {row.kind: row for row in read_pictures(run) if row.id == image and row.kind in expected}
        for kind, (attributed, differences) in expected.items():
            start, _, total = found[kind].note.rpartition(" ")
            assert start == f"logit of class {attributed}, sum"
            assert float(total) == pytest.approx(float(differences[attributed]), abs=0.15)
            assert found[kind].model == "digits_plain"


def test_attribution_of_adversarial_images_is_not_blank(run: Path) -> None:
    """White is no attribution; red is for the class and blue against it."""
    seen = 0
    for row in read_pictures(run):
        red, _, blue = np.moveaxis(pixels(row), 2, 0)
        if row.kind == "attribution/predicted":
            assert (red - blue).max() > 30, "something speaks for the class that is predicted"
            seen += 1
        if row.kind == "attribution/adversarial":
            assert (blue - red).max() > 8, "something speaks against the true class"
            seen += 1
    assert seen == 4


def test_attention_is_the_librarys_on_one_scale(run: Path, models_dir: str) -> None:
    model = surrogate(models_dir)
    (answer,) = (row for row in read_predictions(run, targets=["digits_plain"]) if row.id == 5)
    classes = answer.clean_prediction, answer.adversarial_prediction
    images = image_pair(run, 5)
    maps = [attention(model, image[None], [of])[0] for image, of in zip(images, classes, strict=True)]
    largest = torch.stack(maps).max()
    found = {row.kind: row for row in read_pictures(run) if (row.id, row.model) == (5, "digits_plain")}
    for kind, image, looked, of in zip(THREE[:2], images, maps, classes, strict=False):
        row = found[f"attention/{kind}"]
        assert row.note == f"for class {of}"
        assert np.abs(pixels(row) - attention_overlay(image, looked / largest)).max() <= 2


def test_a_layer_without_places_is_not_pictured(
    tmp_path: Path, models_dir: str, caplog: pytest.LogCaptureFixture
) -> None:
    options = ["attack=mim", "data.limit=2", "surrogate.layer=head.1", "report.attention_images=1", "~targets"]
    with caplog.at_level(logging.WARNING, logger="naa_lightning.runs.stages.pictures"):
        attack(tmp_path, models_dir, *options)
    assert {row.kind.partition("/")[0] for row in read_pictures(tmp_path) if "/" in row.kind} == {"attention"}
    assert "there are no pictures of attribution: the attacked layer's neurons lie nowhere" in caplog.text
