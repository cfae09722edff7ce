"""What holds for every file of conf/defences; a new one is tested here by itself."""

import re
from pathlib import Path
from typing import Any

import pytest
import torch
import yaml
from torch import Tensor

from naa_lightning.config.building import build_part
from naa_lightning.models.defences import Defence, InputDefence
from naa_lightning.rng import SeededDraws
from tests.experiments import CONF
from tests.models.defences.given import DRAWS, Colours, eight_bit_images

FILES = sorted((CONF / "defences").glob("*.yaml"))
LARGER = {"random_resize_pad"}
every_defence = pytest.mark.parametrize("file", FILES, ids=lambda file: file.stem)
every_size = pytest.mark.parametrize("size", [(1, 3, 32, 32), (3, 3, 40, 24), (1, 3, 299, 299)], ids=str)


def node_of(file: Path) -> dict[str, Any]:
    node: dict[str, Any] = yaml.safe_load(file.read_text())[file.stem]
    return node


def built(file: Path) -> Defence:
    return build_part(Defence, node_of(file), file.stem)


INPUT_DEFENCES = {file.stem: part for file in FILES if isinstance(part := built(file), InputDefence)}


def asked(defence: Defence, images: Tensor, draws: SeededDraws, index: int) -> tuple[Tensor, Tensor]:
    """What the model is shown, as (images, ...), and what comes back."""
    model = Colours()
    result = defence.predict(model, images, draws, index)
    assert result.classes.dtype == torch.int64
    assert result.classes.shape == result.confidence.shape == (len(images),)
    assert ((result.confidence > 0) == (result.classes >= 0)).all()
    assert (result.confidence <= 1).all()
    return torch.stack(model.shown, 1), result.classes


def test_there_are_files() -> None:
    assert {"bit_depth", "feature_distillation", "gaussian", "jpeg", "median"} <= {file.stem for file in FILES}
    assert {"random_resize_pad", "randomized_smoothing"} <= {file.stem for file in FILES}


@pytest.mark.parametrize("name", INPUT_DEFENCES)
@every_size
@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_images_stay_images(name: str, size: tuple[int, ...], dtype: torch.dtype) -> None:
    images = eight_bit_images(*size).to(dtype)
    made = INPUT_DEFENCES[name].transform(images, SeededDraws(0, range(len(images))), 0)
    assert made.dtype == dtype
    assert made.device == images.device
    assert made.shape[:2] == images.shape[:2]
    if name not in LARGER:
        assert made.shape == images.shape
        assert 0 < (made - images).abs().mean() < 0.2
    assert made.min() >= 0
    assert made.max() <= 1
    assert made.std() > 0.05


@every_defence
@every_size
def test_images_are_not_changed_in_place(file: Path, size: tuple[int, ...]) -> None:
    images = eight_bit_images(*size)
    kept = images.clone()
    asked(built(file), images, SeededDraws(0, range(len(images))), 0)
    assert torch.equal(images, kept)


@every_defence
@pytest.mark.parametrize("size", [(40, 24), (64, 64)], ids=str)
def test_an_image_does_not_depend_on_its_neighbours(file: Path, size: tuple[int, int]) -> None:
    defence = built(file)
    images = eight_bit_images(3, 3, *size)
    shown, classes = asked(defence, images, DRAWS, 1)
    turned, turned_classes = asked(defence, images.flip(0), SeededDraws(0, [2, 1, 0]), 1)
    torch.testing.assert_close(turned.flip(0), shown, rtol=0, atol=1e-6)
    assert torch.equal(turned_classes.flip(0), classes)
    for i in range(3):
        alone, alone_class = asked(defence, images[i : i + 1], SeededDraws(0, [i]), 1)
        torch.testing.assert_close(alone, shown[i : i + 1], rtol=0, atol=1e-6)
        assert torch.equal(alone_class, classes[i : i + 1])


@every_defence
def test_only_what_is_random_is_asked_again(file: Path) -> None:
    defence = built(file)
    images = eight_bit_images(3, 3, 40, 24)
    first, again, second = (asked(defence, images, DRAWS, index)[0] for index in (0, 0, 1))
    assert torch.equal(first, again)
    if defence.repeats == 1:
        assert torch.equal(first, second)
        assert torch.equal(first, asked(defence, images, SeededDraws(1, [0, 1, 2]), 0)[0])
    else:
        assert defence.repeats > 1
        assert all(not torch.equal(first[i], second[i]) for i in range(3))


@every_defence
def test_random_images_have_draws_of_their_own(file: Path) -> None:
    defence = built(file)
    images = eight_bit_images(1, 3, 40, 24).expand(3, -1, -1, -1)
    shown, _ = asked(defence, images, DRAWS, 0)
    same = [torch.equal(shown[0], shown[1]), torch.equal(shown[1], shown[2])]
    assert same == [defence.repeats == 1] * 2


@every_defence
def test_the_answer_is_the_models(file: Path) -> None:
    images = torch.full((3, 3, 32, 32), 0.2)
    images[[0, 1, 2], [1, 2, 0]] = 0.8
    assert asked(built(file), images, DRAWS, 0)[1].tolist() == [1, 2, 0]


@every_defence
def test_a_file_names_its_paper_and_says_every_default(file: Path) -> None:
    assert re.match(r"# .+ et al\., .*\b20\d\d\b", file.read_text())
    node = node_of(file)
    defaults = type(built(file)).__init__.__kwdefaults__ or {}
    assert {key: value for key, value in node.items() if key != "_target_"} == defaults
