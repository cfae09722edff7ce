"""ImageNet's flat folder of validation images, with its own label files."""

import hashlib
import shutil
import tarfile
from pathlib import Path

import numpy as np
import pytest
from scipy.io import savemat
from torchvision.datasets import imagenet

from naa_lightning.class_names import imagenet_ids
from naa_lightning.data.folder import FolderData
from naa_lightning.exceptions import UserError
from tests.data.folders import files_and_labels, paint

IMAGES = [f"ILSVRC2012_val_{number:08d}.JPEG" for number in range(1, 5)]
IDS = ("n02123045", "n01440764", "n15075141", "n01484850")
CLASSES = [281, 0, 999, 2]
FIELDS = [("ILSVRC2012_ID", "O"), ("WNID", "O"), ("words", "O"), ("gloss", "O"), ("num_children", "O")]


def flat(root: Path) -> Path:
    return paint(root, *IMAGES)


def devkit(folder: Path, numbers: str = "4\n1\n3\n2\n") -> Path:
    """The devkit's two files: it counts the classes in another order, and after them those made of others."""
    folder.mkdir(parents=True)
    order = ("n01440764", "n01484850", "n15075141", "n02123045")
    rows = [(number, name, "words", "gloss", 0) for number, name in enumerate(order, start=1)]
    synsets = np.array([*rows, (1001, "n00001740", "entity", "gloss", 2)], dtype=FIELDS)
    savemat(folder / "meta.mat", {"synsets": synsets[:, None]})
    (folder / "ILSVRC2012_validation_ground_truth.txt").write_text(numbers)
    return folder / "ILSVRC2012_validation_ground_truth.txt"


def kaggle(folder: Path) -> Path:
    rows = [f"{Path(image).stem},{id} 1 2 3 4 {id} 5 6 7 8 " for image, id in zip(IMAGES, IDS, strict=True)]
    (folder / "LOC_val_solution.csv").write_text("\n".join(["ImageId,PredictionString", *reversed(rows)]) + "\n")
    return folder / "LOC_val_solution.csv"


def test_the_devkits_labels_are_those_that_torchvision_reads(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    csv = devkit(tmp_path / "ILSVRC2012_devkit_t12" / "data")
    archive = tmp_path / "ILSVRC2012_devkit_t12.tar.gz"
    with tarfile.open(archive, "w:gz") as tar:
        tar.add(tmp_path / "ILSVRC2012_devkit_t12", "ILSVRC2012_devkit_t12")
    digest = hashlib.md5(archive.read_bytes()).hexdigest()
    monkeypatch.setitem(imagenet.ARCHIVE_META, "devkit", (archive.name, digest))
    imagenet.parse_devkit_archive(tmp_path)
    _, ids = imagenet.load_meta_file(tmp_path)
    expected = [sorted(imagenet_ids()).index(id) for id in ids]
    records = FolderData(root=flat(tmp_path / "val"), csv=csv).load().records
    assert (
        files_and_labels(records) == list(zip(IMAGES, expected, strict=True)) == list(zip(IMAGES, CLASSES, strict=True))
    )


def test_kaggles_labels_are_wordnet_ids(tmp_path: Path) -> None:
    root = flat(tmp_path / "val")
    expected = list(zip(IMAGES, CLASSES, strict=True))[::-1]
    assert files_and_labels(FolderData(root=root, csv=kaggle(tmp_path)).load().records) == expected
    for image in IMAGES[1:]:
        shutil.move(root / image, (root / image).with_suffix(".png"))
    (root / IMAGES[0]).unlink()
    records = FolderData(root=root, csv=kaggle(tmp_path)).load().records
    assert [(record.id, record.label) for record in records] == [(0, 2), (1, 999), (2, 0)]
    assert [record.file for record in records] == [str(Path(image).with_suffix(".png")) for image in IMAGES[:0:-1]]


def test_an_image_has_the_row_of_the_whole_set_as_its_id(tmp_path: Path) -> None:
    root = paint(tmp_path / "val", IMAGES[1], IMAGES[3])
    records = FolderData(root=root, csv=devkit(tmp_path / "data")).load().records
    assert [(record.id, record.label) for record in records] == [(1, 0), (3, 2)]


def test_what_is_wrong_with_these_files_is_told(tmp_path: Path) -> None:
    root = flat(tmp_path / "val")
    csv = devkit(tmp_path / "bad", numbers="1\nx\n")
    with pytest.raises(UserError, match=r"line 2: 'x' is no ILSVRC2012_ID of meta\.mat"):
        FolderData(root=root, csv=csv).load()
    with pytest.raises(UserError, match="line 1: '1001' is no ILSVRC2012_ID"):
        FolderData(root=root, csv=devkit(tmp_path / "made", numbers="1001\n")).load()
    (csv.parent / "meta.mat").write_bytes(b"no mat file")
    with pytest.raises(UserError, match=r"meta\.mat cannot be read as the development kit's \("):
        FolderData(root=root, csv=csv).load()
    (csv.parent / "meta.mat").unlink()
    with pytest.raises(UserError, match=r"meta\.mat is missing, which says what the numbers .*; put it beside"):
        FolderData(root=root, csv=csv).load()
    csv.unlink()
    with pytest.raises(UserError, match=r"`csv=.*ground_truth\.txt` is not a file"):
        FolderData(root=root, csv=csv).load()
    (tmp_path / "LOC.csv").write_text("ImageId,PredictionString\nILSVRC2012_val_00000001,n00000000 1 2 3 4\n")
    with pytest.raises(UserError, match=r"row 1: 'n00000000' is no WordNet id of ImageNet-1k"):
        FolderData(root=root, csv=tmp_path / "LOC.csv").load()
    with pytest.raises(UserError, match=r"other holds none of the 4 images of .*, such as ILSVRC2012_val_00000004"):
        FolderData(root=paint(tmp_path / "other", "a.png"), csv=kaggle(tmp_path)).load()
    with pytest.raises(UserError, match="is ImageNet's own, which is read as it is; leave out `columns`"):
        FolderData(root=root, csv=kaggle(tmp_path), first_label=1).load()
    paint(root, f"small/{Path(IMAGES[0]).stem}.png")
    with pytest.raises(UserError, match=rf"holds {IMAGES[0]} and small/.*\.png, both of one image; remove one"):
        FolderData(root=root, csv=kaggle(tmp_path)).load()
