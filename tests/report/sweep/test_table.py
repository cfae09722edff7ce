"""From runs to the table."""

import json
import os
from pathlib import Path

import pandas as pd
import pytest

from naa_lightning.metrics.mcnemar import holm, mcnemar
from naa_lightning.records.failure import write_failure
from naa_lightning.report.sweep.table import SweepTable, read_sweep_table
from tests.report.sweep.cases import cell_of, random_hits, row_of, write_run

RATES = {"source": 0.9, "plain": 0.5, "other": 0.3, "plain+jpeg": 0.2}


def sweep(folder: Path, *, seeds: tuple[int, ...] = (1, 2, 3)) -> list[Path]:
    """Write runs in which later attacks are better."""
    return [
        write_run(
            folder / f"{attack}-{seed}",
            random_hits({name: rate * (1 + 0.3 * place) for name, rate in RATES.items()}, 60, 10 * place + seed),
            attack=attack,
            seed=seed,
            unknown={"plain": range(seed), "other": (5, 6)},
        )
        for place, attack in enumerate(("mim", "fia", "naa"))
        for seed in seeds
    ]


def read(run: Path) -> pd.DataFrame:
    """Return a run's answers with what the definitions make of them."""
    rows = pd.read_parquet(run / "predictions.parquet")
    rows["counts"] = rows.clean_prediction == rows.label
    rows["hit"] = (rows.adversarial_prediction != rows.label).astype(float)
    return rows[rows.counts]


def test_means_and_spreads_are_those_of_the_predictions(tmp_path: Path) -> None:
    runs = sweep(tmp_path)
    table = read_sweep_table(runs)
    for attack in ("mim", "fia", "naa"):
        rates = pd.DataFrame(read(run).groupby("target").hit.mean() for run in runs if run.name.startswith(attack))
        rates["black-box mean"] = rates[["plain", "other"]].mean(axis=1)
        rates["defended mean"] = rates["plain+jpeg"]
        for name in rates:
            cell = cell_of(table, attack, str(name))
            assert cell.mean == pytest.approx(rates[name].mean())
            assert cell.spread == pytest.approx(rates[name].std(ddof=1))
            assert len(cell.rates) == 3


def test_tests_are_those_of_the_predictions(tmp_path: Path) -> None:
    runs = sweep(tmp_path)
    table = read_sweep_table(runs)

    def of_attack(attack: str) -> pd.DataFrame:
        parts = [read(run).assign(seed=run.name) for run in runs if run.name.startswith(attack)]
        rows = pd.concat(parts)
        rows["seed"] = rows.seed.str.split("-").str[1]
        return rows.set_index(["target", "id", "seed"])

    baseline = of_attack("mim")
    p_values = []
    for attack in ("fia", "naa"):
        both = (of_attack(attack).hit - baseline.hit).dropna().groupby(["target", "id"]).mean()
        found = {name: both[name] for name in RATES}
        found["black-box mean"] = both[both.index.get_level_values(0).isin(["plain", "other"])].groupby("id").mean()
        found["defended mean"] = both["plain+jpeg"]
        for column in table.columns:
            differences = found[column.name].round(9)
            better, worse = int((differences > 0).sum()), int((differences < 0).sum())
            test = cell_of(table, attack, column.name).comparison
            assert test is not None
            assert (test.baseline, test.better, test.worse, test.p) == ("mim", better, worse, mcnemar(better, worse))
            p_values.append(test.p)
    tests = [cell.comparison for row in table.rows for cell in row.cells if cell.comparison]
    assert [test.p for test in tests] == p_values
    assert [test.p_holm for test in tests] == holm(p_values)
    assert any(test.differs for test in tests)
    assert not all(test.differs for test in tests)
    assert all(test.differs == (test.p_holm < 0.05) for test in tests)


def test_columns_are_undefended_then_defended_then_means(tmp_path: Path) -> None:
    runs = [
        write_run(tmp_path / "a", {"plain+jpeg": [1, 0], "source": [1, 1], "plain": [1, 0]}),
        write_run(tmp_path / "b", {"other": [1, 0]}, attack="mim", failed={"lost": "gone", "lost+jpeg": "gone"}),
    ]
    assert read_sweep_table(runs).columns == (
        Column("source", "undefended"),
        Column("plain", "undefended"),
        Column("other", "undefended"),
        Column("lost", "undefended"),
        Column("plain+jpeg", "defended"),
        Column("lost+jpeg", "defended"),
        Column("black-box mean", "mean"),
        Column("defended mean", "mean"),
    )
    assert [column.name for column in read_sweep_table(runs[1:]).columns if column.kind == "mean"] == ["black-box mean"]


def test_the_best_of_each_column_is_marked_white_box_aside(tmp_path: Path) -> None:
    runs = [
        write_run(tmp_path / "a", {"source": [1, 1, 1], "plain": [1, 1, 0], "other": [1, 0, 0]}, attack="mim"),
        write_run(tmp_path / "b", {"source": [1, 0, 0], "plain": [0, 1, 1], "other": [0, 0, 0]}, attack="fia"),
        write_run(tmp_path / "c", {"source": [1, 0, 0], "plain": [0, 1, 0]}, attack="naa"),
        write_run(tmp_path / "d", {"source": [1, 1, 1], "plain": [1, 1, 1]}, attack="mim", surrogate="plain"),
    ]
    table = read_sweep_table(runs)
    best = {
        (row.attack, table.columns[place].name)
        for row in table.rows
        for place, cell in enumerate(row.cells)
        if cell.best
    }
    # a tie on plain; the only row of another surrogate has no rival
    assert best == {("mim", "plain"), ("fia", "plain"), ("mim", "other"), ("mim", "black-box mean")}
    assert cell_of(table, "mim", "source").white_box
    assert cell_of(table, "mim", "plain", "plain").white_box
    assert not cell_of(table, "mim", "black-box mean").white_box


def test_one_run_is_a_table_without_spreads_and_tests(tmp_path: Path) -> None:
    table = read_sweep_table([write_run(tmp_path, {"source": [1, 1], "plain": [1, 0]})])
    (row,) = table.rows
    assert [cell.mean for cell in row.cells] == [1.0, 0.5, 0.5]
    assert all(cell.spread is None and cell.comparison is None and not cell.best for cell in row.cells)
    assert table.baselines == table.notices == []


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
    assert [(block.surrogate, [row.name for row in block.rows]) for block in table.blocks] == [
        ("b", ["naa gamma=1", "naa gamma=2", "mim"]),
        ("a", ["mim"]),
    ]
    assert row_of(table, "naa gamma=1", "b").seeds == (0, 5)


def test_of_the_same_run_the_later_one_counts(tmp_path: Path) -> None:
    old = write_run(tmp_path / "z", {"plain": [1, 1]}, first_id=7)
    new = write_run(tmp_path / "a", {"plain": [1, 0]}, first_id=7)
    os.utime(old / "results.json", (1, 1))
    for runs in ([old, new], [new, old]):
        table = read_sweep_table(runs)
        assert cell_of(table, "naa", "plain").rates == (0.5,)
        assert table.notices == ["z does not count: a is the same run, and was written later"]
        assert len(table.folders) == 2


def test_targeted_runs_are_rated_by_their_hits_and_kept_apart(tmp_path: Path) -> None:
    hits = {"mim": [1, 0, 0, 0, 0, 0, 0, 0], "naa": [1, 1, 1, 1, 1, 1, 1, 0]}
    runs = [
        write_run(tmp_path / name, {"plain": of}, attack=name, targeted=True, unknown={"plain": range(8)})
        for name, of in hits.items()
    ]
    table = read_sweep_table([*runs, write_run(tmp_path / "other", {"plain": [1] * 8}, attack="fia")])
    assert [(block.rate, [row.name for row in block.rows]) for block in table.blocks] == [
        ("target_rate", ["mim", "naa"]),
        ("success_rate", ["fia"]),
    ]
    cell = cell_of(table, "naa", "plain")
    assert cell.mean == 0.875
    assert cell.best
    test = cell.comparison
    assert test is not None
    assert (test.better, test.worse) == (6, 0)
    assert test.p == pytest.approx(2 / 2**6)


def test_runs_of_other_data_are_kept_apart(tmp_path: Path) -> None:
    runs = [write_run(tmp_path / data, {"plain": [1, 0]}, data=data) for data in ("digits", "photographs")]
    table = read_sweep_table(runs)
    assert table.data == ["digits", "photographs"]
    assert not any(cell.best for row in table.rows for cell in row.cells)


def test_failed_targets_are_cells(tmp_path: Path) -> None:
    runs = [
        write_run(tmp_path / "1", {"plain": [1, 0], "other": [1, 0]}, seed=1),
        write_run(tmp_path / "2", {"plain": [1, 0]}, seed=2, failed={"other": "no weights", "third": "no weights"}),
        write_run(tmp_path / "3", {"plain": [1, 1], "other": [1, 0]}, attack="mim"),
    ]
    table = read_sweep_table(runs)
    partly, never = cell_of(table, "naa", "other"), cell_of(table, "naa", "third")
    assert (partly.rates, partly.failed) == ((0.5,), True)
    assert (never.mean, never.failed, never.comparison) == (None, True, None)
    assert not cell_of(table, "mim", "third").failed


def test_random_draws_are_pooled_and_averaged(tmp_path: Path) -> None:
    runs = [
        write_run(tmp_path / "a", {"plain+noise": [[1, 0, 0], [0, 0, 0], [1, 1, 1], [1, 0, 1]]}, attack="mim"),
        write_run(tmp_path / "b", {"plain+noise": [[1, 1, 0], [0, 0, 1], [1, 1, 0], [1, 1, 0]]}, attack="naa"),
    ]
    cell = cell_of(read_sweep_table(runs), "naa", "plain+noise")
    assert cell.mean == pytest.approx(7 / 12)
    test = cell.comparison
    assert test is not None
    assert (test.better, test.worse) == (2, 1)


def test_missing_seeds_are_named_and_only_shared_ones_tested(tmp_path: Path) -> None:
    runs = [
        write_run(tmp_path / "a", {"plain": [0, 0, 0]}, attack="mim", seed=1),
        write_run(tmp_path / "b", {"plain": [1, 1, 1]}, attack="mim", seed=2),
        write_run(tmp_path / "c", {"plain": [1, 1, 1]}, attack="naa", seed=2),
        write_run(tmp_path / "d", {"plain": [1, 1, 1]}, attack="fia", seed=3),
    ]
    table = read_sweep_table(runs)
    test = cell_of(table, "naa", "plain").comparison
    assert test is not None
    assert (test.better, test.worse) == (0, 0)
    assert cell_of(table, "fia", "plain").comparison is None
    assert list(table.notices) == [
        "fia on source is not compared: it shares no seed and images with the baseline",
        "mim on source lacks seed 3: its mean is over 2 seeds",
        "naa on source lacks seeds 1 and 3: its mean is over 1 seed",
        "fia on source lacks seeds 1 and 2: its mean is over 1 seed",
    ]


def test_other_images_are_not_compared(tmp_path: Path) -> None:
    runs = [
        write_run(tmp_path / "a", {"plain": [0, 0]}, attack="mim"),
        write_run(tmp_path / "b", {"plain": [1, 1]}, attack="naa", first_id=2),
    ]
    table = read_sweep_table(runs)
    assert all(cell.comparison is None for row in table.rows for cell in row.cells)
    assert list(table.notices) == ["naa on source is not compared: it shares no seed and images with the baseline"]


@pytest.mark.parametrize(
    ("baseline", "row"),
    [
        (None, "naa gamma=1"),
        ("mim", "mim"),
        ("gamma=2", "naa gamma=2"),
        ("naa gamma=2", "naa gamma=2"),
        ("naa", "naa gamma=1"),
    ],
)
def test_the_baseline_is_named_by_attack_setting_or_both(baseline: str | None, row: str, tmp_path: Path) -> None:
    runs = [
        write_run(tmp_path / "1", {"plain": [1, 0]}, config={"attack": {"gamma": 1}}),
        write_run(tmp_path / "2", {"plain": [1, 0]}, config={"attack": {"gamma": 2}}),
        write_run(tmp_path / "3", {"plain": [1, 0]}, attack="mim"),
    ]
    table = read_sweep_table(runs, baseline)
    assert table.baselines == [row]
    assert [found.name for found in table.rows if found.is_baseline] == [row]
    tested = {found.name for found in table.rows if any(cell.comparison for cell in found.cells)}
    assert tested == {"naa gamma=1", "naa gamma=2", "mim"} - {row}


def test_the_baseline_that_the_newest_run_was_told_counts(tmp_path: Path) -> None:
    runs = [
        write_run(tmp_path / name, {"plain": [1, 0]}, attack=name, config={"report": {"baseline": told}})
        for name, told in (("mim", "mim"), ("naa", "fia"), ("fia", "naa"))
    ]
    for age, run in enumerate(runs):
        os.utime(run / "results.json", (age, age))
    assert read_sweep_table(runs).baselines == ["naa"]
    assert read_sweep_table(runs, "fia").baselines == ["fia"]


def test_an_unknown_baseline_is_named_and_nothing_tested(tmp_path: Path) -> None:
    runs = sweep(tmp_path, seeds=(1,))
    table = read_sweep_table(runs, "nim")
    assert list(table.notices) == ["no row of source is called nim, the baseline: nothing is compared"]
    assert all(cell.comparison is None for row in table.rows for cell in row.cells)
    assert not any(row.is_baseline for row in table.rows)
    assert any(cell.best for row in table.rows for cell in row.cells)


def test_a_surrogate_without_the_baseline_is_not_tested(tmp_path: Path) -> None:
    runs = [
        *(write_run(tmp_path / f"a-{name}", {"plain": [1, 0]}, attack=name) for name in ("mim", "naa")),
        *(write_run(tmp_path / f"b-{name}", {"plain": [1, 0]}, attack=name, surrogate="b") for name in ("fia", "naa")),
    ]
    table = read_sweep_table(runs, "mim")
    assert block_of(table, "source").baseline == "mim"
    assert block_of(table, "b").baseline is None
    assert list(table.notices) == ["no row of b is called mim, the baseline: nothing is compared"]


@pytest.mark.parametrize("content", ["", "{", "[]", '{"targets": 3}'])
def test_damaged_results_are_left_out_and_named(content: str, tmp_path: Path) -> None:
    runs = sweep(tmp_path, seeds=(1,))
    (runs[1] / "results.json").write_text(content)
    table = read_sweep_table(runs)
    assert [row.name for row in table.rows] == ["mim", "naa"]
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
    assert cell_of(table, "fia", "plain").rates == cell_of(whole, "fia", "plain").rates
    test, before = (cell_of(found, "fia", "plain").comparison for found in (table, whole))
    assert test is not None
    assert test != before
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


def test_an_older_record_without_a_configuration_makes_a_row(tmp_path: Path) -> None:
    run = write_run(tmp_path, {"plain": [1, 0]})
    results = json.loads((run / "results.json").read_text())
    for key in ("config", "black_box_mean", "defended_mean", "surrogate", "attack", "data"):
        del results[key]
    (run / "results.json").write_text(json.dumps(results))
    table = read_sweep_table([run])
    assert (table.blocks[0].surrogate, table.rows[0].attack, table.rows[0].seeds) == (
        "unknown",
        "unknown",
        (None,),
    )
    assert [column.name for column in table.columns] == ["plain"]


def test_nothing_is_an_empty_table() -> None:
    table = read_sweep_table([])
    assert (table.rows, table.columns, list(table.notices)) == ([], (), [])
