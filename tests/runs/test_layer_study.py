"""Finding the layer to attack, on the embedded default."""

import csv
import json
import math
import re
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq
import pytest
import torch
from torch import Tensor

from naa_lightning.callbacks import writer
from naa_lightning.cli.report import main
from naa_lightning.data.digits import DigitsData
from naa_lightning.exceptions import UserError
from naa_lightning.image_file import encode_png
from naa_lightning.metrics import Rate, transfer_rates
from tests.experiments import adversarial_files, attack

SMALL = ("attack.objective.path_points=2", "attack.budget.steps=2", "data.limit=16")
TWO = "study.layers=[middle,stem]"


def study(folder: Path, models_dir: str, *overrides: str) -> float | None:
    return attack(folder, models_dir, "study=layers", *SMALL, *overrides)


def results(folder: Path) -> dict[str, Any]:
    content: dict[str, Any] = json.loads((folder / "layers.json").read_text())
    return content


def table(folder: Path) -> list[dict[str, str]]:
    """The rows of `layers.csv` but for the time, which no two runs share."""
    with (folder / "layers.csv").open() as file:
        return [{k: v for k, v in row.items() if k != "seconds_per_image"} for row in csv.DictReader(file)]


def success_rates(folder: Path, layer: str, *, targeted: bool = False) -> dict[str, float]:
    """Of every target, from the saved predictions alone."""
    rates = {}
    rows = pq.read_table(folder / "layers" / layer / "predictions.parquet").to_pylist()
    for target in dict.fromkeys(row["target"] for row in rows):
        of_target = [row for row in rows if row["target"] == target]
        columns = ("clean_prediction", "adversarial_prediction", "label")
        clean, adversarial, labels = (torch.tensor([row[column] for row in of_target]) for column in columns)
        aims = torch.tensor([row["target_class"] for row in of_target]) if targeted else None
        measured = transfer_rates(clean, adversarial, labels, aims)
        rates[target] = (measured.target_rate if targeted else measured.success_rate).value
    return rates


@pytest.fixture(scope="module")
def finished(models_dir: str, tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, float | None]:
    folder = tmp_path_factory.mktemp("layers")
    return folder, study(folder, models_dir, "study.candidates=3", "logger=csv", "callbacks=default")


def test_candidates_are_found_and_tried_in_the_order_of_the_network(finished: tuple[Path, float]) -> None:
    folder, _ = finished
    assert [row["layer"] for row in table(folder)] == ["stem.0", "middle", "top"]
    assert [row["shape"] for row in table(folder)] == ["16x32x32", "32x16x16", "64x4x4"]
    assert {path.name for path in (folder / "layers").iterdir()} == {row["layer"] for row in table(folder)}


def test_the_recommended_layer_is_the_best_of_the_saved_predictions(finished: tuple[Path, float]) -> None:
    folder, returned = finished
    black_box = {}
    for row in table(folder):
        rates = success_rates(folder, row["layer"])
        assert list(rates) == ["digits_plain", "digits_residual", "digits_inception"]
        for target, rate in rates.items():
            assert float(row[f"target/{target}/success_rate"]) == rate
        black_box[row["layer"]] = (rates["digits_residual"] + rates["digits_inception"]) / 2
        assert float(row["black_box_mean/success_rate"]) == pytest.approx(black_box[row["layer"]])
    best = max(black_box, key=lambda layer: black_box[layer])
    assert min(black_box.values()) < max(black_box.values()) == pytest.approx(returned)
    assert results(folder)["recommended"] == best
    assert [row["layer"] for row in table(folder) if row["verdict"] == "recommended"] == [best]
    for row in table(folder):
        assert float(row["difference"]) == pytest.approx(black_box[row["layer"]] - black_box[best])
        if row["layer"] != best:
            assert (row["verdict"] == "as good") == (float(row["difference_high"]) >= 0)


def test_intervals_of_targets_are_wilsons(finished: tuple[Path, float]) -> None:
    folder, _ = finished
    for layer in results(folder)["layers"]:
        for target in layer["targets"].values():
            assert (target["low"], target["high"]) == Rate(target["count"], target["total"]).interval
            assert target["value"] == target["count"] / target["total"]


def test_a_layers_images_are_those_of_a_run_that_attacks_it(
    finished: tuple[Path, float], models_dir: str, tmp_path: Path
) -> None:
    folder, _ = finished
    attack(tmp_path, models_dir, *SMALL, "surrogate.layer=stem.0")
    assert adversarial_files(tmp_path) == adversarial_files(folder / "layers" / "stem.0")
    assert adversarial_files(tmp_path) != adversarial_files(folder / "layers" / "top")
    identity, of_study = (
        json.loads((run / "crafting.json").read_text()) for run in (tmp_path, folder / "layers" / "stem.0")
    )
    del identity["config"], of_study["config"]
    assert identity == of_study


def test_the_logger_takes_one_step_per_layer(finished: tuple[Path, float]) -> None:
    folder, _ = finished
    with (folder / "csv" / "version_0" / "metrics.csv").open() as file:
        rows = list(csv.DictReader(file))
    assert [row["step"] for row in rows] == list("012")
    for logged, row in zip(rows, table(folder), strict=True):
        for column in ("progress", "black_box_mean/success_rate", "difference"):
            assert float(logged[f"layers/{column}"]) == float(row[column])


def test_a_repeated_study_crafts_only_what_is_missing_and_answers_the_same(
    finished: tuple[Path, float],
    models_dir: str,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    folder, returned = finished
    before, images = table(folder), adversarial_files(folder / "layers" / "middle")
    (folder / "layers" / "middle" / "adversarial" / list(images)[3]).unlink()
    crafted, encode = [], encode_png

    def counting(image: Tensor) -> bytes:
        crafted.append(image)
        return encode(image)

    monkeypatch.setattr(writer, "encode_png", counting)
    assert study(folder, models_dir, "study.candidates=3") == returned
    assert len(crafted) == 1
    assert adversarial_files(folder / "layers" / "middle") == images
    assert table(folder) == before
    lines, best = capsys.readouterr().out.splitlines(), results(folder)["recommended"]
    assert lines[lines.index(f"surrogate.layer={best}") - 1].startswith(
        f"Attack digits_plain at {best}: naa reaches {100 * returned:.0f}\N{NO-BREAK SPACE}% success"
    )


def test_the_page_and_the_record_say_how_it_was_made(
    finished: tuple[Path, float], capsys: pytest.CaptureFixture[str]
) -> None:
    folder, _ = finished
    content = results(folder)
    assert (content["schema_version"], content["surrogate"], content["images"]) == (2, "digits_plain", 16)
    assert "study=layers" in content["command"]
    assert content["environment"]["device"] == "cpu"
    assert content["seconds"] > 0
    page = folder / "report.html"
    before = page.read_text()
    assert f"surrogate.layer={content['recommended']}" in before
    page.unlink()
    main([str(folder)])
    assert page.read_text() == before
    assert capsys.readouterr().out == f"report: {page}\n"


def test_a_study_that_was_killed_goes_on(
    finished: tuple[Path, float], models_dir: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    count, encode = iter(range(100)), encode_png

    def killing(image: Tensor) -> bytes:
        if next(count) == 24:
            raise RuntimeError("killed")
        return encode(image)

    monkeypatch.setattr(writer, "encode_png", killing)
    with pytest.raises(RuntimeError, match="killed"):
        study(tmp_path, models_dir, "study.candidates=3")
    assert not (tmp_path / "layers.csv").exists()
    assert len(adversarial_files(tmp_path / "layers" / "stem.0")) == 16
    assert 8 <= len(adversarial_files(tmp_path / "layers" / "middle")) < 16  # what was handed over before is written
    study(tmp_path, models_dir, "study.candidates=3")
    assert next(count) == 3 * 16 + 1  # each image once, and the one at which it was killed
    assert table(tmp_path) == table(finished[0])


def test_a_targeted_attack_is_judged_by_its_target_rate(models_dir: str, tmp_path: Path) -> None:
    returned = study(tmp_path, models_dir, "study.layers=[stem,middle]", "attack.targeted=true")
    assert results(tmp_path)["rate"] == "target_rate"
    rates = [success_rates(tmp_path, layer, targeted=True) for layer in ("stem", "middle")]
    means = [(rate["digits_residual"] + rate["digits_inception"]) / 2 for rate in rates]
    assert [float(row["black_box_mean/target_rate"]) for row in table(tmp_path)] == pytest.approx(means)
    assert returned == pytest.approx(max(means))


def test_among_equals_the_earliest_is_recommended(models_dir: str, tmp_path: Path) -> None:
    overrides = ("attack.budget.step_size=0", "surrogate.layer=null", "~targets.digits_inception")
    assert study(tmp_path, models_dir, TWO, *overrides) == 0
    assert [row["layer"] for row in table(tmp_path)] == ["stem", "middle"]
    assert [row["verdict"] for row in table(tmp_path)] == ["recommended", "as good"]
    stem, middle = results(tmp_path)["layers"]
    total = stem["targets"]["digits_residual"]["total"]
    assert total > 10
    share = 2 / (total + 4)  # as of Agresti and Coull for no success
    high = share + 1.959964 * math.sqrt(share * (1 - share) / (total + 4))
    assert (stem["black_box_mean"]["low"], stem["black_box_mean"]["high"]) == (0, pytest.approx(high))
    margin = 1.959964 * math.sqrt(2) / (total + 2)  # as of Bonett and Price where nothing differs
    assert (middle["difference"]["low"], middle["difference"]["high"]) == pytest.approx((-margin, margin))
    assert set(stem["difference"].values()) == {0}


def test_where_no_image_counts_nothing_is_recommended(
    models_dir: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    data = DigitsData(limit=2)
    data.setup("predict")
    rows = ["filename,label"]
    for index, record in enumerate(data.images.records):
        (tmp_path / f"{index}.png").write_bytes(encode_png(data.images.read(record)))
        rows.append(f"{index}.png,{(record.label + 1) % 10}")
    (tmp_path / "labels.csv").write_text("\n".join(rows) + "\n")
    wrong = ("data=folder", f"data.root={tmp_path}", "data.csv=labels.csv", "data.num_workers=0")
    assert study(tmp_path / "run", models_dir, TWO, *wrong) is None
    assert results(tmp_path / "run")["recommended"] is None
    assert {layer["verdict"] for layer in results(tmp_path / "run")["layers"]} == {None}
    assert "No layer is recommended: no image counts on any black-box target." in capsys.readouterr().out


def test_an_attack_without_a_layer_is_refused(models_dir: str, tmp_path: Path) -> None:
    message = "attack=mim attacks no layer: study=layers takes an attack on features, such as attack=naa"
    with pytest.raises(UserError, match=message):
        attack(tmp_path, models_dir, "study=layers", "attack=mim")


@pytest.mark.parametrize(
    ("overrides", "message"),
    [
        (["~targets"], "study=layers recommends a layer by how its images fool other models: give held-out targets"),
        (["study.layers=[middle,tip]"], "study.layers: there is no layer 'tip'; the closest are top"),
        (["study.layers=[middle,middle]"], "study: layers must name each candidate once, got [middle, middle]"),
        (["study.layers=[]"], "study: layers must name each candidate once, got []"),
        (["study.depth=0"], "study: depth must be at least 1, got 0"),
        (["study.candidates=1"], "study: candidates must be at least 2, got 1"),
        (
            [
                "surrogate=ensemble",
                "surrogate.name=both",
                "+surrogate@surrogate.members.digits_plain=digits_plain",
                "+surrogate@surrogate.members.digits_residual=digits_residual",
            ],
            "study=layers takes one surrogate, got several (digits_plain, digits_residual): study each alone",
        ),
    ],
)
def test_bad_input_is_refused_before_anything_is_crafted(
    models_dir: str, tmp_path: Path, overrides: list[str], message: str
) -> None:
    with pytest.raises(UserError, match=re.escape(message)):
        study(tmp_path, models_dir, *overrides)
    assert not (tmp_path / "layers").exists()


def test_a_named_layer_that_cannot_be_attacked_is_refused(
    models_dir: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("torch.nn.Flatten.forward", lambda _, images: images.flatten(1).detach())
    with pytest.raises(UserError, match=r"study\.layers: middle must put out one tensor that the logits depend on"):
        study(tmp_path, models_dir, "study.layers=[middle]")
    with pytest.raises(UserError, match="digits_plain has no layer to attack whose name has at most 2 parts"):
        study(tmp_path, models_dir)
