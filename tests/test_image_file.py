"""Files become pixels, or are named."""

import struct
import zlib
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image

from naa_lightning.exceptions import UserError
from naa_lightning.image_file import central_square, inspect_image, is_image, read_image

MANY = 10**6


def seen(path: Path) -> np.ndarray:
    """Pixels (H, W, 3)."""
    return read_image(path).permute(1, 2, 0).numpy()


def noise(*shape: int) -> np.ndarray:
    return np.random.default_rng(0).integers(0, 256, shape, dtype=np.uint8)


@pytest.mark.parametrize("mode", ["L", "RGBA", "P", "1"])
def test_every_8_bit_mode_becomes_rgb(tmp_path: Path, mode: str) -> None:
    image = Image.new("RGB", (4, 3), (255, 255, 255)).convert(mode)
    image.save(tmp_path / "a.png")
    assert torch.equal(read_image(tmp_path / "a.png"), torch.full((3, 3, 4), 255, dtype=torch.uint8))


def test_unreadable_files_are_named(tmp_path: Path) -> None:
    Image.effect_noise((64, 64), 50).save(tmp_path / "whole.png")
    whole = (tmp_path / "whole.png").read_bytes()
    middle = len(whole) // 2
    flipped = whole[:middle] + bytes([whole[middle] ^ 255]) + whole[middle + 1 :]
    contents = {"cut.png": whole[:middle], "text.png": b"no image", "empty.png": b"", "flipped.png": flipped}
    for name, content in contents.items():
        (tmp_path / name).write_bytes(content)
        with pytest.raises(UserError, match=rf"{name} cannot be read as an image .*; replace or remove it"):
            read_image(tmp_path / name)
        if name != "flipped.png":  # which only decoding tells
            with pytest.raises(UserError, match=rf"{name} cannot be read as an image"):
                inspect_image(tmp_path / name, MANY)
    with pytest.raises(UserError, match=r"empty\.png cannot be read as an image \(it is empty\)"):
        read_image(tmp_path / "empty.png")
    with pytest.raises(UserError, match=r"absent\.png cannot be read as an image \(No such file or directory\)"):
        read_image(tmp_path / "absent.png")


@pytest.mark.parametrize("suffix", [".png", ".jpg", ".bmp", ".gif", ".tif", ".webp", ".ppm", ".jp2"])
def test_a_file_that_is_cut_short_is_told_without_being_asked_for_pixels(tmp_path: Path, suffix: str) -> None:
    path = tmp_path / f"a{suffix}"
    Image.fromarray(noise(40, 50, 3)).save(path)
    whole = path.read_bytes()
    assert inspect_image(path, MANY) is False
    for length in (len(whole) * 9 // 10, len(whole) // 2, 0):
        path.write_bytes(whole[:length])
        with pytest.raises(UserError, match=r"cannot be read as an image"):
            inspect_image(path, MANY)


def test_what_stands_behind_a_whole_image_does_no_harm(tmp_path: Path) -> None:
    for suffix in (".png", ".jpg"):
        path = tmp_path / f"a{suffix}"
        Image.fromarray(noise(40, 50, 3)).save(path)
        whole = seen(path)
        path.write_bytes(path.read_bytes() + b"a film of the moment before")
        assert inspect_image(path, MANY) is False
        assert np.array_equal(seen(path), whole)


def test_large_images_are_refused_by_their_headers(tmp_path: Path) -> None:
    path = tmp_path / "bomb.png"
    path.write_bytes(png(8000, 9000, depth=8, colour=2, content=b""))
    with pytest.raises(UserError, match=r"bomb\.png is 8000x9000, more than 70,000,000 pixels; .*`max_pixels=N`"):
        inspect_image(path, 70_000_000)


# How a camera stores what is upright: https://www.cipa.jp/std/documents/download_e.html?DC-008, Orientation.
STORED: dict[int, Callable[[np.ndarray], np.ndarray]] = {
    1: lambda upright: upright,
    2: np.fliplr,
    3: lambda upright: np.rot90(upright, 2),
    4: np.flipud,
    5: lambda upright: upright.transpose(1, 0, 2),
    6: np.rot90,  # its first row is what is seen on the right
    7: lambda upright: np.rot90(upright, 2).transpose(1, 0, 2),
    8: lambda upright: np.rot90(upright, -1),  # on the left
}


@pytest.mark.parametrize("orientation", STORED)
@pytest.mark.parametrize("suffix", [".png", ".tif"])
def test_images_are_turned_as_their_exif_data_says(tmp_path: Path, orientation: int, suffix: str) -> None:
    upright, exif = noise(3, 5, 3), Image.Exif()
    exif[0x0112] = orientation
    Image.fromarray(np.ascontiguousarray(STORED[orientation](upright))).save(tmp_path / f"a{suffix}", exif=exif)
    assert np.array_equal(seen(tmp_path / f"a{suffix}"), upright)


def test_exif_data_damaged_anywhere_are_no_reason_to_refuse_an_image(tmp_path: Path) -> None:
    exif, stored, rng = Image.Exif(), Image.fromarray(noise(8, 12, 3)), np.random.default_rng(0)
    exif[0x0112], exif[0x010E], exif[0x8769], exif[0x8825] = 6, "hello", {0x829A: (1, 50)}, {1: "N", 2: (1.0, 2.0, 3.0)}
    for _ in range(300):
        damaged = np.frombuffer(exif.tobytes(), dtype=np.uint8).copy()
        damaged[rng.integers(6, damaged.size, 5)] = rng.integers(0, 256, 5)
        stored.save(tmp_path / "a.jpg", exif=damaged.tobytes())
        assert sorted(seen(tmp_path / "a.jpg").shape) == [3, 8, 12]


@pytest.mark.parametrize("exif", [b"", b"Exif\0\0", b"Exif\0\0no TIFF", b"Exif\0\0MM\0*\0\0\xff\xff"])
def test_damaged_exif_data_turn_nothing(tmp_path: Path, exif: bytes) -> None:
    Image.fromarray(noise(16, 24, 3)).save(tmp_path / "plain.jpg")
    Image.fromarray(noise(16, 24, 3)).save(tmp_path / "damaged.jpg", exif=exif)
    assert np.array_equal(seen(tmp_path / "damaged.jpg"), seen(tmp_path / "plain.jpg"))


def transparent(kind: str) -> tuple[Image.Image, dict[str, Any]]:
    """Two pixels: red, which shows; blue, which is hidden; and the options to save them with."""
    both = Image.new("RGB", (2, 1), (255, 0, 0))
    both.putpixel((1, 0), (0, 0, 255))
    alpha = Image.new("L", (2, 1), 255)
    alpha.putpixel((1, 0), 0)
    if kind == "RGBA":
        both.putalpha(alpha)
        return both, {}
    if kind == "a colour":
        return both, {"transparency": (0, 0, 255)}
    palette = Image.new("P", (2, 1), 0)
    palette.putpalette([255, 0, 0, 0, 0, 255])
    palette.putpixel((1, 0), 1)
    return palette, {"transparency": bytes([255, 0]) if kind == "alpha of a palette" else 1}


@pytest.mark.parametrize(
    ("kind", "suffix"),
    [
        ("RGBA", ".png"),
        ("RGBA", ".tif"),
        ("RGBA", ".webp"),
        ("a colour", ".png"),
        ("alpha of a palette", ".png"),
        ("an index of a palette", ".png"),
        ("an index of a palette", ".gif"),
    ],
)
def test_hidden_colours_are_white(tmp_path: Path, kind: str, suffix: str) -> None:
    image, options = transparent(kind)
    options |= {"lossless": True, "exact": True} if suffix == ".webp" else {}
    image.save(tmp_path / f"a{suffix}", **options)
    assert seen(tmp_path / f"a{suffix}").tolist() == [[[255, 0, 0], [255, 255, 255]]]
    assert inspect_image(tmp_path / f"a{suffix}", MANY) is True


def test_half_transparent_pixels_are_mixed_with_white(tmp_path: Path) -> None:
    pixels = noise(16, 16, 4)
    Image.fromarray(pixels).save(tmp_path / "a.png")
    alpha = pixels[..., 3:] / 255
    assert np.abs(seen(tmp_path / "a.png") - (pixels[..., :3] * alpha + 255 * (1 - alpha))).max() <= 1
    Image.fromarray(noise(16, 16, 2)).save(tmp_path / "grey.png")
    grey, alpha = noise(16, 16, 2)[..., :1], noise(16, 16, 2)[..., 1:] / 255
    assert np.abs(seen(tmp_path / "grey.png") - (grey * alpha + 255 * (1 - alpha))).max() <= 1


def test_opaque_images_with_alpha_keep_every_colour(tmp_path: Path) -> None:
    opaque = np.concatenate([noise(16, 16, 3), np.full((16, 16, 1), 255, dtype=np.uint8)], axis=2)
    Image.fromarray(opaque).save(tmp_path / "a.png")
    assert np.array_equal(seen(tmp_path / "a.png"), opaque[..., :3])
    assert inspect_image(tmp_path / "a.png", MANY) is False


def png(width: int, height: int, *, depth: int, colour: int, content: bytes) -> bytes:
    """A PNG file as its standard has it; `colour` 0 is grey, 2 RGB, 4 grey with alpha, 6 RGB with alpha."""

    def chunk(kind: bytes, data: bytes) -> bytes:
        return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))

    header = chunk(b"IHDR", struct.pack(">IIBBBBB", width, height, depth, colour, 0, 0, 0))
    return b"\x89PNG\r\n\x1a\n" + header + chunk(b"IDAT", zlib.compress(content)) + chunk(b"IEND", b"")


@pytest.mark.parametrize(("colour", "channels"), [(0, 1), (2, 3), (4, 2), (6, 4)])
def test_16_bit_pngs_are_refused_not_clipped(tmp_path: Path, colour: int, channels: int) -> None:
    path = tmp_path / "deep.png"
    path.write_bytes(png(1, 1, depth=8, colour=colour, content=b"\0" + b"\xff" * channels))
    assert seen(path).tolist() == [[[255, 255, 255]]]
    path.write_bytes(png(1, 1, depth=16, colour=colour, content=b"\0" + b"\x12\x34" * channels))
    refuse_as_deep(path)


@pytest.mark.parametrize("compression", [None, "tiff_lzw", "tiff_adobe_deflate"])
def test_16_bit_tiffs_are_refused(tmp_path: Path, compression: str | None) -> None:
    path = tmp_path / "deep.tif"
    Image.fromarray(np.full((2, 2), 4000, dtype=np.uint16)).save(path, compression=compression)
    refuse_as_deep(path)
    tags = [(256, 3, 1, 1), (257, 3, 1, 1), (258, 3, 3, 122), (259, 3, 1, 1), (262, 3, 1, 2), (273, 4, 1, 128)]
    tags += [(277, 3, 1, 3), (278, 3, 1, 1), (279, 4, 1, 6)]
    entries = b"".join(struct.pack("<HHII", *tag) for tag in tags)
    head = b"II*\0" + struct.pack("<IH", 8, len(tags)) + entries + struct.pack("<I", 0)
    path.write_bytes(head + struct.pack("<3H3H", 16, 16, 16, 1, 2, 3))
    refuse_as_deep(path)


@pytest.mark.parametrize(("kind", "channels"), [("P5", 1), ("P6", 3)])
def test_16_bit_portable_maps_are_refused(tmp_path: Path, kind: str, channels: int) -> None:
    path = tmp_path / "deep.ppm"
    path.write_bytes(f"{kind} 1 1 65535\n".encode() + b"\x12\x34" * channels)
    refuse_as_deep(path)


def refuse_as_deep(path: Path) -> None:
    message = rf"{path.name} has more than 8 bits per channel; convert it to 8-bit RGB"
    with pytest.raises(UserError, match=message):
        read_image(path)
    with pytest.raises(UserError, match=message):
        inspect_image(path, MANY)


def test_a_program_in_disguise_is_not_run(tmp_path: Path) -> None:
    (tmp_path / "a.png").write_bytes(b"%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 2 2\n%%EndComments\nshowpage\n")
    with pytest.raises(UserError, match=r"a\.png cannot be read as an image \(its content is of no known format\)"):
        read_image(tmp_path / "a.png")


@pytest.mark.parametrize("shape", [(40, 60), (61, 40), (9, 7)], ids=["wide", "high", "smaller"])
def test_the_central_square_is_pils_but_for_rounding(shape: tuple[int, int]) -> None:
    pixels = np.random.default_rng(0).integers(0, 256, (*shape, 3), dtype=np.uint8)
    height, width = (16 * side // min(shape) for side in shape)
    resized = Image.fromarray(pixels).resize((width, height), Image.Resampling.BILINEAR)
    left, top = round((width - 16) / 2), round((height - 16) / 2)
    expected = np.asarray(resized.crop((left, top, left + 16, top + 16)), dtype=int)
    square = central_square(torch.from_numpy(pixels).permute(2, 0, 1), 16)
    assert square.dtype == torch.uint8
    assert np.abs(square.permute(1, 2, 0).numpy() - expected).max() <= 1


def test_image_files_are_told_by_their_suffix(tmp_path: Path) -> None:
    for name in ("a.PNG", "b.jpeg", "c.txt"):
        (tmp_path / name).write_bytes(b"")
    (tmp_path / "d.png").mkdir()
    assert [path.name for path in sorted(tmp_path.iterdir()) if is_image(path)] == ["a.PNG", "b.jpeg"]


def test_a_bitmap_of_16_bits_for_all_channels_is_read(tmp_path: Path) -> None:
    """5 bits of red, 6 of green and 5 of blue."""
    path = tmp_path / "a.bmp"
    masks = struct.pack("<III", 0xF800, 0x07E0, 0x001F)
    header = struct.pack("<IiiHHIIiiII", 40, 1, 1, 1, 16, 3, 4, 2835, 2835, 0, 0) + masks
    pixel = struct.pack("<HH", 0b11111_000000_11111, 0)
    path.write_bytes(b"BM" + struct.pack("<IHHI", 14 + len(header) + 4, 0, 0, 14 + len(header)) + header + pixel)
    assert inspect_image(path, MANY) is False
    assert seen(path).tolist() == [[[255, 0, 255]]]


def test_what_pillow_opens_at_all_is_told_apart_from_damage(tmp_path: Path) -> None:
    path = tmp_path / "bomb.png"
    path.write_bytes(png(20_000, 10_000, depth=8, colour=2, content=b""))
    with pytest.raises(UserError, match=r"bomb\.png has more pixels than Pillow opens .*200000000.*; make it smaller"):
        inspect_image(path, 10**9)
