from pathlib import Path

import pytest
import torch
from torch import Tensor

from naa_lightning.data import ImageRecord, LabelledImages
from naa_lightning.exceptions import UserError
from naa_lightning.image_file import encode_png
from naa_lightning.records import SavedImage, SavedPairs

COUNT, SIZE = 5, (3, 6, 4)
BYTES = 2 * 3 * 6 * 4  # of a pair


def pixels(seed: int) -> Tensor:
    return torch.randint(256, SIZE, dtype=torch.uint8, generator=torch.Generator().manual_seed(seed))


@pytest.fixture
def pairs(tmp_path: Path) -> SavedPairs:
    records = [ImageRecord(10 * number, f"{number}.png", label=0) for number in range(COUNT)]
    saved = {record.id: SavedImage(record.id, record.file, 0, -1, "", 1.0, 1) for record in records}
    for record in records:
        (tmp_path / record.file).write_bytes(encode_png(pixels(record.id + 1)))
    return SavedPairs(LabelledImages(records, lambda record: pixels(record.id)), saved, tmp_path)


@pytest.mark.parametrize("num_workers", [0, 2])
def test_pairs_in_memory_are_those_of_the_files(pairs: SavedPairs, tmp_path: Path, num_workers: int) -> None:
    assert pairs.keep([0, 2, 4], num_workers=num_workers, room=3 * BYTES)
    for file in tmp_path.iterdir():
        file.unlink()
    for index in (0, 2, 4):
        pair = pairs[index]
        assert int(pair["id"]) == 10 * index
        assert torch.equal(pair["clean"], pixels(10 * index).float() / 255)
        assert torch.equal(pair["adversarial"], pixels(10 * index + 1).float() / 255)
    with pytest.raises(UserError, match=r"1\.png"):
        pairs[1]


def test_nothing_is_kept_where_there_is_not_room_for_all(pairs: SavedPairs, tmp_path: Path) -> None:
    assert not pairs.keep(range(COUNT), num_workers=0, room=COUNT * BYTES - 1)
    before = pairs[0]["adversarial"]
    (tmp_path / "0.png").write_bytes(encode_png(255 - pixels(21)))
    assert not torch.equal(pairs[0]["adversarial"], before)


@pytest.mark.parametrize("num_workers", [0, 2])
def test_a_file_of_another_size_is_named_where_it_is_read(pairs: SavedPairs, tmp_path: Path, num_workers: int) -> None:
    (tmp_path / "3.png").write_bytes(encode_png(torch.zeros(3, 4, 6, dtype=torch.uint8)))
    with pytest.raises(UserError, match=r"3\.png is 6x4, its clean image 3\.png is 4x6"):
        pairs.keep(range(COUNT), num_workers=num_workers, room=COUNT * BYTES)
