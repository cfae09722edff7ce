"""Exports of others: nothing in them runs, leads elsewhere or fills the memory, and what is wrong is one line."""

import io
import json
import os
import pickle
import tarfile
import zipfile
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import torch

from naa_lightning.exceptions import UserError
from naa_lightning.exports import FORMATS, open_export
from tests.exports.cases import PAIRS, exported, pair, unpacked

IMAGES = np.zeros((1, 4, 4, 3), dtype=np.uint8)


class Payload:
    """Leaves a folder where it is unpickled."""

    def __init__(self, place: Path) -> None:
        self.place = str(place)

    def __reduce__(self) -> tuple[Any, ...]:
        return os.mkdir, (self.place,)


def refusal(path: Path) -> str:
    with pytest.raises(UserError) as error:
        unpacked(path)
    message = str(error.value)
    assert "\n" not in message
    assert str(path) in message
    return message


def npz(folder: Path, **arrays: Any) -> Path:
    np.savez(folder / "export.npz", **arrays)
    return folder / "export.npz"


def pt(folder: Path, content: Any) -> Path:
    torch.save(content, folder / "export.pt")
    return folder / "export.pt"


def tar(folder: Path, files: dict[str, bytes], mode: str = "w") -> Path:
    with tarfile.open(folder / "export.tar", mode) as archive:  # type: ignore[call-overload]
        for name, content in files.items():
            member = tarfile.TarInfo(name)
            member.size = len(content)
            archive.addfile(member, io.BytesIO(content))
    return folder / "export.tar"


def parquet(folder: Path, columns: dict[str, Any]) -> Path:
    pq.write_table(pa.table(columns), folder / "test.parquet")
    return folder


def test_objects_in_arrays_are_not_loaded(tmp_path: Path) -> None:
    files = np.array([Payload(tmp_path / "ran")], dtype=object)
    assert "must be text: objects are not loaded" in refusal(npz(tmp_path, adversarial=IMAGES, files=files))
    assert "must be uint8 (N, H, W, 3)" in refusal(npz(tmp_path, adversarial=files, files=["a.png"]))
    assert not (tmp_path / "ran").exists()
    np.load(npz(tmp_path, files=files), allow_pickle=True)["files"]
    assert (tmp_path / "ran").is_dir(), "the payload works"


def test_objects_beside_tensors_are_not_loaded(tmp_path: Path) -> None:
    path = pt(tmp_path, {"adversarial": torch.zeros(1, 3, 4, 4), "files": [Payload(tmp_path / "ran")]})
    assert "which may run code: it is not read" in refusal(path)
    assert not (tmp_path / "ran").exists()
    with pytest.raises((pickle.UnpicklingError, RuntimeError, TypeError)):
        torch.load(path, weights_only=True)


@pytest.mark.parametrize("to", FORMATS)
@pytest.mark.parametrize("name", ["/etc/a.png", "../a.png", "a/../../b.png"])
def test_names_that_leave_the_folder_are_refused(to: str, name: str, tmp_path: Path) -> None:
    path = exported(tmp_path, to, [pair(0), replace(pair(1), file=name)])
    assert refusal(path) == f"{path} names an image {name!r}, which leaves its folder: it is not read"


def test_keys_that_leave_the_folder_are_refused(tmp_path: Path) -> None:
    assert "which leaves its folder" in refusal(tar(tmp_path, {"../up/0.adversarial.png": b"x"}))


def test_keys_alone_name_images_where_nothing_else_does(tmp_path: Path) -> None:
    path = tar(tmp_path, {"cats/1.adversarial.png": b"x", "cats/1.cls": b"1", "cats/2.cls": b"1"})
    assert unpacked(path) == {"cats/1.png": b"x"}


def test_links_in_an_archive_are_refused(tmp_path: Path) -> None:
    path = tmp_path / "export.tar"
    with tarfile.open(path, "w") as archive:
        member = tarfile.TarInfo("0.adversarial.png")
        member.type, member.linkname = tarfile.SYMTYPE, "/etc/passwd"
        archive.addfile(member)
    assert "0.adversarial.png in it is no plain file" in refusal(path)


def test_compressed_archives_are_refused(tmp_path: Path) -> None:
    path = tar(tmp_path, {"0.adversarial.png": bytes(10**6)}, "w:gz")
    assert "it is compressed or damaged; a plain .tar file is read" in refusal(path)


def rewritten(path: Path, change: Callable[[str, bytes], bytes], compression: int) -> Path:
    """Write the parts of a zip file anew."""
    with zipfile.ZipFile(path) as archive:
        parts = {name: archive.read(name) for name in archive.namelist()}
    with zipfile.ZipFile(path, "w", compression) as archive:
        for name, content in parts.items():
            archive.writestr(name, change(name, content))
    return path


def test_compressed_arrays_are_read_and_compressed_tensors_refused(tmp_path: Path) -> None:
    path = rewritten(exported(tmp_path, "npz"), lambda _, content: content, zipfile.ZIP_DEFLATED)
    assert len(unpacked(path)) == 4
    path = rewritten(exported(tmp_path, "pt"), lambda _, content: content, zipfile.ZIP_DEFLATED)
    assert "is compressed, which torch.save does not do" in refusal(path)


@pytest.mark.parametrize(
    ("name", "shape", "message"),
    [
        ("adversarial", (4, 5, 4, 3), None),
        ("adversarial", (4, 500_000, 400_000, 3), "holds images of 400000x500000, more than 178,956,970 pixels"),
        ("adversarial", (10**12, 5, 4, 3), "holds 1000000000000 adversarial images and 4 files"),
        ("adversarial", (4, 500, 4, 3), "cannot be read as an export (it ends before cats/1.jpg): export it anew"),
        ("files", (10**12,), "the array files claims more than it may hold"),
    ],
)
def test_arrays_that_claim_to_be_large_are_refused(
    name: str, shape: tuple[int, ...], message: str | None, tmp_path: Path
) -> None:
    def claiming(part: str, content: bytes) -> bytes:
        if part != f"{name}.npy":
            return content
        file = io.BytesIO(content)
        np.lib.format.read_magic(file)
        _, _, dtype = np.lib.format.read_array_header_1_0(file)
        header = io.BytesIO()
        described = {"descr": dtype.str, "fortran_order": False, "shape": shape}
        np.lib.format.write_array_header_1_0(header, described)
        return header.getvalue() + file.read()

    path = rewritten(exported(tmp_path, "npz"), claiming, zipfile.ZIP_STORED)
    if message is None:
        assert len(unpacked(path)) == 4, "the header is what matters"
    else:
        assert message in refusal(path)


@pytest.mark.parametrize(
    ("arrays", "message"),
    [
        ({"files": ["a.png"]}, "has no array adversarial: an export has adversarial, files and others"),
        ({"adversarial": IMAGES}, "has no array files"),
        ({"adversarial": IMAGES / 255, "files": ["a.png"]}, "is float64 of the shape (1, 4, 4, 3)"),
        ({"adversarial": IMAGES[0], "files": ["a.png"]}, "must be uint8 (N, H, W, 3)"),
        ({"adversarial": IMAGES, "files": ["a.png", "b.png"]}, "holds 1 adversarial images and 2 files"),
        ({"adversarial": IMAGES, "files": [""]}, "names an image '', which is no file name"),
        ({"adversarial": np.asfortranarray(IMAGES), "files": ["a.png"]}, "Fortran's order"),
        ({"adversarial": IMAGES, "files": ["a.png"], "origin": "{"}, "cannot be read as an export"),
    ],
)
def test_arrays_that_are_no_export(arrays: dict[str, Any], message: str, tmp_path: Path) -> None:
    assert message in refusal(npz(tmp_path, **arrays))


TENSORS = torch.zeros(1, 3, 4, 4, dtype=torch.uint8)


@pytest.mark.filterwarnings("ignore:Validating sparse tensor")
@pytest.mark.parametrize(
    ("content", "message"),
    [
        ([TENSORS], "has no adversarial and files"),
        ({"adversarial": TENSORS}, "has no adversarial and files"),
        ({"adversarial": TENSORS.float(), "files": ["a.png"]}, "must be a tensor, uint8 (N, 3, H, W)"),
        ({"adversarial": TENSORS.permute(0, 2, 3, 1), "files": ["a.png"]}, "must be a tensor, uint8 (N, 3, H, W)"),
        ({"adversarial": TENSORS.to_sparse(), "files": ["a.png"]}, "must be a tensor, uint8 (N, 3, H, W)"),
        ({"adversarial": [1], "files": ["a.png"]}, "must be a tensor"),
        ({"adversarial": TENSORS, "files": []}, "must be a list of 1 names"),
        ({"adversarial": TENSORS, "files": [3]}, "names an image 3, which is no file name"),
        (
            {"adversarial": TENSORS[:, :, :1, :1].expand(1, 3, 10**5, 10**5), "files": ["a.png"]},
            "more than 178,956,970",
        ),
    ],
)
def test_tensors_that_are_no_export(content: Any, message: str, tmp_path: Path) -> None:
    assert message in refusal(pt(tmp_path, content))


@pytest.mark.parametrize(
    ("columns", "message"),
    [
        ({"file": ["a.png"]}, "has no column adversarial"),
        ({"adversarial": [{"bytes": b"", "path": ""}]}, "has no column file"),
        ({"adversarial": [b""], "file": ["a.png"]}, "the column adversarial is binary and must hold images"),
        (
            {"adversarial": pa.array([{"path": "a", "bytes": None}], pa.struct({"path": "str", "bytes": "binary"}))}
            | {"file": ["a.png"]},
            "holds the path of a.png instead of the image",
        ),
        ({"adversarial": [{"bytes": b""}], "file": [None]}, "names an image None"),
    ],
)
def test_tables_that_are_no_export(columns: dict[str, Any], message: str, tmp_path: Path) -> None:
    assert message in refusal(parquet(tmp_path, columns))


def test_samples_without_adversarial_images_are_no_export(tmp_path: Path) -> None:
    assert "it holds no KEY.adversarial.png" in refusal(tar(tmp_path, {"0.png": b"x"}))
    facts = json.dumps({"id": 3}).encode()
    assert "cannot be read" in refusal(tar(tmp_path, {"0.adversarial.png": b"x", "0.json": facts}))


@pytest.mark.parametrize("to", FORMATS)
@pytest.mark.parametrize("share", [0.3, 0.6, 0.95])
def test_what_is_cut_short_is_refused_or_taken_for_no_export(to: str, share: float, tmp_path: Path) -> None:
    path = exported(tmp_path, to, [pair(number, (20, 20), f"{number}.png") for number in range(len(PAIRS) + 4)])
    file = path / "test.parquet" if path.is_dir() else path
    file.write_bytes(file.read_bytes()[: int(share * file.stat().st_size)])
    with pytest.raises((UserError, AssertionError)) as error:  # without its end, a zip file is of no known kind
        unpacked(path)
    assert isinstance(error.value, UserError) or to in {"npz", "pt"}


@pytest.mark.parametrize("labels", [[0.5], [[0, 1]], [0, 1], "0"])
def test_labels_that_are_no_integers_are_refused(labels: Any, tmp_path: Path) -> None:
    said = {"adversarial": torch.from_numpy(IMAGES).permute(0, 3, 1, 2).contiguous(), "files": ["a.png"]}
    assert "labels must be" in refusal(pt(tmp_path, {**said, "labels": labels}))


def test_small_integers_are_labels(tmp_path: Path) -> None:
    path = npz(tmp_path, adversarial=IMAGES, files=["a.png"], labels=np.array([200], dtype=np.uint8))
    export = open_export(path)
    assert export is not None
    assert (export.labels, export.clean_sha256) == ([200], None)
