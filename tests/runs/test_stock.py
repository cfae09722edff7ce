"""A folder keeps only what was crafted by this very attack from these very images, and never mixes two runs."""

import shutil
from pathlib import Path

import pytest
from PIL import Image

from naa_lightning.exceptions import UserError
from naa_lightning.records import Manifest, read_results
from tests.experiments import adversarial_files, attack
from tests.runs.cases import digit_files


@pytest.fixture
def photographs(tmp_path: Path) -> list[str]:
    """Four digits in class folders, as overrides."""
    root = tmp_path / "images"
    for index, label in enumerate(digit_files(root, 4)):
        (root / str(label)).mkdir(exist_ok=True)
        (root / f"{index}.png").rename(root / str(label) / f"{index}.png")
    return ["data=folder", f"data.root={root}", "data.num_workers=0", "~targets"]


def test_a_clean_image_that_was_replaced_is_crafted_anew(
    models_dir: str, photographs: list[str], tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    def run(folder: str) -> dict[str, bytes]:
        attack(tmp_path / folder, models_dir, "attack=mim", *photographs)
        return {
            str(path.relative_to(tmp_path / folder)): path.read_bytes()
            for path in (tmp_path / folder).rglob("[0-9].png")
        }

    before = run("one")
    shutil.copy(tmp_path / "images/5/1.png", tmp_path / "images/0/2.png")
    caplog.clear()
    after = run("one")
    said = (
        "1 clean images are not those that the images of this folder were crafted from (0/2.png): they are crafted anew"
    )
    assert said in caplog.messages
    assert {name for name in before if before[name] != after[name]} == {"adversarial/0/2.png"}
    assert after == run("another")


def test_images_over_the_budget_are_refused_also_where_they_were_crafted(
    models_dir: str, photographs: list[str], tmp_path: Path
) -> None:
    run = tmp_path / "run"
    attack(run, models_dir, "attack=mim", *photographs)
    manifest = run / "adversarial/manifest.csv"
    rows = Manifest(run / "adversarial").read().values()
    for row in rows:  # as an older version wrote them, which knew nothing of clean images
        manifest.write_text(manifest.read_text().replace(row.clean_sha256, ""))
    Image.new("RGB", (32, 32), "white").save(tmp_path / "images/5/3.png")
    with pytest.raises(UserError, match=r"1 of 4 images are over the budget of 32/255, 5/3\.png furthest with 2.*/255"):
        attack(run, models_dir, "attack=mim", *photographs)


@pytest.mark.parametrize("damage", [None, "", '{"seed": 0'])
def test_a_lost_or_damaged_crafting_json_lets_no_other_attack_in(
    damage: str | None, models_dir: str, tmp_path: Path
) -> None:
    run = tmp_path / "run"
    attack(run, models_dir, "attack=mim", "data.limit=4", "~targets")
    before, content = adversarial_files(run), (run / "crafting.json").read_text()
    (run / "crafting.json").unlink()
    if damage is not None:
        (run / "crafting.json").write_text(damage)
    with pytest.raises(UserError, match=r"crafting\.json is missing, damaged or of other images than 4"):
        attack(run, models_dir, "attack=fgsm", "data.limit=4", "~targets")
    attack(run, models_dir, "attack=mim", "data.limit=4", "~targets")
    assert (run / "crafting.json").read_text() == content
    assert adversarial_files(run) == before


def test_leftovers_of_killed_processes_are_removed_and_nothing_else(models_dir: str, tmp_path: Path) -> None:
    run = tmp_path / "run"
    attack(run, models_dir, "attack=mim", "data.limit=2", "~targets")
    left = [run / "adversarial/.00001.png.0123abcd", run / ".results.json.89abcdef"]
    own = [run / "adversarial/.00001.png.mine", run / ".note", run / "abcdef01"]
    for path in [*left, *own]:
        path.write_text("half")
    attack(run, models_dir, "attack=mim", "data.limit=2", "~targets")
    assert [path.exists() for path in [*left, *own]] == [False, False, True, True, True]


def test_published_and_local_weights_stand_in_the_record_by_their_digest(models_dir: str, tmp_path: Path) -> None:
    attack(tmp_path / "run", models_dir, "attack=mim", "data.limit=2")
    results = read_results(tmp_path / "run")
    assert results.weights.keys() == results.model_files.keys() == set(results.targets)
    assert len({*results.weights.values(), *results.model_files.values()}) == 6
