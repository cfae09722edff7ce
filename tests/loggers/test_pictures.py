"""What loggers get of a run's pictures."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image
from pytorch_lightning.loggers import CSVLogger
from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

from naa_lightning.loggers.pictures import Strip, log_pictures, strips
from naa_lightning.loggers.tensorboard import tensorboard_logger
from naa_lightning.records import RunResults, TargetResult, write_pictures, write_predictions
from naa_lightning.records.pictures import Format, PictureRow, picture
from tests.loggers.test_run import RecordingLogger
from tests.report.cases import prediction

SHARP = Format(longest=64, quality=None)
RESULTS = RunResults(
    images=3,
    targets={
        "plain": TargetResult(role="white-box"),
        "other": TargetResult(role="black-box"),
        "other+jpeg": TargetResult(role="black-box", defences=("jpeg",)),
    },
    class_names={3: "tabby", 1: "goldfish"},
    config={"report": {"first_images": 1, "extreme_images": 1, "attention_images": 0}},
)


def pixels(seed: int) -> np.ndarray:
    return np.random.default_rng(seed).integers(0, 256, (4, 5, 3), dtype=np.uint8)


def rows(image: int) -> list[PictureRow]:
    kinds = ("clean", ""), ("adversarial", ""), ("difference", "x 8")
    return [
        picture(image, kind, pixels(10 * image + number), SHARP, note=note) for number, (kind, note) in enumerate(kinds)
    ]


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Of three images one is the first, one fools another network, and one fools none."""
    explained = [
        picture(7, f"{view}/{kind}", pixels(number), SHARP, model=model, note=note)
        for number, (view, kind, model, note) in enumerate(
            [
                ("attention", "clean", "plain", "for tabby"),
                ("attention", "adversarial", "plain", "for goldfish"),
                ("attention", "clean", "other", "for tabby"),
                ("attribution", "predicted", "plain", "logit of goldfish, sum 2"),
            ]
        )
    ]
    write_pictures(tmp_path, [row for image in (0, 4, 7, 9) for row in rows(image)] + explained)
    answers = [
        prediction(target, id=image, adversarial=1 if image == fooled else 3)
        for target, fooled in (("plain", 0), ("other", 7), ("other+jpeg", 4))
        for image in (0, 4, 7, 9)
    ]
    write_predictions(tmp_path, [*answers, prediction("other", repeat=1, id=4, adversarial=1)])
    return tmp_path


def test_featured_images_are_shown_side_by_side_with_what_networks_say(folder: Path) -> None:
    found = [strip for strip in strips(folder, RESULTS) if strip.key == "images"]
    assert [strip.name for strip in found] == ["00000", "00007"], "the first, the most and the least transferable"
    assert (found[1].pixels == np.hstack([pixels(70), pixels(71), pixels(72)])).all()
    assert found[1].caption == (
        "image 7, tabby: clean; adversarial; difference x 8; plain: tabby, then tabby; other: tabby, then goldfish"
    )


def test_what_models_look_at_is_shown_for_each(folder: Path) -> None:
    found = {(strip.key, strip.name): strip for strip in strips(folder, RESULTS) if strip.key != "images"}
    assert list(found) == [("attention", "00007-plain"), ("attention", "00007-other"), ("attribution", "00007-plain")]
    looking = found["attention", "00007-plain"]
    assert (looking.pixels == np.hstack([pixels(0), pixels(1)])).all()
    assert looking.caption == "image 7, tabby, plain: clean for tabby; adversarial for goldfish"
    attributed = found["attribution", "00007-plain"].caption
    assert attributed == "image 7, tabby, plain: predicted logit of goldfish, sum 2"


def test_no_answer_is_said(folder: Path) -> None:
    write_predictions(folder, [prediction("other", id=0, clean=-1, adversarial=-2)])
    assert strips(folder, RESULTS)[0].caption.endswith("other: no answer, then abstained")


def test_a_run_without_pictures_has_none(tmp_path: Path) -> None:
    assert strips(tmp_path, RESULTS) == []


def strip(key: str, name: str, seed: int) -> Strip:
    return Strip(key, name, pixels(seed), f"{key} of {name}")


STRIPS = [strip("images", "00000", 0), strip("images", "00007", 1), strip("attention", "00007-plain", 2)]


def test_wandb_gets_captioned_images_by_key() -> None:
    logger = RecordingLogger()
    log_pictures(logger, STRIPS)
    media: dict[str, Any] = logger.recorder.media
    captions = {key: [image._caption for image in images] for key, images in media.items()}
    assert captions == {
        "images": ["images of 00000", "images of 00007"],
        "attention": ["attention of 00007-plain"],
    }
    assert (np.asarray(media["images"][1].image) == pixels(1)).all()


def test_tensorboard_gets_images_and_captions(tmp_path: Path) -> None:
    logger = tensorboard_logger(save_dir=str(tmp_path))
    log_pictures(logger, STRIPS)
    logger.finalize("success")
    read = EventAccumulator(str(tmp_path / "tensorboard" / "version_0")).Reload()
    assert set(read.Tags()["images"]) == {"images/00000", "images/00007", "attention/00007-plain"}
    (image,) = read.Images("images/00007")
    (tmp_path / "read.png").write_bytes(image.encoded_image_string)
    assert (np.asarray(Image.open(tmp_path / "read.png")) == pixels(1)).all()
    (text,) = read.Tensors("images/00007/text_summary")
    assert text.tensor_proto.string_val == [b"images of 00007"]


def test_other_loggers_get_no_pictures(tmp_path: Path) -> None:
    logger = CSVLogger(str(tmp_path))
    log_pictures(logger, STRIPS)
    logger.finalize("success")
    assert not list(tmp_path.rglob("*.png"))
