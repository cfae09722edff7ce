"""Data sets that the library `datasets` reads, from local files in its formats."""

import io
import json
import os
import sys
import tarfile
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import torch
from PIL import Image

from naa_lightning.data import huggingface
from naa_lightning.data.huggingface import HuggingFaceData
from naa_lightning.exceptions import MissingDataError, UserError
from tests.data.folders import files_and_labels

datasets = pytest.importorskip("datasets")
PIXELS = np.random.default_rng(0).integers(0, 256, (3, 6, 8, 3), dtype=np.uint8)


def encoded(index: int, kind: str = "PNG", **options: Any) -> bytes:
    content = io.BytesIO()
    Image.fromarray(PIXELS[index]).save(content, kind, **options)
    return content.getvalue()


def rows(names: tuple[str, ...] = ("cat", "dog"), **columns: Any) -> Any:
    """Three images with labels, called by their own names."""
    stored = [{"bytes": encoded(index), "path": f"im{index}.png"} for index in range(3)]
    features = datasets.Features({"image": datasets.Image(), "label": datasets.ClassLabel(names=list(names))})
    return datasets.Dataset.from_dict({"image": stored, "label": [1, 0, 1]} | columns, features=features)


def parquet(folder: Path) -> Path:
    folder.mkdir()
    rows().to_parquet(folder / "validation-00000-of-00001.parquet")
    return folder


def parquet_file(folder: Path) -> Path:
    return next(parquet(folder).iterdir())


def on_disk(folder: Path) -> Path:
    rows().save_to_disk(str(folder))
    return folder


def splits_on_disk(folder: Path) -> Path:
    datasets.DatasetDict({"validation": rows()}).save_to_disk(str(folder))
    return folder


def webdataset(folder: Path) -> Path:
    folder.mkdir()
    with tarfile.open(folder / "validation-000.tar", "w") as tar:
        for index, label in enumerate((1, 0, 1)):
            for name, content in ((f"im{index}.png", encoded(index)), (f"im{index}.cls", str(label).encode())):
                info = tarfile.TarInfo(name)
                info.size = len(content)
                tar.addfile(info, io.BytesIO(content))
    return folder


def data(dataset: Path | str, tmp_path: Path, num_classes: int | None = 2, **options: Any) -> HuggingFaceData:
    """A data set whose images are checked and listed."""
    found = HuggingFaceData(dataset=str(dataset), cache=tmp_path / "cache", num_workers=0, **options)
    if num_classes is not None:
        found.expect_classes(num_classes)
    found.setup("predict")
    found.check_files()
    return found


@pytest.mark.parametrize("form", [parquet, parquet_file, on_disk, splits_on_disk, webdataset])
def test_every_form_gives_the_same_images(form: Callable[[Path], Path], tmp_path: Path) -> None:
    found = data(form(tmp_path / "data"), tmp_path)
    assert files_and_labels(found.images.records) == [("im0.png", 1), ("im1.png", 0), ("im2.png", 1)]
    batch = next(iter(found.predict_dataloader()))
    assert torch.equal((batch["image"] * 255).round().to(torch.uint8), torch.from_numpy(PIXELS).permute(0, 3, 1, 2))
    assert found.class_names == (None if form is webdataset else ["cat", "dog"])


def test_a_folder_of_images_is_called_as_its_files(tmp_path: Path) -> None:
    for index, name in enumerate(("validation/dog/a.png", "validation/cat/b.png", "test/cat/c.png")):
        (tmp_path / "data" / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / "data" / name).write_bytes(encoded(index))
    found = data(tmp_path / "data", tmp_path, split="validation")
    assert files_and_labels(found.images.records) == [("validation/cat/b.png", 0), ("validation/dog/a.png", 1)]
    with pytest.raises(UserError, match=r"has the splits .*; choose one with `split="):
        data(tmp_path / "data", tmp_path)
    with pytest.raises(UserError, match=r"has no split validaton; did you mean validation\?"):
        data(tmp_path / "data", tmp_path, split="validaton")


def test_worker_processes_read_them(tmp_path: Path) -> None:
    found = data(parquet(tmp_path / "data"), tmp_path, image_size=4)
    found.num_workers = 2
    assert next(iter(found.predict_dataloader()))["image"].shape == (3, 3, 4, 4)


@pytest.mark.parametrize("paths", [["a.png", "a.png", "b.png"], ["a.png", None, "b.png"], [None] * 3])
def test_images_without_names_of_their_own_are_called_by_their_rows(tmp_path: Path, paths: list[str | None]) -> None:
    stored = [{"bytes": encoded(index), "path": path} for index, path in enumerate(paths)]
    rows(image=stored).save_to_disk(str(tmp_path / "data"))
    found = data(tmp_path / "data", tmp_path)
    assert [record.file for record in found.images.records] == ["00000000.png", "00000001.png", "00000002.png"]


def test_bytes_and_integers_of_any_columns_are_read(tmp_path: Path) -> None:
    made = datasets.Dataset.from_dict(
        {"jpg": [encoded(index) for index in range(3)], "fine_label": [4, 3, 4], "coarse": [1, 2, 1]}
    )
    made.save_to_disk(str(tmp_path / "data"))
    assert [record.label for record in data(tmp_path / "data", tmp_path).images.records] == [4, 3, 4]
    found = data(tmp_path / "data", tmp_path, columns={"label": "coarse"}, first_label=1)
    assert files_and_labels(found.images.records) == [("00000000.png", 0), ("00000001.png", 1), ("00000002.png", 0)]


def test_images_are_decoded_as_those_of_files(tmp_path: Path) -> None:
    """Turned as EXIF data say, on white where they are transparent."""
    exif = Image.Exif()
    exif[0x0112] = 6
    clear = io.BytesIO()
    Image.new("RGBA", (8, 6), (0, 0, 0, 0)).save(clear, "PNG")
    stored = [{"bytes": content, "path": None} for content in (encoded(0, exif=exif), clear.getvalue(), encoded(2))]
    rows(image=stored).save_to_disk(str(tmp_path / "data"))
    images = data(tmp_path / "data", tmp_path).images
    turned = torch.from_numpy(np.rot90(PIXELS[0], -1).copy()).permute(2, 0, 1)
    assert torch.equal(images.read(images.records[0]), turned)
    assert torch.equal(images.read(images.records[1]), torch.full((3, 6, 8), 255, dtype=torch.uint8))


def test_damaged_and_large_images_are_told_at_the_start(tmp_path: Path) -> None:
    whole = encoded(1)
    contents = [encoded(0), whole[: len(whole) // 2], b""]
    stored = [{"bytes": content, "path": f"im{index}.png"} for index, content in enumerate(contents)]
    rows(image=stored).save_to_disk(str(tmp_path / "data"))
    with pytest.raises(UserError, match=r"2 of 3 images are refused: im1\.png cannot be read .*; im2\.png .* is empty"):
        data(tmp_path / "data", tmp_path)
    with pytest.raises(UserError, match=r"im0\.png is 8x6, more than 47 pixels"):
        data(parquet(tmp_path / "small"), tmp_path, max_pixels=47)


def test_classes_have_the_data_sets_own_order(tmp_path: Path) -> None:
    rows(("dog", "cat")).save_to_disk(str(tmp_path / "data"))
    found = data(tmp_path / "data", tmp_path)
    assert ([record.label for record in found.images.records], found.class_names) == ([1, 0, 1], ["dog", "cat"])


def test_classes_that_are_not_all_of_the_networks_are_found_by_name_or_file(tmp_path: Path) -> None:
    rows(("n01440764", "n15075141")).save_to_disk(str(tmp_path / "ids"))
    assert [record.label for record in data(tmp_path / "ids", tmp_path, 1000).images.records] == [999, 0, 999]
    rows().save_to_disk(str(tmp_path / "words"))
    with pytest.raises(UserError, match=r"have 2 classes \(cat, dog\), and the network 10, .*`class_map=FILE`"):
        data(tmp_path / "words", tmp_path, 10)
    (tmp_path / "map.csv").write_text("dog,7\ncat,3\n")
    found = data(tmp_path / "words", tmp_path, 10, class_map=tmp_path / "map.csv")
    assert [record.label for record in found.images.records] == [7, 3, 7]


def test_images_without_labels_are_told(tmp_path: Path) -> None:
    rows().map(lambda row: {"label": -1}).save_to_disk(str(tmp_path / "data"))
    with pytest.raises(UserError, match="row 0: it has no label; choose a split that has labels"):
        data(tmp_path / "data", tmp_path)


def test_columns_that_are_not_there_are_told(tmp_path: Path) -> None:
    folder = on_disk(tmp_path / "data")
    with pytest.raises(UserError, match=r"`columns=\{label:lable\}` is no column of .*; did you mean label\?"):
        data(folder, tmp_path, columns={"label": "lable"})
    with pytest.raises(ValueError, match=r"there is no column columns\.lable; did you mean label\?"):
        data(folder, tmp_path, columns={"lable": "label"})
    rows().rename_column("label", "other").remove_columns("image").save_to_disk(str(tmp_path / "none"))
    with pytest.raises(
        UserError, match=r"columns of .*none, other, holds images; name one with `columns=\{image:NAME\}`"
    ):
        data(tmp_path / "none", tmp_path)


def test_options_of_other_data_sets_are_refused(tmp_path: Path) -> None:
    folder = on_disk(tmp_path / "data")
    rows().cast_column("label", datasets.Value("int64")).save_to_disk(str(tmp_path / "numbers"))
    for place, options, message in (
        (folder, {"first_label": 1}, "names the classes of its column label, so that `first_label` says nothing"),
        (tmp_path / "numbers", {"class_map": tmp_path / "map.csv"}, "holds numbers or texts and no named classes"),
        (folder, {"revision": "main"}, "`revision=main` is of published data sets"),
        (folder, {"subset": "small"}, "`subset=small` is none of .*, which save_to_disk has left"),
    ):
        with pytest.raises(UserError, match=message):
            data(place, tmp_path, **options)


def as_paths(folder: Path, *paths: str) -> Path:
    """A data set whose rows name files instead of holding images."""
    folder.mkdir(exist_ok=True)
    stored = pa.array([{"bytes": None, "path": path} for path in paths])
    schema = pa.table({"image": stored, "label": [0] * len(paths)}).schema
    info = {"info": {"features": {"image": {"_type": "Image"}, "label": {"dtype": "int64", "_type": "Value"}}}}
    table = pa.table(
        {"image": stored, "label": [0] * len(paths)}, schema.with_metadata({"huggingface": json.dumps(info)})
    )
    pq.write_table(table, folder / "data.parquet")
    return folder


def test_rows_name_no_files_of_others(tmp_path: Path) -> None:
    own, secret = tmp_path / "data" / "own.png", tmp_path / "secret.png"
    own.parent.mkdir()
    for path in (own, secret):
        path.write_bytes(encoded(0))
    assert len(data(as_paths(tmp_path / "data", str(own)), tmp_path).images) == 1
    pipe = tmp_path / "data" / "pipe.png"
    os.mkfifo(pipe)
    for named in (str(secret), str(own.parent / ".." / secret.name), "/dev/zero", str(pipe)):
        with pytest.raises(UserError, match="is none of the data set's own files; put the image itself into its row"):
            data(as_paths(tmp_path / "data", named), tmp_path)


def test_images_in_an_archive_are_read(tmp_path: Path) -> None:
    (tmp_path / "data").mkdir()
    with zipfile.ZipFile(tmp_path / "data" / "pets.zip", "w") as archive:
        archive.writestr("metadata.csv", "file_name,label\ncat/a.png,1\ndog/b.png,0\n")
        for index, name in enumerate(("cat/a.png", "dog/b.png")):
            archive.writestr(name, encoded(index))
    found = data(tmp_path / "data", tmp_path)
    assert [(record.file, record.label) for record in found.images.records] == [("cat/a.png", 1), ("dog/b.png", 0)]
    np.testing.assert_array_equal(found.images.read(found.images.records[1]).permute(1, 2, 0).numpy(), PIXELS[1])


def test_a_struct_without_an_image_is_told(tmp_path: Path) -> None:
    stored = [{"bytes": encoded(0)}, {"bytes": None}]
    features = datasets.Features({"image": {"bytes": datasets.Value("binary")}, "label": datasets.Value("int64")})
    datasets.Dataset.from_dict({"image": stored, "label": [0, 1]}, features=features).save_to_disk(tmp_path / "data")
    with pytest.raises(UserError, match=r"00000001\.png cannot be read as an image \(it is empty\)"):
        data(tmp_path / "data", tmp_path)


def test_no_code_of_a_data_set_is_run(tmp_path: Path) -> None:
    folder = tmp_path / "mine"
    folder.mkdir()
    (folder / "mine.py").write_text(f"open({str(tmp_path / 'ran')!r}, 'w')\nimport datasets\n")
    with pytest.raises(UserError, match=r"cannot be read .*scripts are no longer supported"):
        data(folder, tmp_path)
    assert not (tmp_path / "ran").exists()


def test_a_published_one_out_of_reach_is_told_at_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(huggingface, "is_online", lambda _: False)
    with pytest.raises(MissingDataError, match=r"`dataset=someone/pets` is no file .*out of reach; connect") as error:
        data("someone/pets", tmp_path)
    assert "\n" not in str(error.value)


@pytest.mark.parametrize("name", ["bad.parquet", "bad.tar", "bad.txt"])
def test_damaged_files_are_one_line(tmp_path: Path, name: str) -> None:
    (tmp_path / name).write_bytes(b"no data set")
    with pytest.raises(UserError) as error:
        data(tmp_path / name, tmp_path)
    assert str(tmp_path / name) in str(error.value)
    assert "\n" not in str(error.value)


def test_without_the_library_the_extra_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "datasets", None)
    with pytest.raises(UserError, match=r"pip install 'naa_lightning\[huggingface\]'"):
        data(tmp_path, tmp_path)


def test_paths_in_rows_may_start_in_the_folder_of_the_data_set(tmp_path: Path) -> None:
    (tmp_path / "data" / "images").mkdir(parents=True)
    (tmp_path / "data" / "images" / "own.png").write_bytes(encoded(2))
    found = data(as_paths(tmp_path / "data", "images/own.png"), tmp_path, split="train")
    np.testing.assert_array_equal(found.images.read(found.images.records[0]).permute(1, 2, 0).numpy(), PIXELS[2])
