"""Where models look, in a grid."""

from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image
from torch import Tensor
from torch.nn import functional as F

from naa_lightning.callbacks.writer import encode_png
from naa_lightning.data import ImageRecord, LabelledImages
from naa_lightning.modules.attention import Attention
from naa_lightning.records import SavedImage, SavedPairs
from naa_lightning.report.attention_figure import MODELS, AttentionColumn, attention_figure, draw_attentions
from tests.report.cases import LONG_NAMES, NAMES, picture, prediction
from tests.report.drawn import check_legible, pixels, titles, written

CLEAN = picture()
ADVERSARIAL = (CLEAN + 16 / 255 * torch.sign(picture(seed=1) - 0.5)).clamp(0, 1)


def maps(clean: float = 1.0, adversarial: float = 0.5) -> Attention:
    first, second = torch.rand(2, 3, 3, generator=torch.Generator().manual_seed(0))
    return Attention(clean * first / first.max(), adversarial * second / second.max())


def column(target: str, *, surrogate: bool = False, clean: int = 3, adversarial: int = 1) -> AttentionColumn:
    return AttentionColumn(prediction(target, clean=clean, adversarial=adversarial), maps(), surrogate)


COLUMNS = [column("source", surrogate=True), column("a", adversarial=2)]


def test_titles_name_classes_and_probabilities_and_mark_what_is_wrong() -> None:
    figure = attention_figure(CLEAN, ADVERSARIAL, COLUMNS, names=NAMES)
    assert titles(figure) == [
        ("changed by at most 16/255", "black"),
        ("tabby, 97 %", "black"),
        ("✗ goldfish, 35 %", "#c00000"),
        ("tabby, 97 %", "black"),
        ("✗ great white shark, 35 %", "#c00000"),
    ]
    found = written(figure)
    assert "image 12, tabby (3): 0e0f1fd2ed183781.png" in found
    assert {"clean", "adversarial", "source", "a", "attention, share of the model's largest"} <= set(found)
    assert (found.count("surrogate"), found.count("target")) == (1, 1)
    assert titles(attention_figure(CLEAN, ADVERSARIAL, COLUMNS))[2][0] == "✗ class 1, 35 %"


@pytest.mark.parametrize(("clean", "adversarial"), [(4.0, 1.0), (0.003, 0.012), (0.0, 2.0), (0.0, 0.0)])
def test_a_models_two_maps_share_a_scale(clean: float, adversarial: float) -> None:
    looked = maps(clean, adversarial)
    columns = [AttentionColumn(prediction("source"), looked, surrogate=True)]
    figure = attention_figure(CLEAN, ADVERSARIAL, columns)
    overlays = [axes.images[1] for axes in figure.axes if len(axes.images) == 2]
    assert [overlay.get_clim() for overlay in overlays] == [(0, 1), (0, 1)]
    larger = max(clean, adversarial) or 1.0
    for overlay, values in zip(overlays, (looked.clean, looked.adversarial), strict=True):
        expected = F.interpolate(values[None, None] / larger, size=(12, 12), mode="bilinear", align_corners=False)
        torch.testing.assert_close(torch.as_tensor(np.asarray(overlay.get_array())), expected[0, 0])


def test_there_is_one_colour_bar_and_it_spans_the_scale() -> None:
    figure = attention_figure(CLEAN, ADVERSARIAL, COLUMNS)
    bars = [axes for axes in figure.axes if axes.get_ylabel()]
    assert [bar.get_ylim() for bar in bars] == [(0, 1)]
    assert len(figure.axes) == 2 * 3 + 1


def test_surrogates_come_first_then_targets_that_were_fooled_and_no_more_than_fit() -> None:
    columns = [
        column("stays right", adversarial=3),
        column("was wrong", clean=0),
        column("fooled 1"),
        column("fooled 2"),
        column("source 1", surrogate=True, adversarial=3),
        column("source 2", surrogate=True),
        column("fooled 3"),
    ]
    figure = attention_figure(CLEAN, ADVERSARIAL, columns)
    heads = [text for text in written(figure) if text in {each.prediction.target for each in columns}]
    assert heads == ["source 2", "source 1", "fooled 1", "fooled 2", "fooled 3"]
    assert len(heads) == MODELS
    assert any("; 5 of 7 models" in text for text in written(figure))
    assert not any("models" in text for text in written(attention_figure(CLEAN, ADVERSARIAL, COLUMNS)))


@pytest.mark.parametrize("models", [1, 2, MODELS + 1])
@pytest.mark.parametrize("size", [(12, 12), (8, 64), (64, 8)])
def test_long_names_are_cut_so_that_all_is_legible(size: tuple[int, int], models: int) -> None:
    image = picture(*size)
    columns = [
        AttentionColumn(
            prediction(
                rf"{number}$\frac{{1}}$_model_with_a_name_" * 4, clean=number % 4, target_class=2, file="folder/" * 20
            ),
            maps(),
            surrogate=number == 0,
        )
        for number in range(models)
    ]
    check_legible(attention_figure(image, image, columns, names=LONG_NAMES))
    check_legible(attention_figure(image, image, COLUMNS, names=NAMES))


@pytest.fixture
def pairs(tmp_path: Path) -> SavedPairs:
    records = [ImageRecord(number, f"{number}.png", 3) for number in (2, 7, 12)]

    def pixels(record: ImageRecord) -> Tensor:
        return (picture(seed=record.id) * 255).to(torch.uint8)

    for record in records:
        (tmp_path / record.file).write_bytes(encode_png(pixels(record)))
    saved = {record.id: SavedImage(record.id, record.file, 3, -1, "", 0.0, 1) for record in records}
    return SavedPairs(LabelledImages(records, pixels), saved, tmp_path)


def test_every_image_of_which_attention_is_known_gets_a_file(pairs: SavedPairs, tmp_path: Path) -> None:
    predictions = [prediction(target, id=image) for target in ("source", "a", "b") for image in (2, 7, 12)]
    attentions = {"source": {2: maps(), 7: maps()}, "a": {2: maps()}, "b": {}}
    draw_attentions(tmp_path, pairs, predictions, attentions, white_box=["source"], names=NAMES)
    files = sorted((tmp_path / "figures").iterdir())
    assert [file.name for file in files] == ["attention-00002.png", "attention-00007.png"]
    for file, number, targets in zip(files, (0, 1), (["source", "a"], ["source"]), strict=True):
        pair = pairs[number]
        columns = [
            AttentionColumn(prediction(target, id=int(pair["id"])), maps(), surrogate=target == "source")
            for target in targets
        ]
        expected = pixels(attention_figure(pair["clean"], pair["adversarial"], columns, names=NAMES))
        with Image.open(file) as image:
            assert image.width > 300 * (1 + len(targets))
            assert np.array_equal(np.asarray(image), expected)
