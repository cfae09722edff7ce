"""Pictures inside a page."""

import base64
import io
from pathlib import Path

import pytest
from PIL import Image

from naa_lightning.report.page.picture import Picture, embed


def shown(picture: Picture | None) -> Image.Image:
    assert picture is not None
    head, _, data = picture.source.partition(",")
    assert head == "data:image/webp;base64"
    return Image.open(io.BytesIO(base64.b64decode(data)))


@pytest.mark.parametrize(
    ("size", "expected"), [((2400, 300), (1600, 200)), ((1600, 9), (1600, 9)), ((9, 800), (9, 800))]
)
def test_a_wide_picture_is_made_smaller_in_proportion(
    tmp_path: Path, size: tuple[int, int], expected: tuple[int, int]
) -> None:
    Image.new("RGB", size, "teal").save(tmp_path / "a.png")
    picture = embed(tmp_path / "a.png", "words")
    assert shown(picture).size == expected
    assert picture is not None
    assert (picture.width, picture.height, picture.alt) == (*expected, "words")


def test_a_small_picture_keeps_every_pixel(tmp_path: Path) -> None:
    image = Image.frombytes("RGB", (8, 8), bytes(range(192)))
    image.save(tmp_path / "a.png")
    picture = embed(tmp_path / "a.png", "")
    assert shown(picture).convert("RGB").tobytes() == image.tobytes()
    assert picture is not None
    assert picture.small


@pytest.mark.parametrize("mode", ["RGBA", "LA"])
def test_what_is_transparent_becomes_white(tmp_path: Path, mode: str) -> None:
    Image.new(mode, (8, 8)).save(tmp_path / "a.png")
    assert shown(embed(tmp_path / "a.png", "")).convert("RGB").getpixel((4, 4)) == (255, 255, 255)


@pytest.mark.parametrize("mode", ["L", "1", "P", "I;16"])
def test_any_kind_of_picture_is_embedded(tmp_path: Path, mode: str) -> None:
    Image.new(mode, (80, 80)).save(tmp_path / "a.png")
    assert shown(embed(tmp_path / "a.png", "")).size == (80, 80)


def test_what_is_no_picture_is_none(tmp_path: Path) -> None:
    whole = io.BytesIO()
    Image.effect_noise((64, 64), 50).save(whole, "PNG")
    (tmp_path / "cut.png").write_bytes(whole.getvalue()[:900])
    (tmp_path / "empty.png").touch()
    (tmp_path / "text.png").write_text("no picture")
    for name in ("cut.png", "empty.png", "text.png", "missing.png", "."):
        assert embed(tmp_path / name, "") is None
