"""What is refused, in which words, and that nothing crafted is lost."""

import errno
import json
import re
import shutil
from pathlib import Path
from typing import Any

import pytest
import torch
from PIL import Image
from pytorch_lightning.loggers import CSVLogger
from safetensors.torch import save_file

from naa_lightning.atomic import write_atomically
from naa_lightning.callbacks import writer
from naa_lightning.cli.entry import one_line_errors
from naa_lightning.config.attack_experiment import compose_attack_run
from naa_lightning.config.training_experiment import compose_training_run
from naa_lightning.exceptions import FolderInUseError, UserError
from tests.experiments import adversarial_files, attack, composed


def paint(path: Path) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.new("RGB", (32, 32), (200, 100, 50)).save(path)
    return path


@pytest.fixture
def images(tmp_path: Path) -> Path:
    root = tmp_path / "images"
    for number in range(6):
        paint(root / f"{number}.png")
    (root / "labels.csv").write_text("filename,label\n" + "".join(f"{number}.png,{number}\n" for number in range(6)))
    return root


def attack_folder(root: Path, models_dir: str, *overrides: str) -> float | None:
    overrides = ("data.batch_size=2", "data.num_workers=0", *overrides)
    return attack(
        root.parent / "run", models_dir, "data=folder", f"data.root={root}", "data.csv=labels.csv", *overrides
    )


def refusal(root: Path, models_dir: str, *overrides: str) -> str:
    with pytest.raises(UserError) as error:
        attack_folder(root, models_dir, *overrides)
    return str(error.value)


def test_missing_folder(images: Path, models_dir: str) -> None:
    shutil.rmtree(images)
    assert refusal(images, models_dir).startswith(f"data.root={images} is not a folder")


def test_csv_row_without_file(images: Path, models_dir: str) -> None:
    (images / "3.png").unlink()
    assert re.search(r"labels\.csv, row 4: 3\.png is missing", refusal(images, models_dir))


def test_label_out_of_range(images: Path, models_dir: str) -> None:
    (images / "labels.csv").write_text("filename,label\n0.png,0\n1.png,10\n")
    assert refusal(images, models_dir).startswith("1.png has the label 10, counted from 0; 10 classes permit 0 to 9")


def test_file_of_class_names(images: Path, models_dir: str) -> None:
    names = images.parent / "names.csv"
    option = f"data.class_names={names}"
    message = refusal(images, models_dir, option, "surrogate.layer=midle")  # told before the surrogate is loaded
    assert message.startswith(f"{option} is not a file; correct the path")
    names.write_text("index;name\n0;tench\n2;shark\n")
    assert refusal(images, models_dir, option) == f"{names} names class 2, but not class 1; add its name"
    names.write_text("index;name\n0;tench\n")
    message = refusal(images, models_dir, option)
    assert message.startswith(f"1.png has the label 1, counted from 0, and {names} names 1 classes, 0 to 0")
    assert message.endswith("or name another file in data.class_names=FILE")
    names.write_text("".join(f"{index};bird\n" for index in range(11)))
    assert f"{names} names 11 classes, and digits_plain has 10" in refusal(images, models_dir, option)


def test_names_of_a_file_are_shown_and_may_be_added_later(images: Path, models_dir: str) -> None:
    run, names = images.parent / "run", images.parent / "names.txt"
    attack_folder(images, models_dir, "data.limit=2", "targets=[]")
    crafted = {path: path.stat().st_mtime_ns for path in (run / "adversarial").glob("*.png")}
    assert json.loads((run / "results.json").read_text())["class_names"] == {}
    names.write_text("nought\none\n" + "many\n" * 8)
    attack_folder(images, models_dir, "data.limit=2", "targets=[]", f"data.class_names={names}")
    results = json.loads((run / "results.json").read_text())
    assert {key: results["class_names"][key] for key in "01"} == {"0": "nought", "1": "one"}
    assert [row["name"] for row in results["classes"]] == ["nought", "one"]
    assert crafted == {path: path.stat().st_mtime_ns for path in (run / "adversarial").glob("*.png")}


@pytest.mark.parametrize("workers", [0, 1])
def test_corrupt_image_keeps_what_is_crafted(images: Path, models_dir: str, workers: int) -> None:
    whole = (images / "5.png").read_bytes()
    (images / "5.png").write_bytes(whole[:60] + bytes([whole[60] ^ 255]) + whole[61:])  # only decoding tells
    message = refusal(images, models_dir, f"data.num_workers={workers}").rpartition("UserError: ")[2]
    assert message.startswith(f"{images}/5.png cannot be read as an image")
    kept = adversarial_files(images.parent / "run")
    assert list(kept) == ["0.png", "1.png", "2.png", "3.png"]
    (images / "5.png").write_bytes(whole)
    attack_folder(images, models_dir)
    complete = adversarial_files(images.parent / "run")
    assert len(complete) == 6
    assert kept.items() <= complete.items()


def test_unreadable_files_are_all_named_before_anything_is_crafted(images: Path, models_dir: str) -> None:
    for number in (3, 5):
        whole = (images / f"{number}.png").read_bytes()
        (images / f"{number}.png").write_bytes(whole[:60])
    message = refusal(images, models_dir, "surrogate.layer=midle")  # told before the surrogate is loaded
    assert message.startswith(f"2 of 6 images are refused: {images}/3.png cannot be read as an image (")
    assert f"; {images}/5.png cannot be read" in message
    attack_folder(images, models_dir, "data.limit=3")  # which are not among those
    assert len(adversarial_files(images.parent / "run")) == 3


def test_a_folder_in_the_way_of_an_image(images: Path, models_dir: str) -> None:
    (images.parent / "run" / "adversarial" / "5.png").mkdir(parents=True)
    message = refusal(images, models_dir)
    assert message == (
        f"{images.parent}/run/adversarial/5.png is a folder, and the adversarial image of 5.png needs its name; remove "
        "it"
    )
    assert not (images.parent / "run" / "adversarial" / "0.png").exists()


def test_disk_full_keeps_what_is_crafted(images: Path, models_dir: str, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(path: Path, content: bytes) -> None:
        if path.name == "3.png":
            raise OSError(errno.ENOSPC, "No space left on device", str(path))
        write_atomically(path, content)

    monkeypatch.setattr(writer, "write_atomically", full)
    run = images.parent / "run"
    expected = f"{run}/adversarial/3.png cannot be written (No space left on device); the images saved so far are kept"
    assert refusal(images, models_dir).startswith(expected)
    kept = set(adversarial_files(run))
    assert {"0.png", "1.png", "2.png"} <= kept  # and what else was crafted before the error was known
    assert "3.png" not in kept
    monkeypatch.undo()
    attack_folder(images, models_dir)
    assert len(adversarial_files(run)) == 6


def test_unknown_layer(images: Path, models_dir: str) -> None:
    message = refusal(images, models_dir, "surrogate.layer=midle")
    assert message.startswith("digits_plain: there is no layer 'midle'; the closest are middle")


@pytest.mark.parametrize(
    ("layer", "message"),
    [
        ("null", "names no attacked layer: give surrogate.layer, one of stem.0 (16, 32, 32), "),
        ("midle", "there is no layer 'midle'"),
    ],
)
def test_a_corrected_mistake_may_use_the_same_folder(images: Path, models_dir: str, layer: str, message: str) -> None:
    assert message in refusal(images, models_dir, f"surrogate.layer={layer}")
    attack_folder(images, models_dir)


def test_trainer_options_that_leave_work_half_done(images: Path, models_dir: str) -> None:
    message = refusal(images, models_dir, "+trainer.limit_predict_batches=1")
    assert message == (
        "trainer.limit_predict_batches would leave the work half done: use data.limit or debug=limit instead"
    )


@pytest.mark.parametrize("precision", ["16", "bf16"])
def test_a_precision_that_images_do_not_have(images: Path, models_dir: str, precision: str) -> None:
    message = refusal(images, models_dir, f"++trainer.precision={precision}-true")
    assert message == (
        f"trainer.precision={precision}-true would round the images themselves, by as much as attacks change them: use "
        f"trainer.precision={precision}-mixed"
    )


def test_a_target_that_only_shares_the_surrogates_name(images: Path, models_dir: str) -> None:
    message = refusal(images, models_dir, "targets.digits_plain.weights=other.pth")
    assert message.startswith("the target digits_plain differs from the surrogate of that name")


def test_published_weights_of_other_classes(images: Path, models_dir: str) -> None:
    message = refusal(images, models_dir, "surrogate=inception_v3", "surrogate.num_classes=12")
    assert re.search(r"published weights of inception_v3 .* know 1000 classes, but num_classes is 12", message)


def test_a_failed_run_closes_its_loggers(images: Path, models_dir: str, monkeypatch: pytest.MonkeyPatch) -> None:
    statuses: list[str] = []
    monkeypatch.setattr(CSVLogger, "finalize", lambda _, status: statuses.append(status))
    refusal(images, models_dir, "logger=csv", "surrogate.layer=midle")
    assert statuses[-1] == "failed"


def test_weights_that_do_not_fit(images: Path, models_dir: str) -> None:
    path = images / "weights.safetensors"
    save_file({"stem.weight": torch.zeros(2)}, path)
    message = refusal(images, models_dir, f"surrogate.weights={path}")
    assert message.startswith(f"the weights in {path} do not fit, they are of another network: they hold stem.weight, ")


def test_missing_weights_file(images: Path, models_dir: str) -> None:
    assert "there is no weights file nowhere.pth" in refusal(images, models_dir, "surrogate.weights=nowhere.pth")


def test_data_that_cannot_be_trained_on(images: Path, models_dir: str) -> None:
    recipe = ["surrogate.recipe.data._target_=naa_lightning.data.nips2017.Nips2017Data", "~surrogate.recipe.data.seed"]
    message = refusal(images, models_dir, "~targets", *recipe, f"+surrogate.recipe.data.cache={images}")
    assert message.startswith("digits_plain cannot be trained on data=digits, which has no training images")


@pytest.mark.parametrize(
    ("error", "line"),
    [
        (
            UserError("Caught UserError in worker\nnaa_lightning.exceptions.UserError: a.png is bad"),
            "error: a.png is bad",
        ),
        (
            FolderInUseError("run is in use: choose another folder"),
            "error: run is in use: choose another folder with hydra.run.dir=PATH",
        ),
        (PermissionError(errno.EACCES, "Permission denied", "/out"), "error: /out: Permission denied"),
        (
            OSError(errno.ENOSPC, "No space left on device", "a.csv"),
            "error: a.csv: No space left on device: make room; the same command with hydra.run.dir=run goes on",
        ),
        (
            OSError(errno.ENOSPC, "No space left on device"),
            "error: run: No space left on device: make room; the same command with hydra.run.dir=run goes on",
        ),
    ],
)
def test_errors_that_the_user_can_mend_are_one_line(error: Exception, line: str) -> None:
    composed()  # as in a run, whose folder is `run`
    with pytest.raises(SystemExit) as end, one_line_errors():
        raise error
    assert end.value.code == line


# Each is told before anything is loaded. What Hydra itself refuses is in test_composition_errors.py.
ODD_VALUES = {
    "surrogate.input_size=[0,0]": "surrogate: input_size must be positive, got [0, 0]",
    "surrogate.input_size=[-1,8]": "surrogate: input_size must be positive, got [-1, 8]",
    "surrogate.input_size=[32]": "surrogate: input_size must hold 2 numbers, got [32]",
    "surrogate.input_size=32": "surrogate.input_size must be a list, got 32",
    "surrogate.input_size=[8.5,8]": "surrogate.input_size.0 must be a valid integer, got 8.5",
    "surrogate.name=../../x": "surrogate: name must be a plain name, without slashes and no dot before it",
    "surrogate.name=.x": "surrogate: name must be a plain name, without slashes and no dot before it, got '.x'",
    "surrogate.name=": "surrogate.name is empty: leave it out, give a value, or surrogate.name=null for none",
    'surrogate.name="a\tb"': "surrogate: name must be printable, got 'a\\tb'",
    f"surrogate.name={'a' * 201}": "surrogate: name must be at most 200 bytes long, got 201: aaaaaaaaaaaaaaaaaaaa...",
    "targets.digits_plain.name=a/b": "targets.digits_plain: name must be a plain name, without slashes",
    "surrogate.num_classes=-1": "surrogate: num_classes must be at least 1, got -1",
    "surrogate.num_classes=true": "surrogate.num_classes must be a number, got true",
    "attack.name=a/b": "attack.name must be a plain name, without slashes and no dot before it, got 'a/b'",
    "task_name=": "task_name is empty: leave it out, give a value, or task_name=null for none",
    "seed=true": "seed must be a number, got true",
    "report.first_images=true": "report.first_images must be a number, got true",
    "attack.budget.steps=true": "attack.budget.steps must be a number, got true",
    "attack.budget.steps=0": "attack.budget: steps must be at least 1, got 0",
    "attack.budget=null": "attack.budget must be a valid dictionary, got None",
    "trust=3": "trust must be a list of packages and files, such as trust=[mine], got 3",
    "trust=[3]": "trust must be a list of packages and files, such as trust=[mine], got [3]",
    "+targets.x=3": "targets.x must be a valid dictionary, got 3",
    "~data": "data must be given",
    "~surrogate": "there is no surrogate to craft on: give surrogate=, or rate images with craft=false",
}
ODD_VALUES_OF_TRAINING = {
    "surrogate.name=../../x": "surrogate: name must be a plain name, without slashes and no dot before it",
    "surrogate.input_size=[0,0]": "surrogate: input_size must be positive, got [0, 0]",
    "training.augmentation=null": "training.augmentation must give options by their names, got None",
    "training.robustness=3": "training.robustness must give options by their names, got 3",
    "training.learning_rate=nan": "training: learning_rate must be positive, got nan",
    "training.epochs=true": "training.epochs must be a number, got true",
    "seed=4294967296": "training: seed must be less than 2**32, got 4294967296",
    "ckpt_path=3": "ckpt_path must be a valid string, got 3",
}


@pytest.mark.parametrize(
    ("program", "override", "message"),
    [
        *(("attack", override, message) for override, message in ODD_VALUES.items()),
        *(("train", override, message) for override, message in ODD_VALUES_OF_TRAINING.items()),
    ],
)
def test_odd_values_are_told_at_the_start(program: str, override: str, message: str) -> None:
    compose: Any = compose_attack_run if program == "attack" else compose_training_run
    base = ["surrogate=digits_plain", *(["targets=digits_plain", "data=digits"] if program == "attack" else [])]
    with pytest.raises(SystemExit) as end, one_line_errors():
        compose(composed(*base, override, program=program))
    assert str(end.value.code).startswith(f"error: {message}")


def test_our_own_mistakes_keep_their_traceback() -> None:
    with pytest.raises(ZeroDivisionError), one_line_errors():
        raise ZeroDivisionError
