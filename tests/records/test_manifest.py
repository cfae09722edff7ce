"""The manifest survives kills, damage and changed data sets."""

import hashlib
from pathlib import Path

import pytest

from naa_lightning.data import ImageRecord
from naa_lightning.exceptions import UserError
from naa_lightning.records import Manifest, SavedImage, adversarial_name

RECORDS = [ImageRecord(0, "cat/a,b.jpg", 1), ImageRecord(5, "dog/c.png", 2)]


def save(manifest: Manifest, record: ImageRecord) -> SavedImage:
    file = adversarial_name(record)
    content = f"image {record.id}".encode()
    (manifest.folder / file).parent.mkdir(parents=True, exist_ok=True)
    (manifest.folder / file).write_bytes(content)
    row = SavedImage(
        record.id, file, record.label, -1, hashlib.sha256(content).hexdigest(), 0.25, 40, positive_share=0.5
    )
    manifest.add(row)
    return row


@pytest.fixture
def manifest(tmp_path: Path) -> Manifest:
    manifest = Manifest(tmp_path / "adversarial")
    assert manifest.repair(RECORDS) == {}
    for record in RECORDS:
        save(manifest, record)
    return manifest


def test_rows_come_back_as_they_were_added(manifest: Manifest) -> None:
    rows = manifest.read()
    assert list(rows) == [0, 5]
    assert rows[0].file == "cat/a,b.png"
    assert (rows[5].label, rows[5].seconds, rows[5].gradient_evaluations, rows[5].positive_share) == (2, 0.25, 40, 0.5)
    assert rows[5].explained != rows[5].explained  # NaN: this attack attributed nothing


@pytest.mark.parametrize("cut", [1, 10, 60])
def test_a_row_cut_short_is_crafted_again(manifest: Manifest, cut: int) -> None:
    manifest.path.write_bytes(manifest.path.read_bytes()[:-cut])
    assert list(manifest.read()) == [0]
    assert list(manifest.repair(RECORDS)) == [0]
    save(manifest, RECORDS[1])
    assert list(manifest.read()) == [0, 5]


def test_a_damaged_or_missing_image_is_crafted_again(manifest: Manifest) -> None:
    (manifest.folder / "cat/a,b.png").write_bytes(b"damaged")
    (manifest.folder / "dog/c.png").unlink()
    assert manifest.repair(RECORDS) == {}
    assert manifest.read() == {}


def test_images_of_a_larger_limit_are_kept(manifest: Manifest) -> None:
    assert list(manifest.repair(RECORDS[:1])) == [0, 5]


@pytest.mark.parametrize(
    "other",
    [ImageRecord(5, "dog/d.png", 2), ImageRecord(5, "dog/c.png", 3), ImageRecord(5, "dog/c.png", 2, target_class=3)],
)
def test_another_data_set_is_refused(manifest: Manifest, other: ImageRecord) -> None:
    with pytest.raises(
        UserError, match=r"lists dog/c\.png \(label 2\) as image 5, where the data set has .*: choose another folder$"
    ):
        manifest.repair([other])


@pytest.mark.parametrize("file", ["=cmd|'x'!A1.png", "@x/1.png", "-1.png", "'=1.png", "'a.png"])
def test_no_name_is_a_formula_and_all_come_back(file: str, tmp_path: Path) -> None:
    manifest = Manifest(tmp_path / "adversarial")
    manifest.repair([])
    save(manifest, ImageRecord(3, file, 1))
    assert [row.file for row in manifest.repair([ImageRecord(3, file, 1)]).values()] == [file]
    cell = manifest.path.read_text().splitlines()[1].split(",")[1].strip('"')
    assert not cell.startswith(("=", "@", "-"))
