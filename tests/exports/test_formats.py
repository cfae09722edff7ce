"""Exports are read by the libraries of their formats, and read back."""

import json
import tarfile
import zipfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from naa_lightning.exceptions import UserError
from naa_lightning.exports import FORMATS, Description, ImagePair, kind_of, open_export, write_export
from tests.exports.cases import FILES, KNOWN, NAMES, ORIGIN, PAIRS, channels_last, exported, levels, pair, unpacked

UNNAMED = Description(None, ORIGIN)


def contents(path: Path) -> dict[str, bytes]:
    files = sorted(file for file in path.rglob("*") if file.is_file()) if path.is_dir() else [path]
    return {file.relative_to(path).as_posix(): file.read_bytes() for file in files}


def read_by_datasets(monkeypatch: pytest.MonkeyPatch, cache: Path, *words: str, **options: Any) -> Any:
    """What `datasets` reads, which asks nothing of the network."""
    datasets = pytest.importorskip("datasets")
    monkeypatch.setattr("datasets.config.HF_HUB_OFFLINE", True)
    return datasets.load_dataset(*words, cache_dir=str(cache), **options)


def test_numpy_reads_arrays_without_pickles(tmp_path: Path) -> None:
    found = np.load(exported(tmp_path, "npz"), allow_pickle=False)
    for kind in ("clean", "adversarial"):
        assert (found[kind].dtype, found[kind].shape) == (np.uint8, (4, 5, 4, 3))
        for image, made in zip(found[kind], PAIRS, strict=True):
            np.testing.assert_array_equal(image, channels_last(getattr(made, kind)))
    assert {found[name].dtype for name in ("labels", "target_classes", "ids")} == {np.dtype(np.int64)}
    assert found["labels"].tolist() == [0, 1, 2, 0]
    assert found["target_classes"].tolist() == [1, 2, 0, 1]
    assert found["ids"].tolist() == [7, 12, 17, 22]
    assert found["files"].tolist() == FILES
    assert found["adversarial_sha256"].tolist() == ["a0", "a1", "a2", "a3"]
    assert found["class_names"].tolist() == NAMES
    assert json.loads(str(found["origin"])) == ORIGIN


def test_torch_reads_tensors_and_loads_no_objects(tmp_path: Path) -> None:
    found = torch.load(exported(tmp_path, "pt"), weights_only=True)
    for kind in ("clean", "adversarial"):
        torch.testing.assert_close(found[kind], torch.stack([getattr(made, kind) for made in PAIRS]), rtol=0, atol=0)
    assert found["labels"].dtype == found["ids"].dtype == torch.int64
    assert (found["labels"].tolist(), found["ids"].tolist()) == ([0, 1, 2, 0], [7, 12, 17, 22])
    assert (found["target_classes"].tolist(), found["files"]) == ([1, 2, 0, 1], FILES)
    assert (found["class_names"], json.loads(found["origin"])) == (NAMES, ORIGIN)


@pytest.mark.parametrize("to", ["npz", "pt"])
def test_names_that_are_unknown_are_left_out(to: str, tmp_path: Path) -> None:
    path = exported(tmp_path, to, description=UNNAMED)
    found = np.load(path) if to == "npz" else torch.load(path, weights_only=True)
    assert "class_names" not in found


def test_datasets_reads_a_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    datasets = pytest.importorskip("datasets")
    path = exported(tmp_path, "huggingface")
    found = read_by_datasets(monkeypatch, tmp_path / "cache", str(path), split="test")
    assert isinstance(found.features["clean"], datasets.Image)
    assert isinstance(found.features["adversarial"], datasets.Image)
    assert found.features["label"].names == NAMES
    assert len(found) == 4
    for row, made in zip(found, PAIRS, strict=True):
        for kind in ("clean", "adversarial"):
            np.testing.assert_array_equal(np.array(row[kind]), channels_last(getattr(made, kind)))
        assert {name: row[name] for name in made.facts} == made.facts


def test_labels_without_names_are_numbers(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = exported(tmp_path, "huggingface", description=UNNAMED)
    found = read_by_datasets(monkeypatch, tmp_path / "cache", str(path), split="test")
    assert str(found.features["label"].dtype) == "int64"
    assert found["label"][:] == [0, 1, 2, 0]


def test_datasets_reads_a_webdataset(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = exported(tmp_path, "webdataset")
    cache = tmp_path / "cache"
    found = read_by_datasets(monkeypatch, cache, "webdataset", data_files=str(path), split="train")
    assert len(found) == 4
    for row, made in zip(found, PAIRS, strict=True):
        for kind in ("clean", "adversarial"):
            np.testing.assert_array_equal(np.array(row[f"{kind}.png"]), channels_last(getattr(made, kind)))
        assert (row["cls"], row["json"]) == (made.label, made.facts)


def test_keys_of_a_webdataset_are_its_own_and_end_at_the_first_dot(tmp_path: Path) -> None:
    with tarfile.open(exported(tmp_path, "webdataset"), "r:") as archive:
        names = archive.getnames()
        assert json.loads(archive.pax_headers["comment"]) == {**ORIGIN, "class_names": NAMES}
        assert {member.mtime for member in archive} == {0}
    assert names == sorted(names)
    keys = [name.partition(".")[0] for name in names]
    assert len(set(keys)) == 4
    assert {name.partition(".")[2] for name in names} == {"adversarial.png", "clean.png", "cls", "json"}


@pytest.mark.parametrize("to", FORMATS)
def test_what_is_exported_twice_is_the_same_to_the_byte(to: str, tmp_path: Path) -> None:
    first, second = (exported(tmp_path / place, to) for place in ("a", "b"))
    assert contents(first) == contents(second)


@pytest.mark.parametrize("to", FORMATS)
def test_adversarial_images_are_read_back_whatever_the_export_is_called(to: str, tmp_path: Path) -> None:
    path = exported(tmp_path, to).rename(tmp_path / "renamed.bin")
    assert kind_of(path) == to
    export = open_export(path)
    assert export is not None
    assert (export.files, export.origin["config"]) == (FILES, ORIGIN["config"])
    found = unpacked(path)
    assert sorted(found) == sorted(FILES)
    for made in PAIRS:
        np.testing.assert_array_equal(levels(found[made.file]), channels_last(made.adversarial))
    assert [file for file, _ in export.images(["cats/1.jpg"])] == ["cats/1.jpg"]


@pytest.mark.parametrize("to", ["npz", "pt"])
def test_images_of_several_sizes_are_refused_where_one_is_needed(to: str, tmp_path: Path) -> None:
    with pytest.raises(UserError) as error:
        exported(tmp_path, to, [*PAIRS, pair(4, size=(4, 5), file="other.png")])
    assert str(error.value) == (
        "cats/1.jpg is 4x5, other.png is 5x4, and this format needs images of one size: export to webdataset or "
        "huggingface, which take any"
    )
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize("to", ["webdataset", "huggingface"])
def test_images_of_several_sizes_are_taken_by_the_others(to: str, tmp_path: Path) -> None:
    found = unpacked(exported(tmp_path, to, [pair(0), pair(1, size=(40, 30))]))
    assert [levels(found[file]).shape for file in FILES[:2]] == [(5, 4, 3), (40, 30, 3)]


@pytest.mark.parametrize("to", FORMATS)
def test_an_export_that_fails_leaves_nothing(to: str, tmp_path: Path) -> None:
    def failing() -> Iterator[ImagePair]:
        yield from PAIRS
        raise UserError("a clean image is gone")

    with pytest.raises(UserError, match="a clean image is gone"):
        write_export(to, tmp_path / "export", failing(), KNOWN)
    assert not list(tmp_path.iterdir())


def test_other_files_and_folders_are_no_exports(tmp_path: Path) -> None:
    (tmp_path / "predictions.parquet").write_bytes(b"PAR1")
    (tmp_path / "text.npz").write_text("text")
    (tmp_path / "empty.tar").write_bytes(b"")
    with zipfile.ZipFile(tmp_path / "images.zip", "w") as archive:
        archive.writestr("a.png", b"")
    assert [kind_of(path) for path in (tmp_path, tmp_path / "nowhere", *tmp_path.iterdir())] == [None] * 6
    assert open_export(tmp_path) is None
