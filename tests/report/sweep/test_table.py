"""From folders to the table: failed, unfinished and damaged jobs."""

from pathlib import Path

import pytest

from naa_lightning.records.failure import write_failure
from naa_lightning.report.sweep.table import read_sweep_table
from tests.report.sweep.cases import cell_of, sweep, write_run

OTHER_IMAGES = "naa on source is not compared: its clean images are not those of the baseline"


@pytest.mark.parametrize("content", ["", "{", "[]", '{"targets": 3}'])
def test_damaged_results_are_left_out_and_named(content: str, tmp_path: Path) -> None:
    runs = sweep(tmp_path, seeds=(1,))
    (runs[1] / "results.json").write_text(content)
    table = read_sweep_table(runs)
    assert table.rows["name"].tolist() == ["mim", "naa"]
    (notice,) = table.notices
    assert notice.startswith(f"fia-1 is left out: {runs[1] / 'results.json'} is damaged")


@pytest.mark.parametrize(("content", "what"), [(None, "missing"), (b"PAR1", "damaged")])
def test_without_predictions_the_rates_count_and_the_tests_do_not(
    content: bytes | None, what: str, tmp_path: Path
) -> None:
    runs = sweep(tmp_path)
    whole = read_sweep_table(runs)
    path = runs[4] / "predictions.parquet"
    path.unlink() if content is None else path.write_bytes(content)
    table = read_sweep_table(runs)
    after, before = (cell_of(found, "fia", "plain") for found in (table, whole))
    assert after[["mean", "low", "high", "spread"]].tolist() == before[["mean", "low", "high", "spread"]].tolist()
    assert after.better + after.worse > 0
    assert (after.better, after.worse) != (before.better, before.worse)
    (notice,) = table.notices
    assert notice.startswith(f"fia-2 is in no test: {path} is {what}")


def test_failed_and_unfinished_jobs_are_named(tmp_path: Path) -> None:
    done = write_run(tmp_path / "done", {"plain": [1, 0]})
    lost = write_run(tmp_path / "lost", {"plain": [1, 0]}, attack="mim", failed={"other": "no weights"})
    again = write_run(tmp_path / "again", {"plain": [1, 0]}, attack="fia")
    failed, odd, running = tmp_path / "failed", tmp_path / "odd", tmp_path / "running"
    for folder in (failed, odd, running):
        folder.mkdir()
    for folder in (failed, lost, again):
        write_failure(folder, RuntimeError("CUDA\nout of memory"))
    (odd / "failed.json").write_text("[")
    table = read_sweep_table([done, lost, again, failed, odd, running])
    assert dict(table.failed) == {
        failed: "RuntimeError: CUDA out of memory",
        odd: "for a reason that failed.json does not tell",
        again: "RuntimeError: CUDA out of memory; the results of an earlier try count",
    }
    assert list(table.unfinished) == [running]
    assert len(table.rows) == 3


def test_nothing_is_an_empty_table() -> None:
    table = read_sweep_table([])
    assert (len(table.rows), len(table.cells), table.columns, list(table.notices)) == (0, 0, [], [])
    assert {"name", "block", "is_baseline"} <= set(table.rows)
    assert {"mean", "p_holm", "distinct"} <= set(table.cells)
