"""The images of a run are exported, and rated again from the export."""

import json
import re
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image

from naa_lightning.exceptions import UserError
from naa_lightning.exports import FORMATS, kind_of
from naa_lightning.records import Manifest, read_predictions, read_results
from naa_lightning.records.image_digest import image_digest
from naa_lightning.runs.export import export_run
from tests.experiments import adversarial_files, attack
from tests.runs.cases import digit_files

CODE = """
import torch
from torch import nn

def build():
    torch.manual_seed(0)
    pooled = [nn.Conv2d(3, 4, 3, stride=4), nn.ReLU(), nn.AdaptiveAvgPool2d(2)]
    return nn.Sequential(*pooled, nn.Flatten(), nn.Linear(16, 10))
"""
FAST = ["attack=mim", "attack.budget.steps=2", "~targets", "report.first_images=0"]


@pytest.fixture(scope="module")
def network(tmp_path_factory: pytest.TempPathFactory) -> list[str]:
    """The options of a small surrogate that needs no training."""
    file = tmp_path_factory.mktemp("network") / "mine.py"
    file.write_text(CODE)
    options = {"name": "mine", "function": f"{file}:build", "mean": [0.5] * 3, "std": [0.5] * 3, "num_classes": 10}
    return ["surrogate=python", *(f"surrogate.{key}={value}" for key, value in options.items())]


@pytest.fixture(scope="module")
def run(network: list[str], tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("run")
    attack(folder, *network, *FAST, "data.limit=9")
    return folder


def own_run(folder: Path, network: Sequence[str], *options: str) -> tuple[Path, Path]:
    """A run on a folder of images of its own, and that folder."""
    root, made = folder / "images", folder / "run"
    labels = digit_files(root / "all", 5)
    rows = [f"all/{index}.png,{label},{(label + 1) % 10}" for index, label in enumerate(labels)]
    (root / "labels.csv").write_text("\n".join(["filename,label,target", *rows]) + "\n")
    where = ["data=folder", f"data.root={root}", "data.csv=labels.csv", "data.num_workers=0"]
    attack(made, *network, *FAST, *where, *options)
    return made, root


def rows(folder: Path) -> list[Any]:
    return [
        (row.id, row.label, row.clean_prediction, row.adversarial_prediction, row.adversarial_confidence)
        for row in read_predictions(folder)
    ]


def refusal(folder: Path, *words: str, to: str = "npz", out: Path | None = None) -> str:
    place = folder / "refused" if out is None else out
    with pytest.raises(UserError) as error:
        export_run(folder, to, place, words)
    assert "\n" not in str(error.value)
    assert out is not None or not place.exists()
    return str(error.value)


def test_an_export_holds_the_runs_images(run: Path, tmp_path: Path) -> None:
    assert export_run(run, "npz", tmp_path / "export.npz") == 9
    found, saved = np.load(tmp_path / "export.npz"), Manifest(run / "adversarial").read()
    assert found["ids"].tolist() == list(saved)
    assert found["labels"].tolist() == [row.label for row in saved.values()]
    assert set(found["target_classes"].tolist()) == {-1}
    assert found["class_names"].tolist() == list("0123456789")
    for image, clean, row in zip(found["adversarial"], found["clean"], saved.values(), strict=True):
        np.testing.assert_array_equal(image, np.array(Image.open(run / "adversarial" / row.file)))
        assert image_digest(torch.from_numpy(clean).permute(2, 0, 1)) == row.clean_sha256
    origin, results = json.loads(str(found["origin"])), read_results(run)
    assert (origin["attack"], origin["surrogate"], origin["eps"]) == ("mim", "mine", 32 / 255)
    assert (origin["naa_lightning"], origin["seed"], origin["images"]) == (results.version, 0, 9)


@pytest.mark.parametrize("to", FORMATS)
def test_a_rated_export_gets_the_runs_predictions(to: str, run: Path, network: list[str], tmp_path: Path) -> None:
    if to == "huggingface":
        pytest.importorskip("datasets")
    place, rated = tmp_path / f"export{FORMATS[to].ending}", tmp_path / "rated"
    export_run(run, to, place)
    mine = network[2].partition("=")[2].partition(":")[0]
    attack(rated, "craft=false", f"adversarial_dir={place}", f"trust=[{mine}]", "~targets", "data.limit=9")
    assert rows(rated) == rows(run)
    results, before = read_results(rated), read_results(run)
    assert (results.attack, results.surrogate, results.missing) == ("mim", "mine", ())
    assert results.perturbation == before.perturbation
    assert results.config["attack"]["budget"] == before.config["attack"]["budget"]
    unpacked = {path.name: np.array(Image.open(path)) for path in (rated / "collected").iterdir()}
    assert unpacked.keys() == adversarial_files(run).keys()
    for name, image in unpacked.items():
        np.testing.assert_array_equal(image, np.array(Image.open(run / "adversarial" / name)))
    assert adversarial_files(rated) == {}


def test_a_rated_run_is_exported_like_any_other(run: Path, network: list[str], tmp_path: Path) -> None:
    export_run(run, "npz", tmp_path / "first.npz")
    for number, images in enumerate([run / "adversarial", tmp_path / "first.npz"]):
        rated, again = tmp_path / f"rated-{number}", tmp_path / f"again-{number}.npz"
        attack(rated, "craft=false", f"adversarial_dir={images}", *network, "~targets", "data.limit=9")
        export_run(rated, "npz", again)
        first, second = np.load(tmp_path / "first.npz"), np.load(again)
        for name in set(first.files) - {"origin"}:
            np.testing.assert_array_equal(first[name], second[name])
        assert "config" not in json.loads(str(second["origin"])), "it crafted none of them"


def test_what_an_export_lacks_is_left_out_and_another_ones_images_do_not_stay(
    run: Path, network: list[str], tmp_path: Path
) -> None:
    export_run(run, "webdataset", tmp_path / "export.tar")
    rated = tmp_path / "rated"
    options = ["craft=false", f"adversarial_dir={tmp_path / 'export.tar'}", "~targets", *network]
    attack(rated, *options, "data.limit=12")
    assert len(read_results(rated).missing) == 3
    attack(rated, *options, "data.limit=2")
    assert sorted(path.name for path in (rated / "collected").iterdir()) == ["00000.png", "00005.png"]
    with pytest.raises(UserError, match=r"holds no image that is called like one of images, such as all/0\.png"):
        own_run(
            tmp_path / "own", network, "craft=false", f"adversarial_dir={tmp_path / 'export.tar'}", "data.name=images"
        )


def test_an_export_is_rated_with_the_clean_images_and_labels_that_it_was_made_of(
    network: list[str], tmp_path: Path
) -> None:
    made, root = own_run(tmp_path, network)
    where = ["data=folder", f"data.root={root}", "data.csv=labels.csv", "data.num_workers=0"]
    for to in ("npz", "pt", "webdataset", "huggingface"):
        export_run(made, to, tmp_path / to)
    (tmp_path / "others").mkdir()
    labels = (root / "labels.csv").read_text()
    for to in ("npz", "pt", "webdataset", "huggingface"):
        rate = ["craft=false", f"adversarial_dir={tmp_path / to}", *network, "~targets", *where]
        (root / "labels.csv").write_text(labels.replace("all/0.png,", "all/0.png,1"))
        with pytest.raises(
            UserError, match=r"has other labels than the data for 1 of 5 images, \d instead of \d+ for all/0"
        ):
            attack(tmp_path / f"labels-{to}", *rate, "surrogate.num_classes=100")
        (root / "labels.csv").write_text(labels)
        clean = (root / "all" / "3.png").read_bytes()
        (root / "all" / "3.png").write_bytes((root / "all" / "4.png").read_bytes())
        with pytest.raises(UserError, match=r"1 of 5 adversarial images were made of other clean images, all/3\.png"):
            attack(tmp_path / f"clean-{to}", *rate, "attack.budget.eps=1")
        (root / "all" / "3.png").write_bytes(clean)
        attack(tmp_path / f"same-{to}", *rate)


def test_classes_of_an_export_are_those_of_the_run(network: list[str], tmp_path: Path) -> None:
    ids = sorted({"n02102040", "n01440764", "n02979186", "n03000684", "n03028079"})
    digit_files(tmp_path / "all", 5)
    for number, wordnet_id in enumerate(ids):
        (tmp_path / "ids" / wordnet_id).mkdir(parents=True)
        (tmp_path / "all" / f"{number}.png").rename(tmp_path / "ids" / wordnet_id / "a.png")
    mine, made = network[:-1], tmp_path / "made"
    code = tmp_path / "five.py"
    code.write_text(CODE.replace("Linear(16, 10)", "Linear(16, 5)"))
    options = [
        f"surrogate.function={code}:build",
        "surrogate.num_classes=5",
        "data=folder",
        f"data.root={tmp_path}/ids",
    ]
    attack(made, *mine, *options, *FAST, "data.num_workers=0")
    export_run(made, "npz", tmp_path / "export.npz")
    found = np.load(tmp_path / "export.npz")
    assert found["labels"].tolist() == list(range(5))
    assert found["class_names"].tolist() == ["tench", "English springer", "cassette player", "chain saw", "church"]


def test_an_export_tells_that_labels_are_predicted(network: list[str], tmp_path: Path) -> None:
    digit_files(tmp_path / "images", 4)
    where = ["data=folder", f"data.root={tmp_path / 'images'}", "data.labels=predicted", "data.num_workers=0"]
    attack(tmp_path / "run", *network, *FAST, *where)
    export_run(tmp_path / "run", "npz", tmp_path / "export.npz")
    assert json.loads(str(np.load(tmp_path / "export.npz")["origin"]))["labels_from"] == "mine"


def test_target_classes_are_those_that_were_aimed_at(network: list[str], tmp_path: Path) -> None:
    made, _ = own_run(tmp_path, network, "attack.targeted=true")
    export_run(made, "pt", tmp_path / "export.pt")
    found = torch.load(tmp_path / "export.pt", weights_only=True)
    assert found["target_classes"].tolist() == [(label + 1) % 10 for label in found["labels"].tolist()]
    assert found["files"] == [f"all/{index}.png" for index in range(5)]
    assert "class_names" not in found


def test_images_that_were_moved_are_found_where_they_are_now(network: list[str], tmp_path: Path) -> None:
    made, root = own_run(tmp_path, network)
    moved = root.rename(tmp_path / "moved")
    assert refusal(made) == f"data.root={root} is not a folder; name the folder that holds the images"
    assert export_run(made, "npz", tmp_path / "export.npz", [f"data.root={moved}"]) == 5


def test_clean_images_that_have_changed_are_refused(network: list[str], tmp_path: Path) -> None:
    made, root = own_run(tmp_path, network)
    labels = (root / "labels.csv").read_text()
    (root / "labels.csv").write_text(labels.replace("all/0.png,", "all/0.png,1"))
    assert re.search(
        r"1 of 5 clean images have another label now .*, all/0\.png 1\d instead of \d: rest", refusal(made)
    )
    (root / "labels.csv").write_text(labels)
    Image.new("RGB", (32, 32)).save(root / "all" / "3.png")
    assert refusal(made).startswith("the clean image all/3.png has changed since it was attacked: restore it, or give")
    (root / "all" / "3.png").unlink()
    assert "all/3.png" in refusal(made)
    (root / "labels.csv").write_text("filename,label\nall/0.png,1\n")
    assert refusal(made).startswith(f"4 of 5 clean images of {made} are gone from folder, image 1 first: restore them")


def test_adversarial_images_that_have_changed_are_refused(network: list[str], tmp_path: Path) -> None:
    made, _ = own_run(tmp_path, network)
    path = made / "adversarial" / "all" / "2.png"
    Image.new("RGB", (32, 32)).save(path)
    assert refusal(made) == f"{path} has changed since it was rated: run again"
    path.unlink()
    assert f"{path} cannot be read as an image" in refusal(made)


def test_there_must_be_one_finished_run_and_room_for_its_export(run: Path, tmp_path: Path) -> None:
    sweep = tmp_path / "sweep"
    for job in ("1", "2", "10", "11"):
        (sweep / job).mkdir(parents=True)
        (sweep / job / "results.json").write_bytes((run / "results.json").read_bytes())
    assert refusal(sweep) == f"{sweep} holds 4 runs, and one is exported at a time: name 1, 2, 10 and 1 more"
    (tmp_path / "begun").mkdir()
    (tmp_path / "begun" / "crafting.json").write_text("{}")
    assert refusal(tmp_path / "begun").startswith(f"{tmp_path / 'begun'} is not finished: give its command again")
    for place in ("nowhere", "sweep/1/results.json"):
        assert "holds no results.json: name the folder of a finished run" in refusal(tmp_path / place)
    (tmp_path / "there.npz").touch()
    message = refusal(run, out=tmp_path / "there.npz")
    assert message == f"{tmp_path / 'there.npz'} is there already: remove it, or name another place with --out"
    assert "does not tell which images it holds" in refusal(sweep / "1")
    older = json.loads((run / "results.json").read_text())
    del older["num_classes"]
    (sweep / "2" / "results.json").write_text(json.dumps(older))
    assert "2 is of an older version: give its command again" in refusal(sweep / "2")


@pytest.mark.parametrize(
    ("word", "message"),
    [
        ("seed=3", "seed=3 is no option of an export: give data.KEY=VALUE or trust=[...]"),
        ("data.root", "data.root is no option of an export"),
        ("data.limit=1,2", "data.limit=1,2 gives no value"),
        ("data.lmit=2", "there is no option data.lmit; did you mean limit?"),
        ("data.limit.more=2", "data.limit.more=2 is no option of an export: limit is a single value, 9"),
        ("data._target_=subprocess.run", "which is not known to be safe: trust=[subprocess] on the command line"),
    ],
)
def test_other_words_are_refused(word: str, message: str, run: Path) -> None:
    assert message in refusal(run, word)


def test_data_of_the_users_own_code_need_trust_again(run: Path, tmp_path: Path) -> None:
    (tmp_path / "theirs.py").write_text(
        "from naa_lightning.data.digits import DigitsData\n\nclass Theirs(DigitsData):\n    pass\n"
    )
    results = json.loads((run / "results.json").read_text())
    results["config"]["data"]["_target_"] = "theirs.Theirs"
    results["config"]["trust"] = [str(tmp_path / "theirs.py")]
    made = tmp_path / "made"
    made.mkdir()
    for path in run.iterdir():
        (made / path.name).symlink_to(path)
    (made / "results.json").unlink()
    (made / "results.json").write_text(json.dumps(results))
    assert "names theirs.Theirs, which is not known to be safe" in refusal(made)
    out = tmp_path / "export.npz"
    assert export_run(made, "npz", out, [f"trust=[{tmp_path / 'theirs.py'}]"]) == 9
    assert kind_of(out) == "npz"
