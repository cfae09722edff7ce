import hashlib
import shutil
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from naa_lightning.data import ImageRecord, nips2017
from naa_lightning.data.nips2017 import Nips2017Data
from naa_lightning.exceptions import UserError

IDS = ("0011223344556677", "00aabbccddeeff00", "ff00000000000001")
LABELS = (389, 1, 1000)
TARGETS = (963, 2, 3)


def paint(path: Path, value: int) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray(np.full((5, 5, 3), value, dtype=np.uint8)).save(path)


def write_competition_csv(folder: Path) -> None:
    rows = [f"{i},http://x,0,{label},{target}" for i, label, target in zip(IDS, LABELS, TARGETS, strict=True)]
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "dev_dataset.csv").write_text("\n".join(["ImageId,URL,x1,TrueLabel,TargetClass", *reversed(rows)]))


def competition(root: Path, images: str = "images") -> Path:
    write_competition_csv(root)
    for value, image_id in enumerate(IDS):
        paint(root / images / f"{image_id}.png", value)
    return root


def numbered(root: Path, images: str = "images") -> Path:
    for value in range(3):
        paint(root / images / f"{value + 1}.png", value)
    (root / "labels.txt").write_text("".join(f"{label}\n" for label in LABELS))
    return root


def authors_clone(root: Path) -> Path:
    numbered(root / "dataset")
    write_competition_csv(root / "dataset")
    (root / "dataset" / "labels.txt").rename(root / "labels.txt")
    return root / "dataset"


def with_labels_csv(root: Path, images: str = "images") -> Path:
    for value, image_id in enumerate(IDS):
        paint(root / images / f"{image_id}.png", value)
    rows = [f"{i}.png,{label - 1},{target - 1}" for i, label, target in zip(IDS, LABELS, TARGETS, strict=True)]
    (root / "labels.csv").write_text("\n".join(["filename,label,targeted_label", *rows]))
    return root


def loaded(root: Path, limit: int | None = None) -> Nips2017Data:
    data = Nips2017Data(cache="unused", root=root, num_workers=0, limit=limit)
    data.setup("predict")
    return data


@pytest.mark.parametrize("images", [".", "images"])
@pytest.mark.parametrize("layout", [competition, numbered, with_labels_csv])
def test_all_formats_give_the_same_images(layout: Callable[[Path, str], Path], images: str, tmp_path: Path) -> None:
    data = loaded(layout(tmp_path / "copy", images))
    batch = next(iter(data.predict_dataloader()))
    assert batch["id"].tolist() == [0, 1, 2]
    assert batch["label"].tolist() == [388, 0, 999]
    assert (batch["image"][:, 0, 0, 0] * 255).tolist() == [0, 1, 2]
    targets = [record.target_class for record in data.images.records]
    assert targets == ([None] * 3 if layout is numbered else [962, 1, 2])


def test_classes_have_imagenets_names(tmp_path: Path) -> None:
    names = loaded(competition(tmp_path)).class_names
    assert names is not None
    assert (len(names), names[0], names[281], names[999]) == (1000, "tench", "tabby", "toilet tissue")


def test_a_file_may_call_the_classes_otherwise(tmp_path: Path) -> None:
    file = tmp_path / "names.txt"
    for count in (1000, 1001):
        file.write_text("".join(f"n{index}\n" for index in range(count)))
        data = Nips2017Data(cache="unused", root=competition(tmp_path / str(count)), class_names=file)
        if count == 1001:
            with pytest.raises(
                UserError, match="names 1001 classes, and nips2017 has 1000; remove the names of others"
            ):
                data.setup("predict")
        else:
            data.setup("predict")
            assert data.class_names is not None
            assert data.class_names[999] == "n999"


def test_the_authors_clone_has_targets_too(tmp_path: Path) -> None:
    root = authors_clone(tmp_path)
    expected = [ImageRecord(0, "images/1.png", 388, 962), ImageRecord(1, "images/2.png", 0, 1)]
    assert loaded(root, limit=2).images.records == expected
    (tmp_path / "labels.txt").unlink()
    assert loaded(root, limit=2).images.records == expected


def test_targets_of_a_csv_that_disagrees_with_the_labels_are_not_used(tmp_path: Path) -> None:
    root = authors_clone(tmp_path)
    (tmp_path / "labels.txt").write_text("389\n1\n999\n")
    assert [(record.label, record.target_class) for record in loaded(root).images.records] == [
        (388, None),
        (0, None),
        (998, None),
    ]


@pytest.mark.parametrize(
    ("layout", "file"),
    [(competition, f"{IDS[1]}.png"), (numbered, "2.png"), (authors_clone, "2.png"), (with_labels_csv, f"{IDS[1]}.png")],
)
def test_a_row_without_its_file_is_named(layout: Callable[[Path], Path], file: str, tmp_path: Path) -> None:
    root = layout(tmp_path / "copy")
    (root / "images" / file).unlink()
    assert len(loaded(root, limit=1).images) == 1
    with pytest.raises(UserError, match=rf"row 2: images/{file} is missing from"):
        loaded(root)


def test_mistakes_in_label_files_are_named(tmp_path: Path) -> None:
    root = numbered(tmp_path / "numbered")
    (root / "labels.txt").write_text("389\ncat\n1000\n")
    with pytest.raises(UserError, match=r"labels\.txt, line 2: 'cat' is not a class index"):
        loaded(root)
    (root / "labels.txt").write_text("389\n0\n1000\n")
    with pytest.raises(UserError, match=r"images/2\.png has the label -1, .*permit 0 to 999"):
        loaded(root)
    (root / "labels.txt").unlink()
    with pytest.raises(UserError, match=r"has no dev_dataset\.csv, labels\.txt or labels\.csv that fits"):
        loaded(root)
    write_competition_csv(root)
    paint(root / "images" / "4.png", 0)
    with pytest.raises(UserError, match=r"dev_dataset\.csv does not list as many images"):
        loaded(root)
    (root / "dev_dataset.csv").write_text("ImageId,TrueLabel\n")
    with pytest.raises(UserError, match=r"lacks the column TargetClass; it has ImageId, TrueLabel"):
        loaded(root)


def test_no_copy_and_no_download(tmp_path: Path) -> None:
    data = Nips2017Data(cache=tmp_path / "absent", download=False)
    data.prepare_data()
    with pytest.raises(UserError, match=r"absent holds no copy .*`root=PATH`.*`download=true`"):
        data.setup("predict")


@pytest.fixture
def published(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A site with three images in place of the thousand."""
    site = tmp_path / "site"
    authors_clone(site)
    images = site / "dataset" / "images"
    digests = {i: hashlib.sha256((images / f"{n + 1}.png").read_bytes()).digest() for n, i in enumerate(IDS)}
    monkeypatch.setattr(nips2017, "published_digests", lambda: digests)
    return site


def prepared(root: Path, url: str, limit: int | None = None) -> Nips2017Data:
    data = Nips2017Data(cache=root, url=url, num_workers=0, limit=limit)
    data.prepare_data()
    data.setup("predict")
    return data


def test_download_continues_under_a_larger_limit(published: Path, serve: Callable[[Path], str], tmp_path: Path) -> None:
    url, root = serve(published), tmp_path / "data" / "nips2017"
    assert len(prepared(root, url, limit=1).images) == 1
    assert [path.name for path in root.glob("**/*.png")] == [f"{IDS[0]}.png"]
    data = prepared(root, url)
    assert data.images.records == loaded(competition(tmp_path / "local")).images.records
    assert [round(float(image["image"].max() * 255)) for image in (data.images[i] for i in range(3))] == [0, 1, 2]
    prepared(root, "http://127.0.0.1:1")


def test_a_local_copy_is_completed_but_a_selection_is_left_alone(
    published: Path, serve: Callable[[Path], str], tmp_path: Path
) -> None:
    url = serve(published)
    root = competition(tmp_path / "full")
    (root / "images" / f"{IDS[2]}.png").unlink()
    assert len(prepared(root, url).images) == 3
    (root / "images" / f"{IDS[1]}.png").unlink()
    with pytest.raises(UserError, match=f"row 2: images/{IDS[1]}.png is missing"):
        loaded(root)
    selection = with_labels_csv(tmp_path / "selection")
    (selection / "labels.csv").write_text(f"filename,label\n{IDS[0]}.png,1\n{IDS[2]}.png,1\n")
    (selection / "images" / f"{IDS[2]}.png").unlink()
    with pytest.raises(UserError, match=f"row 2: images/{IDS[2]}.png is missing"):
        prepared(selection, url)


def test_a_site_with_another_list_is_refused(published: Path, serve: Callable[[Path], str], tmp_path: Path) -> None:
    csv = published / "dataset" / "dev_dataset.csv"
    csv.write_text(csv.read_text().replace(IDS[1], "00aabbccddeeff01"))
    with pytest.raises(UserError, match="does not list the 1,000 published images"):
        prepared(tmp_path / "root", serve(published))
    assert not (tmp_path / "root").exists()


def test_an_unreachable_site_names_the_remedies(tmp_path: Path) -> None:
    message = r"root/dev_dataset\.csv is missing and .* is out of reach.*`root=PATH`"
    with pytest.raises(UserError, match=message):
        prepared(tmp_path / "root", "http://127.0.0.1:1")


@pytest.fixture
def real() -> Path:
    folder = Path(__file__).parents[2].parent / "shared" / "images"
    if not folder.is_dir():
        pytest.skip(f"{folder} with images of the competition is not there")
    return folder


def test_the_packaged_digests_are_those_of_the_real_images(real: Path) -> None:
    digests = nips2017.published_digests()
    files = list((real / "images").glob("*.png"))
    assert files
    assert all(hashlib.sha256(file.read_bytes()).digest() == digests[file.stem] for file in files)
    assert list(digests) == sorted(digests)


def test_real_images_load(real: Path) -> None:
    data = loaded(real, limit=2)
    data.prepare_data()
    with Image.open(real / "images" / "0134ba03294509a1.png") as image:
        expected = np.asarray(image)
    assert data.images.records[1] == ImageRecord(1, "images/0134ba03294509a1.png", 981, 354)
    pixels = (data.images[1]["image"].permute(1, 2, 0) * 255).round().numpy().astype(np.uint8)
    assert np.array_equal(pixels, expected)


def test_real_images_numbered_keep_their_labels(real: Path, tmp_path: Path) -> None:
    by_id = loaded(real, limit=3).images.records
    for record in by_id:
        shutil.copy(real / record.file, tmp_path / f"{record.id + 1}.png")
    (tmp_path / "labels.txt").write_text("".join(f"{record.label + 1}\n" for record in by_id))
    assert [record.label for record in loaded(tmp_path).images.records] == [record.label for record in by_id]
