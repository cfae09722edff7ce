"""Which runs are one row."""

import json
import os
from pathlib import Path

import pytest

from naa_lightning.report.sweep.table import read_sweep_table
from tests.report.sweep.cases import cell_of, row_of, write_run

OTHER_IMAGES = "naa on source is not compared: its clean images are not those of the baseline"


def test_rows_are_of_surrogate_attack_and_setting_in_job_order(tmp_path: Path) -> None:
    order = [("b", "naa", 1), ("a", "mim", 1), ("b", "naa", 2), ("b", "mim", 0.5), ("a", "mim", 1), ("b", "naa", 1)]
    runs = []
    for number, (surrogate, attack, gamma) in enumerate(order):
        run = write_run(
            tmp_path / str(9 - number),
            {"plain": [1, 0]},
            surrogate=surrogate,
            attack=attack,
            seed=number,
            config={"attack": {"objective": {"gamma": gamma}}},
        )
        (run / ".hydra").mkdir()
        (run / ".hydra" / "hydra.yaml").write_text(f"hydra: {{job: {{num: {number}}}}}")
        runs.append(run)
    table = read_sweep_table(sorted(runs))
    assert table.rows[["block", "surrogate", "name"]].to_numpy().tolist() == [
        [0, "b", "naa gamma=1"],
        [0, "b", "naa gamma=2"],
        [0, "b", "mim"],
        [1, "a", "mim"],
    ]
    row = row_of(table, "naa gamma=1", "b")
    assert (row.seeds, row.folders) == ((0, 5), (tmp_path / "9", tmp_path / "4"))


def test_of_the_same_run_the_later_one_counts(tmp_path: Path) -> None:
    old = write_run(tmp_path / "z", {"plain": [1, 1]}, first_id=7)
    new = write_run(tmp_path / "a", {"plain": [1, 0]}, first_id=7)
    os.utime(old / "results.json", (1, 1))
    for runs in ([old, new], [new, old]):
        table = read_sweep_table(runs)
        assert cell_of(table, "naa", "plain")["mean"] == 0.5
        assert table.notices == ["z does not count: a is the same run, and was written later"]
        assert table.runs.folder.nunique() == 2


def test_targeted_runs_are_rated_by_their_hits_and_kept_apart(tmp_path: Path) -> None:
    hits = {"mim": [1, 0, 0, 0, 0, 0, 0, 0], "naa": [1, 1, 1, 1, 1, 1, 1, 0]}
    runs = [
        write_run(tmp_path / name, {"plain": of}, attack=name, targeted=True, unknown={"plain": range(8)})
        for name, of in hits.items()
    ]
    table = read_sweep_table([*runs, write_run(tmp_path / "other", {"plain": [1] * 8}, attack="fia")])
    assert table.rows[["block", "rate", "name"]].to_numpy().tolist() == [
        [0, "target_rate", "mim"],
        [0, "target_rate", "naa"],
        [1, "success_rate", "fia"],
    ]
    cell = cell_of(table, "naa", "plain")
    assert cell["mean"] == 0.875
    assert cell.best
    assert (cell.better, cell.worse) == (6, 0)
    assert cell.p == pytest.approx(2 / 2**6)


def test_runs_of_other_data_are_kept_apart(tmp_path: Path) -> None:
    runs = [write_run(tmp_path / data, {"plain": [1, 0]}, data=data) for data in ("digits", "photographs")]
    table = read_sweep_table(runs)
    assert table.rows[["block", "data"]].to_numpy().tolist() == [[0, "digits"], [1, "photographs"]]
    assert not table.cells.best.any()


def test_an_older_record_without_a_configuration_makes_a_row(tmp_path: Path) -> None:
    run = write_run(tmp_path, {"plain": [1, 0]})
    results = json.loads((run / "results.json").read_text())
    for key in ("config", "black_box_mean", "defended_mean", "surrogate", "attack", "data"):
        del results[key]
    (run / "results.json").write_text(json.dumps(results))
    table = read_sweep_table([run])
    row = table.rows.loc[0]
    assert (row.surrogate, row.attack, row.data, row.seeds) == ("unknown", "unknown", "unknown", (None,))
    assert table.columns == ["plain", "black-box mean"]
