import json
from pathlib import Path

import pytest

from naa_lightning.exceptions import UserError
from naa_lightning.records import write_or_check_identity

IDENTITY = {"seed": 0, "attack": {"budget": {"eps": "16/255"}, "layers": [1, 2]}, "weights": None}


def test_the_same_identity_is_welcome_again(tmp_path: Path) -> None:
    write_or_check_identity(tmp_path, IDENTITY, empty=False)
    write_or_check_identity(
        tmp_path, IDENTITY | {"attack": {"budget": {"eps": "16/255"}, "layers": (1, 2)}}, empty=False
    )
    assert json.loads((tmp_path / "crafting.json").read_text()) == IDENTITY


def test_an_empty_folder_is_claimed_anew(tmp_path: Path) -> None:
    write_or_check_identity(tmp_path, IDENTITY, empty=True)
    write_or_check_identity(tmp_path, IDENTITY | {"seed": 1}, empty=True)
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
    write_or_check_identity(tmp_path, IDENTITY, empty=False)
    with pytest.raises(UserError) as error:
        write_or_check_identity(tmp_path, IDENTITY | change, empty=False)
    assert message in str(error.value)
    assert "choose another folder" in str(error.value)
