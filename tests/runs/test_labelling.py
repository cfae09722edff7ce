"""Images without labels are labelled by what the surrogate predicts: `data.labels=predicted`."""

from pathlib import Path

import pandas as pd
import pytest
import torch

from naa_lightning.config.attack_experiment import compose_attack_run
from naa_lightning.data.digits import DigitsData
from naa_lightning.exceptions import UserError
from naa_lightning.records import read_results
from naa_lightning.report.run_table import result_lines
from tests.experiments import adversarial_files, attack, composed, train
from tests.runs.cases import digit_files, results

IMAGES = 12


def unlabelled(folder: Path) -> list[str]:
    """Digits in a folder and in one below it, one of which a spreadsheet would run, as overrides."""
    digit_files(folder / "photos", IMAGES)
    (folder / "photos" / "more").mkdir()
    for index in (3, 4):
        (folder / "photos" / f"{index}.png").rename(folder / "photos" / "more" / f"{index}.png")
    (folder / "photos" / "5.png").rename(folder / "photos" / "=5.png")
    return ["attack=fgsm", "data=folder", f"data.root={folder / 'photos'}", "data.num_workers=0"]


def predicted(models_dir: str, *surrogates: str) -> dict[str, int]:
    """What surrogates predict by their mean logits, asked without anything of a run."""
    logits = []
    for name in surrogates:
        experiment = compose_attack_run(composed("experiment=digits", models_dir, f"surrogate={name}"))
        (source,) = experiment.white_box
        images = DigitsData().load()
        with torch.no_grad():
            logits.append(source.build()(torch.stack([images[index]["image"] for index in range(IMAGES)])))
    names = {3: "more/3.png", 4: "more/4.png", 5: "=5.png"}
    classes = torch.stack(logits).mean(0).argmax(1).tolist()
    return {names.get(index, f"{index}.png"): label for index, label in enumerate(classes)}


def labels_in(folder: Path) -> dict[str, int]:
    """The labels of the images that a run has crafted, by the clean image's name."""
    rows = pd.read_csv(folder / "adversarial" / "manifest.csv")
    return dict(zip(rows.file.str.removeprefix("'"), rows.label, strict=True))


def test_labels_are_what_the_surrogate_predicts(models_dir: str, tmp_path: Path) -> None:
    attack(tmp_path / "first", models_dir)  # which trains the networks
    options, run = unlabelled(tmp_path), tmp_path / "run"
    attack(run, models_dir, *options, "data.labels=predicted", "preflight=true")
    assert labels_in(run) == predicted(models_dir, "digits_plain")
    found = read_results(run)
    assert (found.labels_from, found.targets["digits_plain"].clean_accuracy.value) == ("digits_plain", 1.0)
    (line,) = [line for line in result_lines(found) if line.startswith("labels: ")]
    assert line.startswith("labels: they are what digits_plain predicts of the clean images")
    assert line.removeprefix("labels: ") in (run / "report.html").read_text()
    before, written = adversarial_files(run), (run / "labels.csv").read_bytes()
    attack(run, models_dir, *options, "data.labels=predicted")
    assert (adversarial_files(run), (run / "labels.csv").read_bytes()) == (before, written)
    assert results(run)["cost"]["images_crafted_now"] == 0
    attack(tmp_path / "again", models_dir, *options, f"data.csv={run / 'labels.csv'}")
    assert labels_in(tmp_path / "again") == labels_in(run)
    assert read_results(tmp_path / "again").labels_from is None


def test_an_ensemble_predicts_by_its_mean_logits(models_dir: str, tmp_path: Path) -> None:
    attack(tmp_path / "first", models_dir)
    options = [*unlabelled(tmp_path), "data.labels=predicted", "~targets"]
    members = ("digits_plain", "digits_inception")
    attack(tmp_path / "run", models_dir, f"surrogate=[{','.join(members)}]", *options)
    assert labels_in(tmp_path / "run") == predicted(models_dir, *members)


def test_two_ranks_predict_the_same(models_dir: str, tmp_path: Path) -> None:
    attack(tmp_path / "first", models_dir)
    options = [*unlabelled(tmp_path), "data.labels=predicted", "~targets", "data.batch_size=4"]
    attack(tmp_path / "one", models_dir, *options)
    attack(tmp_path / "two", models_dir, *options, "trainer=ddp_sim")
    assert (tmp_path / "one" / "labels.csv").read_bytes() == (tmp_path / "two" / "labels.csv").read_bytes()
    assert labels_in(tmp_path / "one") == labels_in(tmp_path / "two")


def test_without_a_surrogate_there_is_nobody_to_predict(models_dir: str, tmp_path: Path) -> None:
    options = [*unlabelled(tmp_path), "data.labels=predicted", "craft=false", f"adversarial_dir={tmp_path / 'photos'}"]
    with pytest.raises(UserError, match=r"^data\.labels=predicted .* there is none: .* surrogate=, .* data\.csv=FILE$"):
        attack(tmp_path / "run", models_dir, *options, "~surrogate", "attribution.exact_images=0")


def test_nothing_is_trained_on_them(tmp_path: Path) -> None:
    options = [option for option in unlabelled(tmp_path) if option.startswith("data")]
    with pytest.raises(
        UserError, match=r"digits_plain cannot be trained on images without labels; leave out data\.labels"
    ):
        train(tmp_path / "run", "surrogate=digits_plain", *options, "data.labels=predicted")


@pytest.mark.parametrize("option", ["data.csv=labels.csv", "data.train=photos", "data.class_map=map.csv"])
def test_images_that_have_labels_need_no_others(models_dir: str, tmp_path: Path, option: str) -> None:
    with pytest.raises(UserError, match=r"labels=predicted is for images without labels: leave out csv, class_map and"):
        attack(tmp_path / "run", models_dir, *unlabelled(tmp_path), "data.labels=predicted", option)


def test_a_mistyped_word_is_refused(models_dir: str, tmp_path: Path) -> None:
    with pytest.raises(UserError, match=r"data\.labels.*predicted"):
        attack(tmp_path / "run", models_dir, *unlabelled(tmp_path), "data.labels=predict")


def test_models_of_other_classes_cannot_be_asked_about_predicted_labels(models_dir: str, tmp_path: Path) -> None:
    (tmp_path / "other.py").write_text("from torch import nn\n\ndef build():\n    return nn.Flatten()\n")
    other = {"function": f"{tmp_path / 'other.py'}:build", "name": "other", "num_classes": 7, "mean": [0, 0, 0]}
    options = [*unlabelled(tmp_path), "targets=[python]", "targets.python.std=[1,1,1]", "data.labels=predicted"]
    with pytest.raises(UserError, match=r"of its 10 classes other knows 7: leave other out"):
        attack(
            tmp_path / "run", models_dir, *options, *(f"targets.python.{key}={value}" for key, value in other.items())
        )
