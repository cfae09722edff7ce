"""What cannot be saved under its name is known before it is crafted."""

import os
from pathlib import Path

import pytest

from naa_lightning.atomic import write_atomically
from naa_lightning.data import ImageRecord
from naa_lightning.exceptions import UserError
from naa_lightning.records.manifest import adversarial_name
from naa_lightning.records.places import check_places


@pytest.mark.parametrize("letter", ["a", "я"])
def test_names_that_can_be_written_are_taken_and_no_others(tmp_path: Path, letter: str) -> None:
    def record(length: int) -> ImageRecord:
        return ImageRecord(0, f"cat/{letter * length}.jpg", 0)

    def written(length: int) -> bool:
        try:
            write_atomically(tmp_path / adversarial_name(record(length)), b"")
        except OSError:
            return False
        return True

    longest = max(length for length in range(1, os.pathconf(tmp_path, "PC_NAME_MAX")) if written(length))
    check_places(tmp_path, [record(longest)])
    with pytest.raises(
        UserError, match=rf"the name of cat/{letter}+\.jpg is too long to save its adversarial image in"
    ):
        check_places(tmp_path, [record(longest + 1)])


def test_what_is_in_the_way_is_named(tmp_path: Path) -> None:
    (tmp_path / "a.png").mkdir()
    (tmp_path / "dog").touch()
    check_places(tmp_path, [ImageRecord(0, "b.png", 0), ImageRecord(1, "cat/a.jpg", 0)])
    with pytest.raises(UserError, match=r"/a\.png is a folder, and the adversarial image of a\.jpg needs its name"):
        check_places(tmp_path, [ImageRecord(0, "a.jpg", 0)])
    with pytest.raises(UserError, match=r"/dog is a file, and the adversarial image of dog/a\.jpg needs a folder"):
        check_places(tmp_path, [ImageRecord(0, "dog/a.jpg", 0)])
