"""`results.json` and the tables beside it: what is refused, and that files of the last version are still read."""

import json
from pathlib import Path

import pyarrow.parquet as pq
import pytest

from naa_lightning.exceptions import UserError
from naa_lightning.records import (
    RunResults,
    read_attributions,
    read_perturbations,
    read_pictures,
    read_predictions,
    read_results,
    write_predictions,
    write_results,
)
from naa_lightning.records.json_file import SCHEMA_VERSION
from naa_lightning.records.targets import FailedTarget
from tests.report.cases import asked_target, prediction, run_results

VERSION_1 = Path(__file__).with_name("version_1")
"""The files of a run that version 0.5.0 left: defended targets, two that failed, exact attribution."""


def test_results_of_version_1_are_read() -> None:
    raw, results = json.loads((VERSION_1 / "results.json").read_text()), read_results(VERSION_1)
    assert (results.schema_version, results.version) == (1, raw["version"])
    assert results.environment.device == raw["cost"]["device"]
    assert results.environment.packages == {"torch": raw["cost"]["torch"]}
    assert results.failed["callable+jpeg"] == FailedTarget(
        reason=raw["failed"]["callable+jpeg"], model="callable", defences=("jpeg",)
    )
    for name, target in raw["targets"].items():
        for rate in ("fooling_rate", "error_rate", "success_rate", "clean_accuracy", "target_rate"):
            assert results.targets[name].rate(rate).model_dump() == target[rate]
        assert results.targets[name].robust_accuracy.value is None
    for mean in ("black_box_mean", "defended_mean"):
        known = {name: value for name, value in raw[mean].items() if value is not None}
        assert known.items() <= getattr(results, mean).model_dump().items()
    assert results.black_box_mean.left_out == {"callable": raw["failed"]["callable"]}
    assert results.exact_attribution is not None
    assert results.exact_attribution.agreement == {"naa": raw["exact_attribution"]["naa"]}
    assert results.exact_attribution.effect == raw["exact_attribution"]["effect"]
    assert results.perturbation["linf"].max == raw["perturbation"]["linf"]["max"]
    assert (results.command, results.started, results.weights) == (None, None, {})


def test_a_failed_target_of_version_1_is_white_box_where_it_is_the_surrogate(tmp_path: Path) -> None:
    failed = {"a+jpeg": "no memory", "b+jpeg": "no memory"}
    found = {"surrogate": "a", "images": 3, "targets": {}, "failed": failed}
    (tmp_path / "results.json").write_text(json.dumps(found))
    results = read_results(tmp_path)
    assert {name: target.role for name, target in results.failed.items()} == {
        "a+jpeg": "white-box",
        "b+jpeg": "black-box",
    }
    assert list(results.defended_mean.left_out) == ["b+jpeg"]


def test_tables_of_version_1_are_read() -> None:
    assert len(read_predictions(VERSION_1)) == 6 * 3
    assert {row.clean_sha256 for row in read_perturbations(VERSION_1)} == {None}
    wide = pq.read_table(VERSION_1 / "attribution.parquet").to_pylist()
    rows = read_attributions(VERSION_1)
    assert len(rows) == len(wide) * (len(wide[0]) - 1)
    for row in rows:
        (of_image,) = (found for found in wide if found["id"] == row.id)
        assert row.value == pytest.approx(of_image[f"{row.part}/{row.statistic}"], nan_ok=True)
    assert read_pictures(VERSION_1) == []


def test_what_version_1_said_is_kept_when_it_is_written_again(tmp_path: Path) -> None:
    results = read_results(VERSION_1)
    write_results(tmp_path, results)
    again = read_results(tmp_path)
    assert again == results
    assert again.schema_version == 1


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ("{", "is damaged: Invalid JSON"),
        ("[]", "is damaged"),
        ('{"images": 3}', "is damaged: targets: Field required"),
        ('{"images": "many", "targets": {}}', "is damaged: images"),
        ('{"images": 3, "targets": {"a": {"role": "bystander"}}}', "is damaged: targets.a.role"),
        ('{"images": 3, "targets": {}, "budget": {"eps": NaN}}', "is damaged: budget.eps"),
    ],
)
def test_a_damaged_file_is_refused(content: str, message: str, tmp_path: Path) -> None:
    (tmp_path / "results.json").write_text(content)
    with pytest.raises(UserError, match=message) as error:
        read_results(tmp_path)
    assert str(tmp_path / "results.json") in str(error.value)


def test_all_means_of_a_run_are_over_the_same_targets() -> None:
    dead = [prediction("dead", id=image, label=1, clean=2, adversarial=2) for image in range(4)]
    alive = [prediction("alive", id=image, label=1, clean=1, adversarial=1 + image % 2) for image in range(4)]
    targets = {name: asked_target(name) for name in ("dead", "alive")}
    results = run_results([*dead, *alive], targets=targets)
    mean, only = results.black_box_mean, results.targets["alive"]
    assert (mean.targets, mean.left_out) == (("alive",), {"dead": "no image counts"})
    for name in ("success_rate", "error_rate", "fooling_rate", "clean_accuracy", "robust_accuracy"):
        assert mean.rate(name) == only.rate(name).value


def test_a_target_with_the_surrogates_weights_stands_in_no_mean_and_judges_nothing() -> None:
    rows = [
        prediction(name, id=image, label=1, clean=1, adversarial=2 if name == "copy" else 1 + image % 2)
        for name in ("source", "copy", "plain")
        for image in range(4)
    ]
    targets = {name: asked_target(name) for name in ("source", "copy", "plain")}
    usual = run_results(rows, targets=targets)
    assert usual.black_box_mean.success_rate == 0.75
    shared = usual.targets["copy"].model_copy(update={"shares_weights": "source"})
    results = usual.model_copy(update={"targets": {**usual.targets, "copy": shared}})
    mean = results.black_box_mean
    assert (mean.targets, mean.left_out) == (("plain",), {"copy": "shares weights with source"})
    assert (mean.success_rate, results.optimised, results.judges) == (0.5, 0.5, ("plain",))
    alone = results.model_copy(update={"targets": {"source": usual.targets["source"], "copy": shared}})
    assert (alone.black_box_mean.targets, alone.optimised, alone.judges) == ((), None, ("source",))


def test_a_folder_without_results_is_refused(tmp_path: Path) -> None:
    with pytest.raises(UserError, match=r"results\.json: there is no such file"):
        read_results(tmp_path)


def test_files_of_a_later_version_are_refused(tmp_path: Path) -> None:
    write_results(tmp_path, run_results([prediction("plain")], schema_version=SCHEMA_VERSION + 1))
    with pytest.raises(UserError, match="has version 3, this program reads up to 2: update it"):
        read_results(tmp_path)
    (tmp_path / "results.json").write_text('{"schema_version": 3, "images": "none", "targets": {}}')
    with pytest.raises(UserError, match="has version 3, this program reads up to 2: update it"):
        read_results(tmp_path)
    path = write_predictions(tmp_path, [prediction("plain")])
    table = pq.read_table(path)
    later = {key: b"3" for key in table.schema.metadata if b"schema_version" in key}
    pq.write_table(table.replace_schema_metadata(later), path)
    with pytest.raises(UserError, match=r"predictions\.parquet has version 3, this program reads up to 2: update it"):
        read_predictions(tmp_path)


def test_a_column_that_this_version_does_not_know_is_passed_over(tmp_path: Path) -> None:
    path = write_predictions(tmp_path, [prediction("plain")])
    table = pq.read_table(path)
    pq.write_table(table.append_column("mood", [["good"]]), path)
    assert read_predictions(tmp_path) == [prediction("plain")]


def test_what_judges_are_is_said() -> None:
    assert run_results([prediction("plain"), prediction("plain+jpeg"), prediction("source")]).judges == ("plain",)
    assert run_results([prediction("plain+jpeg"), prediction("source")]).judges == ("plain+jpeg",)
    assert run_results([prediction("source")]).judges == ("source",)
    assert RunResults(images=0, targets={}).judges == ()
