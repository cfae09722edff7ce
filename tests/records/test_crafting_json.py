import json
import re
from pathlib import Path

import pytest

from naa_lightning.exceptions import UserError
from naa_lightning.records import SavedImage, write_or_check_identity
from naa_lightning.records.crafting_json import identity_digest

IDENTITY = {"seed": 0, "attack": {"budget": {"eps": "16/255"}, "layers": [1, 2]}, "weights": None}


def saved(made_of: str | None = None) -> dict[int, SavedImage]:
    """A row of an image that was crafted with IDENTITY, unless another digest is given."""
    digest = identity_digest(IDENTITY) if made_of is None else made_of
    return {3: SavedImage(3, "a.png", 1, -1, "abc", 0.5, 10, made_of=digest)}


def test_the_same_identity_is_welcome_again(tmp_path: Path) -> None:
    write_or_check_identity(tmp_path, IDENTITY, {}, {})
    same = IDENTITY | {"attack": {"budget": {"eps": "16/255"}, "layers": (1, 2)}}
    write_or_check_identity(tmp_path, same, saved(), {})
    # an older row, which does not say what it was made of, and other targets, on which images do not depend
    write_or_check_identity(tmp_path, same, saved(""), {"targets": {"vgg16": {}}})
    assert json.loads((tmp_path / "crafting.json").read_text()) == IDENTITY | {"config": {"targets": {"vgg16": {}}}}


def test_an_empty_folder_is_claimed_anew(tmp_path: Path) -> None:
    write_or_check_identity(tmp_path, IDENTITY, {}, {})
    write_or_check_identity(tmp_path, IDENTITY | {"seed": 1}, {}, {})
    assert json.loads((tmp_path / "crafting.json").read_text())["seed"] == 1


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"seed": 1}, "seed was 0, is 1"),
        ({"attack": {"budget": {"eps": "8/255"}, "layers": [1, 2]}}, "attack.budget.eps was '16/255', is '8/255'"),
        ({"weights": "abc"}, "weights was None, is 'abc'"),
        ({"new": True}, "new was 'absent', is True"),
    ],
)
def test_another_identity_is_refused_and_the_difference_named(
    tmp_path: Path, change: dict[str, object], message: str
) -> None:
    write_or_check_identity(tmp_path, IDENTITY, {}, {})
    with pytest.raises(UserError) as error:
        write_or_check_identity(tmp_path, IDENTITY | change, saved(), {})
    assert message in str(error.value)
    assert "choose another folder" in str(error.value)


@pytest.mark.parametrize("damage", [None, "", "{", "[1]", "\0\0"])
def test_a_lost_or_damaged_file_is_rebuilt_where_the_rows_agree_and_else_refused(
    damage: str | None, tmp_path: Path
) -> None:
    path = tmp_path / "crafting.json"
    if damage is not None:
        path.write_text(damage)
    message = re.escape(f"{path} is missing, damaged or of other images")
    for rows in (saved("of another run"), saved("")):
        with pytest.raises(UserError, match=message):
            write_or_check_identity(tmp_path, IDENTITY, rows, {})
    with pytest.raises(UserError, match=message):
        write_or_check_identity(tmp_path, IDENTITY | {"seed": 1}, saved(), {})
    write_or_check_identity(tmp_path, IDENTITY, saved(), {})
    assert json.loads(path.read_text()) == IDENTITY | {"config": {}}


def test_a_file_of_other_images_than_those_that_are_there_is_refused(tmp_path: Path) -> None:
    write_or_check_identity(tmp_path, IDENTITY, {}, {})
    with pytest.raises(UserError, match="of other images than 1 that are there"):
        write_or_check_identity(tmp_path, IDENTITY, saved("of another run"), {})
