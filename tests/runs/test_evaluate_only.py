"""Rating adversarial images that are there: `craft=false`."""

import json
import shutil
from pathlib import Path
from typing import Any

import pytest
from PIL import Image
from safetensors.torch import load_file, save_file

from naa_lightning.data.digits import DigitsData
from naa_lightning.exceptions import UserError
from naa_lightning.records import read_pictures, read_results
from naa_lightning.report.run_table import results_table
from naa_lightning.runs import pipeline
from tests.experiments import adversarial_files, attack


@pytest.fixture(scope="module")
def crafted(models_dir: str, tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("crafted")
    attack(folder, models_dir)
    return folder


def rate(folder: Path, images: Path, *overrides: str) -> dict[str, Any]:
    attack(folder, "craft=false", f"adversarial_dir={images}", *overrides)
    found: dict[str, Any] = json.loads((folder / "results.json").read_text())
    return found


def test_a_runs_images_get_the_runs_rates(crafted: Path, models_dir: str, tmp_path: Path) -> None:
    found = rate(tmp_path, crafted / "adversarial", models_dir)
    expected = json.loads((crafted / "results.json").read_text())
    rates = ("clean_accuracy", "fooling_rate", "error_rate", "success_rate")
    for name, target in found["targets"].items():
        assert target["role"] == expected["targets"][name]["role"]
        assert [target[of] for of in rates] == [expected["targets"][name][of] for of in rates]
    assert found["perturbation"] == expected["perturbation"]
    assert found["perturbation"]["linf"]["max"] == pytest.approx(32 / 255)
    assert found["black_box_mean"] == expected["black_box_mean"]
    assert (found["surrogate"], found["attack"], found["missing"]) == ("digits_plain", "naa", [])
    assert found["cost"]["gradient_evaluations_per_image"] is None
    assert adversarial_files(tmp_path) == {}
    assert (tmp_path / "report.html").is_file()


def test_with_its_surrogate_the_attribution_is_explained_too(crafted: Path, models_dir: str, tmp_path: Path) -> None:
    options = ["attribution.exact_images=1", "attribution.path_points=4", "report.attention_images=1"]
    attack(tmp_path, "craft=false", f"adversarial_dir={crafted}", models_dir, *options)
    found = json.loads((tmp_path / "results.json").read_text())
    assert found["surrogate"] == "digits_plain"
    assert found["targets"]["digits_plain"]["role"] == "white-box"
    assert found["exact_attribution"]["images"] == 1
    assert found["attribution"] is None
    assert "attribution/adversarial" in {row.kind for row in read_pictures(tmp_path)}


def test_a_copy_of_the_surrogate_is_named_and_left_out_of_means(crafted: Path, models_dir: str, tmp_path: Path) -> None:
    """A file of another name with the same weights in half precision, asked as a black box."""
    (original,) = Path(models_dir.partition("=")[2]).glob("digits_plain-*.safetensors")
    half = {key: values.half() if values.is_floating_point() else values for key, values in load_file(original).items()}
    save_file(half, tmp_path / "theirs.safetensors")
    copy = ["+surrogate@targets.theirs=digits_plain", "targets.theirs.name=theirs"]
    weights = f"targets.theirs.weights={tmp_path / 'theirs.safetensors'}"
    found = rate(tmp_path / "run", crafted, models_dir, *copy, weights, "defences=[bit_depth]")
    original_rates, copied = found["targets"]["digits_plain"], found["targets"]["theirs"]
    assert copied["role"] == "black-box"
    assert copied["success_rate"] == original_rates["success_rate"]
    assert {name: target["shares_weights"] for name, target in found["targets"].items()} == {
        name: "digits_plain" if name.startswith("theirs") else None for name in found["targets"]
    }
    expected = json.loads((crafted / "results.json").read_text())["black_box_mean"]
    assert found["black_box_mean"] == expected | {"left_out": {"theirs": "shares weights with digits_plain"}}
    assert found["defended_mean"]["left_out"] == {"theirs+bit_depth": "shares weights with digits_plain"}
    assert "(shares weights with digits_<wbr>plain)" in (tmp_path / "run" / "report.html").read_text()


@pytest.fixture
def theirs(tmp_path: Path) -> Path:
    """The first clean digits, saved by another tool in another format and place."""
    data = DigitsData(limit=20)
    data.setup("predict")
    folder = tmp_path / "theirs"
    (folder / "out").mkdir(parents=True)
    for record in data.images.records[:6]:
        pixels = data.images.read(record).permute(1, 2, 0).numpy()
        Image.fromarray(pixels).save((folder / "out" / record.file).with_suffix(".bmp"))
    return folder


def test_clean_images_succeed_on_nobody_and_missing_ones_are_named(
    theirs: Path, models_dir: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    found = rate(tmp_path / "run", theirs, models_dir, "attack.budget.eps=0")
    assert found["images"] == 6
    assert len(found["missing"]) == 14
    for target in found["targets"].values():
        assert target["success_rate"]["count"] == target["fooling_rate"]["count"] == 0
    assert found["perturbation"]["linf"]["max"] == 0
    assert found["perturbation"]["psnr"]["mean"] is None
    said = " ".join(capsys.readouterr().out.split())
    *others, last = found["missing"]
    assert f"missing images: 14, which are left out: {', '.join(others)} and {last}" in said
    assert found["missing"][0] == "00030.png"


def refusal(folder: Path, images: Path, *overrides: str) -> str:
    with pytest.raises(UserError) as error:
        rate(folder, images, *overrides)
    assert not (folder / "results.json").exists()
    return str(error.value)


def test_images_of_another_size(theirs: Path, models_dir: str, tmp_path: Path) -> None:
    with Image.open(theirs / "out" / "00010.bmp") as image:
        image.resize((40, 32)).save(theirs / "out" / "00010.bmp")
    message = refusal(tmp_path / "run", theirs, models_dir)
    assert message.startswith(f"{theirs}/out/00010.bmp is 40x32, its clean image 00010.png is 32x32")


def test_images_over_the_budget(crafted: Path, models_dir: str, tmp_path: Path) -> None:
    message = refusal(tmp_path / "run", crafted, models_dir, "attack.budget.eps=16/255")
    assert message.startswith("20 of 20 images are over the budget of 16/255")
    assert message.endswith("such as attack.budget.eps=32/255")


def test_an_unreadable_image(theirs: Path, models_dir: str, tmp_path: Path) -> None:
    (theirs / "out" / "00010.bmp").write_bytes(b"BM")
    assert f"{theirs}/out/00010.bmp cannot be read as an image" in refusal(tmp_path / "run", theirs, models_dir)


def test_a_folder_of_other_images(theirs: Path, models_dir: str, tmp_path: Path) -> None:
    shutil.rmtree(theirs / "out")
    Image.new("RGB", (32, 32)).save(theirs / "cat.png")
    message = refusal(tmp_path / "run", theirs, models_dir)
    assert message == f"adversarial_dir={theirs} holds no image that is called like one of digits, such as 00000.png"


def test_nothing_is_crafted(theirs: Path, models_dir: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(pipeline, "craft", lambda _: pytest.fail("crafted"))
    rate(tmp_path / "run", theirs, models_dir)
    assert str(results_table(read_results(tmp_path / "run")).title) == "theirs: 6 images of digits"


def test_a_run_knows_its_images_however_often_they_are_rated_in_its_own_folder(models_dir: str, tmp_path: Path) -> None:
    run = tmp_path / "run"
    attack(run, models_dir, "attack=mim", "attack.budget.eps=48/255", "data.limit=4", "~targets")
    for _ in range(2):
        found = rate(run, run / "adversarial", "experiment=digits", models_dir, "data.limit=4")
        assert (found["attack"], found["surrogate"]) == ("mim", "digits_plain")
        assert found["config"]["attack"]["budget"]["eps"] == "48/255"
        assert found["targets"]["digits_plain"]["role"] == "white-box"


def test_a_run_that_is_not_finished_tells_too_whatever_else_was_tried_in_its_folder(
    models_dir: str, tmp_path: Path
) -> None:
    run = tmp_path / "run"
    attack(run, models_dir, "attack=mim", "data.limit=4", "~targets")
    (run / "results.json").unlink()
    (run / ".hydra").mkdir()  # which the next one writes before it is refused
    (run / ".hydra" / "config.yaml").write_text("attack: {name: fia}\nsurrogate: {name: digits_residual}\n")
    with pytest.raises(UserError, match="crafted with another configuration"):
        attack(run, models_dir, "attack=fia", "data.limit=4", "~targets")
    found = rate(tmp_path / "rated", run / "adversarial", "experiment=digits", models_dir, "data.limit=4")
    assert (found["attack"], found["surrogate"]) == ("mim", "digits_plain")
