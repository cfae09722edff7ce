import hashlib
import pickle
import shutil
import socket
import tarfile
from collections.abc import Callable, Iterable
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image
from torchvision.datasets import CIFAR10

from naa_lightning.data import Batch, LabelledImages, cifar10
from naa_lightning.data.cifar10 import CLASSES, Cifar10Data
from naa_lightning.exceptions import UserError

TRAIN, TEST = 4, 2


def colour(label: int, rank: int) -> tuple[int, int, int]:
    return label, rank, 255 - label


def paint(folder: Path, images: int) -> None:
    for label, name in enumerate(CLASSES):
        (folder / name).mkdir(parents=True)
        for rank in range(images):
            Image.new("RGB", (32, 32), colour(label, rank)).save(folder / name / f"{rank:04d}.png")


@pytest.fixture
def tree(tmp_path: Path) -> Path:
    """Four training and two test images per class."""
    paint(tmp_path / "tree" / "train", TRAIN)
    paint(tmp_path / "tree" / "test", TEST)
    return tmp_path / "tree"


def from_tree(
    tree: Path, *, limit: int | None = None, validation_every: int = 25, batch_size: int = 256
) -> Cifar10Data:
    data = Cifar10Data(
        root=tree, cache=tree / "unused", limit=limit, validation_every=validation_every, batch_size=batch_size
    )
    data.prepare_data()
    data.setup("fit")
    return data


def pixels(images: LabelledImages, index: int) -> torch.Tensor:
    return (images[index]["image"] * 255).round().to(torch.uint8)


def test_the_first_images_of_a_tree_are_of_all_classes_alike(tree: Path) -> None:
    data = from_tree(tree, limit=13)
    records = data.images.records
    assert [record.label for record in records] == [*range(10), 0, 1, 2]
    assert [record.id for record in records] == list(range(13))
    assert [record.target_class for record in records] == [1, 2, 3, 4, 5, 6, 7, 8, 9, 0, 1, 2, 3]
    assert (records[5].file, records[11].file) == ("dog/0000.png", "automobile/0001.png")
    assert pixels(data.images, 11)[:, 31, 0].tolist() == list(colour(1, 1))
    assert data.images[11]["image"].shape == (3, 32, 32)
    assert (data.num_classes, tuple(data.class_names)) == (10, CLASSES)


def test_classes_of_unequal_size_keep_their_ranks(tree: Path) -> None:
    (tree / "test" / "cat" / "0000.png").unlink()
    shutil.copy(tree / "test" / "dog" / "0000.png", tree / "test" / "dog" / "0002.JPEG")
    records = from_tree(tree).images.records
    labels = [*range(10), *(label for label in range(10) if label != 3), 5]
    assert [record.label for record in records] == labels
    assert records[-1].file == "dog/0002.JPEG"


@pytest.mark.parametrize(("every", "held_out"), [(2, [0, 2]), (3, [0, 3]), (25, [0])])
def test_of_each_class_every_so_manieth_training_image_is_held_out(tree: Path, every: int, held_out: list[int]) -> None:
    data = from_tree(tree, validation_every=every, limit=1)
    expected = {f"{name}/{rank:04d}.png" for name in CLASSES for rank in held_out}
    validation, training = data.validation_images(), data.training_images()
    assert {record.file for record in validation.records} == expected
    rows = [record.id for images in (validation, training) for record in images.records]
    assert sorted(rows) == list(range(10 * TRAIN))
    # Rows are ranked: forty images, ten of each rank.
    assert all(record.id == 10 * int(Path(record.file).stem) + record.label for record in training.records)


def test_held_out_images_can_be_read(tree: Path) -> None:
    batches = list(from_tree(tree, batch_size=4).val_dataloader())
    assert [len(batch["id"]) for batch in batches] == [4, 4, 2]
    values = torch.cat([batch["image"] for batch in batches])[:, 0, 0, 0].mul(255).round()
    assert sorted(values.tolist()) == list(range(10))


def by_id(loader: Iterable[Batch]) -> dict[int, torch.Tensor]:
    return {int(i): image for batch in loader for i, image in zip(batch["id"], batch["image"], strict=True)}


def test_training_images_are_decoded_once(tree: Path) -> None:
    data = from_tree(tree, batch_size=10)
    first = by_id(data.train_dataloader())
    assert len(first) == 30
    for file in (tree / "train").glob("*/*"):
        file.unlink()
    second = by_id(data.train_dataloader())
    assert first.keys() == second.keys()
    assert all(torch.equal(first[i], second[i]) for i in first)
    with pytest.raises(UserError, match=r"train/airplane/0000\.png cannot be read"):
        data.validation_images()[0]


def test_what_is_done_to_an_image_stays_out_of_memory(tree: Path) -> None:
    images = from_tree(tree).training_images()
    images[0]["image"].zero_()
    assert pixels(images, 0)[:, 0, 0].tolist() == list(colour(0, 1))


def move(tree: Path, old: str, new: str) -> None:
    (tree / old).rename(tree / new)


def empty(folder: Path) -> None:
    shutil.rmtree(folder)
    folder.mkdir()


@pytest.mark.parametrize(
    ("spoil", "message"),
    [
        (shutil.rmtree, r"`root=.*tree` is not a folder; .*`root=PATH`"),
        (lambda tree: shutil.rmtree(tree / "train"), r"tree/train is missing: .*`root=PATH`"),
        (lambda tree: shutil.rmtree(tree / "test"), r"tree/test is missing"),
        (
            lambda tree: move(tree, "train/cat", "train/lion"),
            r"tree/train is not of CIFAR-10's classes: it lacks cat and has lion; .*use FolderData",
        ),
        (lambda tree: (tree / "test" / "eel").mkdir(), r"tree/test is not of CIFAR-10's classes: it has eel;"),
        (
            lambda tree: empty(tree / "test"),
            r"it lacks airplane, automobile, .*, truck;",
        ),
        (
            lambda tree: [file.unlink() for file in (tree / "test" / "cat").iterdir()],
            r"tree/test/cat holds no images; add some",
        ),
    ],
)
def test_a_tree_of_something_else_is_refused(tree: Path, spoil: Callable[[Path], object], message: str) -> None:
    spoil(tree)
    with pytest.raises(UserError, match=message):
        from_tree(tree)


def test_what_is_no_image_or_hidden_is_passed_over(tree: Path) -> None:
    move(tree, "test/cat/0000.png", "test/cat/readme.txt")
    (tree / "test" / ".thumbnails").mkdir()
    (tree / "test" / "readme.txt").write_text("not a class")
    assert len(from_tree(tree).images) == 10 * TEST - 1


def test_an_empty_training_class_is_named(tree: Path) -> None:
    for file in (tree / "train" / "frog").iterdir():
        file.unlink()
    with pytest.raises(UserError, match=r"tree/train/frog holds no images"):
        from_tree(tree).training_images()


def test_images_of_another_size_are_refused(tree: Path) -> None:
    Image.new("RGB", (64, 32)).save(tree / "test" / "airplane" / "0000.png")
    Image.new("RGB", (32, 31)).save(tree / "train" / "airplane" / "0001.png")
    data = from_tree(tree)
    with pytest.raises(UserError, match=r"test/airplane/0000\.png is 64x32, .* 32x32; .*FolderData with image_size=32"):
        next(iter(data.predict_dataloader()))
    with pytest.raises(UserError, match=r"train/airplane/0001\.png is 32x31"):
        data.training_images()[0]


def test_validation_every_out_of_range(tree: Path) -> None:
    with pytest.raises(ValueError, match=r"validation_every must be an integer of at least 2, got 1"):
        from_tree(tree, validation_every=1)


def md5(path: Path) -> str:
    return hashlib.md5(path.read_bytes(), usedforsecurity=False).hexdigest()


@pytest.fixture
def published(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder in the published format whose files torchvision takes for CIFAR-10's: 5 x 8 and 6 images."""
    rng = np.random.default_rng(0)
    root = tmp_path / "published"
    folder = root / CIFAR10.base_folder
    folder.mkdir(parents=True)

    def write(name: str, content: dict[str, object]) -> str:
        (folder / name).write_bytes(pickle.dumps(content))
        return md5(folder / name)

    def batch(name: str, labels: list[int]) -> list[str]:
        planes = rng.integers(0, 256, (len(labels), 3072), dtype=np.uint8)
        return [name, write(name, {"data": planes, "labels": labels})]

    train = [batch(f"data_batch_{i}", [7, 7, 3, 0, 7, 3, 9, i]) for i in range(1, 6)]
    monkeypatch.setattr(CIFAR10, "train_list", train)
    monkeypatch.setattr(CIFAR10, "test_list", [batch("test_batch", [3, 8, 8, 0, 6, 9])])
    meta = write("batches.meta", {"label_names": list(CLASSES)})
    monkeypatch.setattr(CIFAR10, "meta", {**CIFAR10.meta, "md5": meta})
    return root


def from_cache(cache: Path, *, download: bool = False, validation_every: int = 25) -> Cifar10Data:
    data = Cifar10Data(cache=cache, download=download, validation_every=validation_every)
    data.prepare_data()
    data.setup("fit")
    return data


def test_published_images_keep_their_order(published: Path) -> None:
    images = from_cache(published).images
    assert [record.label for record in images.records] == [3, 8, 8, 0, 6, 9]
    assert [record.target_class for record in images.records] == [4, 9, 9, 1, 7, 0]
    assert [record.id for record in images.records] == list(range(6))
    assert images.records[4].file == "frog/00004.png"
    stored = pickle.loads((published / CIFAR10.base_folder / "test_batch").read_bytes())["data"]
    assert torch.equal(pixels(images, 4), torch.from_numpy(stored[4].reshape(3, 32, 32)))


def test_published_training_images_are_held_out_by_class(published: Path) -> None:
    data = from_cache(published, validation_every=6)
    # Each file has eight rows, three of them horses, which are held out at their ranks 0, 6 and 12.
    horses = [record.id for record in data.validation_images().records if record.label == 7]
    assert horses == [0, 16, 32]
    training = data.training_images()
    assert len(training) + len(data.validation_images()) == 40
    stored = pickle.loads((published / CIFAR10.base_folder / "data_batch_5").read_bytes())["data"]
    assert training.records[-1].id == 38
    assert torch.equal(pixels(training, len(training) - 1), torch.from_numpy(stored[6].reshape(3, 32, 32)))


def test_a_changed_file_is_refused(published: Path) -> None:
    path = published / CIFAR10.base_folder / "test_batch"
    path.write_bytes(path.read_bytes()[:-1])
    message = r"published holds no whole copy of CIFAR-10; .*`root=PATH`.*`root=null` `download=true`"
    with pytest.raises(UserError, match=message):
        from_cache(published)


def archive(published: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Pack the published files into the archive that torchvision asks for."""
    path = published / "cifar-10-python.tar.gz"
    with tarfile.open(path, "w:gz") as tar:
        tar.add(published / CIFAR10.base_folder, CIFAR10.base_folder)
    monkeypatch.setattr(CIFAR10, "tgz_md5", md5(path))
    return path


def test_downloads_once(
    published: Path, serve: Callable[[Path], str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    packed = archive(published, monkeypatch)
    monkeypatch.setattr(CIFAR10, "url", f"{serve(published)}/{packed.name}")
    data = from_cache(tmp_path / "cache", download=True)
    assert data.images.records == from_cache(published).images.records
    packed.unlink()
    assert len(from_cache(tmp_path / "cache", download=True).images) == 6


def test_a_download_that_goes_wrong_is_told(
    published: Path, serve: Callable[[Path], str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    packed = archive(published, monkeypatch)
    monkeypatch.setattr(CIFAR10, "url", f"{serve(published)}/{packed.name}")
    packed.write_bytes(packed.read_bytes()[:-1])
    message = r"tar\.gz cannot be fetched to .*cache \(.*\); run again, or name a tree .*`root=PATH`"
    with pytest.raises(UserError, match=message):
        from_cache(tmp_path / "cache", download=True)
    packed.unlink()
    with pytest.raises(UserError, match=message):
        from_cache(tmp_path / "cache", download=True)
    (tmp_path / "file").write_text("a file, not a folder")
    with pytest.raises(UserError, match=r"cannot be fetched to .*file "):
        from_cache(tmp_path / "file", download=True)


def test_no_server_is_told_at_once(published: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    packed = archive(published, monkeypatch)
    with socket.socket() as closed:
        closed.bind(("127.0.0.1", 0))
        monkeypatch.setattr(CIFAR10, "url", f"http://127.0.0.1:{closed.getsockname()[1]}/{packed.name}")
        with pytest.raises(UserError, match=r"is out of reach; connect .*`root=PATH`"):
            from_cache(tmp_path / "cache", download=True)
        # An archive that somebody has put there needs no server.
        (tmp_path / "cache").mkdir()
        shutil.copy(packed, tmp_path / "cache")
        assert len(from_cache(tmp_path / "cache", download=True).images) == 6


def test_nothing_is_downloaded_against_the_users_will(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(cifar10, "is_online", lambda url: pytest.fail("asked the server"))
    with pytest.raises(UserError, match="holds no whole copy of CIFAR-10"):
        from_cache(tmp_path / "cache")
    assert not (tmp_path / "cache").exists()
