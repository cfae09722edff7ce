import hashlib
from pathlib import Path

import pytest
import torch
from PIL import Image
from pytorch_lightning import LightningModule, Trainer

from naa_lightning.callbacks import AdversarialWriter
from naa_lightning.callbacks.stopwatch import Stopwatch
from naa_lightning.data import ImageRecord
from naa_lightning.exceptions import UserError
from naa_lightning.modules.crafting import CraftedBatch
from naa_lightning.records import Manifest, SavedImage

COUNT = 5


class CheckedManifest(Manifest):
    """A manifest that takes only rows of files that are there."""

    def add(self, row: SavedImage) -> None:
        assert hashlib.sha256((self.folder / row.file).read_bytes()).hexdigest() == row.sha256
        super().add(row)


def records(*files: str) -> list[ImageRecord]:
    return [ImageRecord(id=number, file=file, label=0) for number, file in enumerate(files)]


def images() -> torch.Tensor:
    generator = torch.Generator().manual_seed(0)
    return torch.randint(256, (COUNT, 3, 6, 4), dtype=torch.uint8, generator=generator)


def hand_over(writer: AdversarialWriter, count: int = COUNT) -> None:
    nothing = torch.tensor(0.0)
    crafted: CraftedBatch = {
        "id": torch.arange(count),
        "label": torch.zeros(count, dtype=torch.long),
        "adversarial": images()[:count].float() / 255,
        "zero_gradients": torch.arange(count) % 2,
        "non_finite_gradients": torch.zeros(count, dtype=torch.long),
        "gradient_evaluations": torch.tensor(7),
        "seconds": torch.tensor(2.0),
        "preparation_seconds": nothing,
        "attribution_seconds": nothing,
        "arranging_seconds": nothing,
        "attribution": {},
    }
    batch = {"image": images()[:count].float() / 255}
    writer.write_on_batch_end(Trainer(logger=False), LightningModule(), crafted, None, batch, 0, 0)


def test_images_are_saved_before_they_are_listed(tmp_path: Path) -> None:
    writer = AdversarialWriter(
        CheckedManifest(tmp_path),
        records("a.png", "b.jpg", "sub/c.png", "d.png", "e.png"),
        Stopwatch(),
        made_of="this",
        folder_option="",
    )
    with writer.saving():
        hand_over(writer)
    rows = Manifest(tmp_path).read()
    assert sorted(row.id for row in writer.saved) == list(rows)
    assert [row.file for row in rows.values()] == ["a.png", "b.png", "sub/c.png", "d.png", "e.png"]
    assert {row.made_of for row in rows.values()} == {"this"}
    assert {(row.seconds, row.gradient_evaluations) for row in rows.values()} == {(2.0 / COUNT, 7)}
    assert [row.zero_gradients for row in rows.values()] == [0, 1, 0, 1, 0]
    for row, image in zip(rows.values(), images(), strict=True):
        with Image.open(tmp_path / row.file) as file:
            assert list(file.tobytes()) == image.permute(1, 2, 0).flatten().tolist()
        assert row.clean_sha256 == hashlib.sha256(image.numpy().tobytes()).hexdigest()


@pytest.mark.parametrize("how", [KeyboardInterrupt, SystemExit, ValueError])
def test_what_was_handed_over_is_saved_however_the_run_ends(how: type[BaseException], tmp_path: Path) -> None:
    writer = AdversarialWriter(
        CheckedManifest(tmp_path),
        records("a.png", "b.png", "c.png", "d.png", "e.png"),
        Stopwatch(),
        made_of="this",
        folder_option="",
    )

    def craft() -> None:
        with writer.saving():
            hand_over(writer)
            raise how

    with pytest.raises(how):
        craft()
    assert len(Manifest(tmp_path).read()) == COUNT


@pytest.mark.parametrize("waiting", [1, 64], ids=["little room", "much room"])
def test_a_file_that_cannot_be_written_ends_the_run_and_leaves_the_others(waiting: int, tmp_path: Path) -> None:
    folder = tmp_path / "run" / "adversarial"
    folder.mkdir(parents=True)
    (folder / "full").touch()
    writer = AdversarialWriter(
        CheckedManifest(folder),
        records("a.png", "full/b.png", "c.png", "d.png", "e.png"),
        Stopwatch(),
        made_of="this",
        folder_option="hydra.sweep.dir=sweep",
        waiting=waiting,
    )
    message = f"{folder}/full/b.png cannot be written .*: mend this and run .* with hydra.sweep.dir=sweep"
    with pytest.raises(UserError, match=message), writer.saving():
        hand_over(writer)
    assert [row.file for row in Manifest(folder).read().values()] == ["a.png", "c.png", "d.png", "e.png"]
