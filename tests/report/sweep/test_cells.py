"""Rates of rows on targets and their means, with intervals and spreads."""

from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from scipy.stats import binomtest, norm

from naa_lightning.metrics.wilson import Rate
from naa_lightning.records import read_results, write_results
from naa_lightning.report.loading import lines_of
from naa_lightning.report.sweep.files import to_latex, to_markdown
from naa_lightning.report.sweep.table import read_sweep_table
from tests.report.sweep.cases import cell_of, read, row_of, sweep, write_run

OTHER_IMAGES = "naa on source is not compared: its clean images are not those of the baseline"


def test_means_and_spreads_are_those_of_the_predictions(tmp_path: Path) -> None:
    runs = sweep(tmp_path)
    table = read_sweep_table(runs)
    for attack in ("mim", "fia", "naa"):
        rates = pd.DataFrame(read(run).groupby("target").hit.mean() for run in runs if run.name.startswith(attack))
        rates["black-box mean"] = rates[["plain", "other"]].mean(axis=1)
        rates["defended mean"] = rates["plain+jpeg"]
        for name in rates:
            cell = cell_of(table, attack, str(name))
            assert cell["mean"] == pytest.approx(rates[name].mean())
            assert cell.spread == pytest.approx(rates[name].std(ddof=1))
            assert cell.seeds == 3


def test_intervals_are_of_the_images_not_of_the_seeds(tmp_path: Path) -> None:
    """Three seeds that agree on every image say no more than one."""
    hits = {"plain": [1] * 8 + [0] * 2, "other": [1] * 5 + [0] * 5}
    runs = [write_run(tmp_path / str(seed), hits, seed=seed) for seed in (1, 2, 3)]
    three, one = read_sweep_table(runs), read_sweep_table(runs[:1])
    for name, count in (("plain", 8), ("other", 5)):
        wilson = binomtest(count, 10).proportion_ci(method="wilson")
        for table in (one, three):
            cell = cell_of(table, "naa", name)
            assert (cell.low, cell.high) == pytest.approx((wilson.low, wilson.high))
    assert cell_of(three, "naa", "plain").spread == pytest.approx(0)
    assert np.isnan(cell_of(one, "naa", "plain").spread)
    # of a mean: each image's mean over the targets is one draw, with two imagined failures and successes
    drawn = (np.array(hits["plain"]) + np.array(hits["other"])) / 2
    padded = np.append(drawn, [0, 0, 1, 1])
    margin = norm.ppf(0.975) * padded.std() / len(padded) ** 0.5
    for table in (one, three):
        cell = cell_of(table, "naa", "black-box mean")
        assert (cell.low, cell.high) == pytest.approx((padded.mean() - margin, padded.mean() + margin))


def test_a_target_with_the_surrogates_weights_stands_in_no_mean(tmp_path: Path) -> None:
    hits = {"source": [1] * 3, "copy": [1] * 3, "plain": [1, 0, 0]}
    for attack in ("mim", "naa"):
        folder = write_run(tmp_path / attack, hits, attack=attack)
        found = read_results(folder)
        shared = found.targets["copy"].model_copy(update={"shares_weights": "source"})
        write_results(folder, found.model_copy(update={"targets": {**found.targets, "copy": shared}}))
    table = read_sweep_table([tmp_path / "mim", tmp_path / "naa"])
    for attack in ("mim", "naa"):
        mean = cell_of(table, attack, "black-box mean")
        assert (mean.targets, mean.left_out) == (("plain",), {"copy": "shares weights with source"})
        assert mean["mean"] == pytest.approx(1 / 3)
        assert cell_of(table, attack, "copy")["mean"] == 1


def test_a_mean_names_its_targets_and_those_that_it_leaves_out(tmp_path: Path) -> None:
    never = {"unclassified": range(3)}
    runs = [
        write_run(tmp_path / "a", {"source": [1] * 3, "plain": [1, 0, 0], "other": [1, 1, 0]}, attack="mim"),
        write_run(
            tmp_path / "b",
            {"source": [1] * 3, "plain": [1, 0, 1], "unclassified": [1, 1, 1]},
            failed={"other": "no weights"},
            unknown=never,
        ),
    ]
    table = read_sweep_table(runs)
    whole, less = (cell_of(table, attack, "black-box mean") for attack in ("mim", "naa"))
    assert (whole.targets, whole.left_out) == (("plain", "other"), {})
    assert (less.targets, less.left_out) == (("plain",), {"unclassified": "no image counts", "other": "no weights"})
    assert (less["mean"], less.clean) == (pytest.approx(2 / 3), 1.0)
    assert list(table.notices) == [
        "the black-box mean of naa on source is over 1 target, without other (no weights); "
        "unclassified (no image counts)"
    ]


def test_a_mean_is_over_the_targets_that_answered_in_each_run(tmp_path: Path) -> None:
    lost = {"other": "out of memory"}
    runs = [
        write_run(tmp_path / "1", {"plain": [1, 0, 0, 0], "other": [1, 1, 1, 1]}, seed=1),
        write_run(tmp_path / "2", {"plain": [1, 1, 0, 0]}, seed=2, failed=lost),
        write_run(tmp_path / "3", {"plain": [1, 0, 0, 0], "third": [1, 1, 1, 1]}, seed=3, failed=lost),
    ]
    table = read_sweep_table(runs)
    mean, plain = (cell_of(table, "naa", name) for name in ("black-box mean", "plain"))
    assert mean.targets == ("plain",)
    assert mean.left_out == {"other": "out of memory", "third": "not asked in every run"}
    assert mean[["mean", "spread", "seeds"]].tolist() == plain[["mean", "spread", "seeds"]].tolist()
    assert mean.low < mean["mean"] < mean.high
    assert table.notices == [
        "other failed in runs of naa on source: its rate is over 1 run",
        "the black-box mean of naa on source is over 1 target, without other (out of memory); "
        "third (not asked in every run)",
    ]


def test_only_means_over_the_same_targets_are_ranked(tmp_path: Path) -> None:
    runs = [
        write_run(tmp_path / "a", {"plain": [1] * 20}, attack="mim", failed={"other": "no weights"}),
        write_run(tmp_path / "b", {"plain": [1] * 18 + [0] * 2, "other": [0] * 20}, attack="naa"),
        write_run(tmp_path / "c", {"plain": [0] * 20, "other": [0] * 20}, attack="fia"),
    ]
    table = read_sweep_table(runs)
    assert cell_of(table, "mim", "plain").best
    assert not cell_of(table, "mim", "black-box mean").best
    assert cell_of(table, "naa", "black-box mean")[["best", "runner_up", "distinct"]].tolist() == [True, "fia", True]


def test_columns_are_undefended_then_defended_then_means(tmp_path: Path) -> None:
    runs = [
        write_run(tmp_path / "a", {"plain+jpeg": [1, 0], "source": [1, 1], "plain": [1, 0]}),
        write_run(tmp_path / "b", {"other": [1, 0]}, attack="mim", failed={"lost": "gone", "lost+jpeg": "gone"}),
    ]
    table = read_sweep_table(runs)
    kinds = table.cells.drop_duplicates("column").set_index("column").kind
    assert [(name, kinds[name]) for name in table.columns] == [
        ("source", "undefended"),
        ("plain", "undefended"),
        ("other", "undefended"),
        ("lost", "undefended"),
        ("plain+jpeg", "defended"),
        ("lost+jpeg", "defended"),
        ("black-box mean", "mean"),
        ("defended mean", "mean"),
    ]
    assert read_sweep_table(runs[1:]).columns == ["other", "lost", "lost+jpeg", "black-box mean"]


def test_the_best_of_each_column_is_marked_white_box_aside(tmp_path: Path) -> None:
    runs = [
        write_run(tmp_path / "a", {"source": [1, 1, 1], "plain": [1, 1, 0], "other": [1, 0, 0]}, attack="mim"),
        write_run(tmp_path / "b", {"source": [1, 0, 0], "plain": [0, 1, 1], "other": [0, 0, 0]}, attack="fia"),
        write_run(tmp_path / "c", {"source": [1, 0, 0], "plain": [0, 1, 0]}, attack="naa"),
        write_run(tmp_path / "d", {"source": [1, 1, 1], "plain": [1, 1, 1]}, attack="mim", surrogate="plain"),
    ]
    table = read_sweep_table(runs)
    best = {(table.rows.attack[cell.row], cell.column) for cell in lines_of(table.cells[table.cells.best])}
    # a tie on plain; the only row of another surrogate has no rival
    assert best == {("mim", "plain"), ("fia", "plain"), ("mim", "other"), ("mim", "black-box mean")}
    assert cell_of(table, "mim", "source").white_box
    assert cell_of(table, "mim", "plain", "plain").white_box
    assert not cell_of(table, "mim", "black-box mean").white_box


def test_of_rows_that_tie_none_is_distinct(tmp_path: Path) -> None:
    hits = {"mim": [1] * 9 + [0], "naa": [1] * 9 + [0], "fia": [0] * 10}
    table = read_sweep_table([write_run(tmp_path / name, {"plain": of}, attack=name) for name, of in hits.items()])
    assert [cell_of(table, name, "plain").runner_up for name in ("mim", "naa")] == ["naa", "mim"]
    assert not cell_of(table, "fia", "plain").best
    assert [cell_of(table, name, "plain").p_best for name in ("mim", "naa")] == [1, 1]
    assert not table.cells.distinct.any()


def test_one_run_is_a_table_without_spreads_and_tests(tmp_path: Path) -> None:
    table = read_sweep_table([write_run(tmp_path, {"source": [1, 1], "plain": [1, 0]})])
    assert table.cells["mean"].tolist() == [1.0, 0.5, 0.5]
    assert table.cells[["spread", "p", "p_holm", "baseline", "runner_up"]].isna().all(axis=None)
    assert not table.cells.best.any()
    assert not table.rows.is_baseline.any()
    assert table.notices == []


def test_failed_targets_are_cells(tmp_path: Path) -> None:
    runs = [
        write_run(tmp_path / "1", {"plain": [1, 0], "other": [1, 0]}, seed=1),
        write_run(tmp_path / "2", {"plain": [1, 0]}, seed=2, failed={"other": "no weights", "third": "no weights"}),
        write_run(tmp_path / "3", {"plain": [1, 1], "other": [1, 0]}, attack="mim"),
    ]
    table = read_sweep_table(runs)
    partly, never = cell_of(table, "naa", "other"), cell_of(table, "naa", "third")
    assert (partly["mean"], partly.seeds, partly.failed) == (0.5, 1, True)
    assert (never.seeds, never.failed) == (0, True)
    assert never[["mean", "low", "high", "p", "baseline"]].isna().all()
    assert not ((table.cells.row == row_of(table, "mim").name) & (table.cells.column == "third")).any()


def test_random_draws_are_pooled_and_averaged(tmp_path: Path) -> None:
    runs = [
        write_run(tmp_path / "a", {"plain+noise": [[1, 0, 0], [0, 0, 0], [1, 1, 1], [1, 0, 1]]}, attack="mim"),
        write_run(tmp_path / "b", {"plain+noise": [[1, 1, 0], [0, 0, 1], [1, 1, 0], [1, 1, 0]]}, attack="naa"),
    ]
    cell = cell_of(read_sweep_table(runs), "naa", "plain+noise")
    assert cell["mean"] == pytest.approx(7 / 12)
    assert (cell.better, cell.worse) == (2, 1)
    assert (cell.low, cell.high) == pytest.approx(Rate(7, 12, draws=3).interval)


def test_a_run_without_targets_makes_a_row_without_cells(tmp_path: Path) -> None:
    (tmp_path / "results.json").write_text('{"attack": "naa", "images": 3, "targets": {}}')
    table = read_sweep_table([tmp_path])
    assert table.rows["name"].tolist() == ["naa"]
    assert (len(table.cells), table.columns) == (0, [])
    assert table.cells.dtypes[["best", "failed"]].tolist() == [bool, bool]
    assert "naa" in to_markdown(table)
    assert "naa" in to_latex(table)


def test_targets_on_which_no_image_counts_have_a_column_and_no_cell(tmp_path: Path) -> None:
    runs = [write_run(tmp_path / name, {"plain": [0] * 5}, unknown={"plain": range(5)}, attack=name) for name in "ab"]
    table = read_sweep_table(runs)
    assert table.rows["name"].tolist() == ["a", "b"]
    assert table.cells.empty
    assert table.columns == ["plain"]
    assert to_markdown(table).count("\N{EN DASH} |") == 2
