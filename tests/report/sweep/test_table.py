"""From runs to the table."""

import json
import os
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from scipy.stats import binomtest, norm

from naa_lightning.metrics.mcnemar import holm, mcnemar
from naa_lightning.metrics.wilson import Rate
from naa_lightning.records.failure import write_failure
from naa_lightning.report.loading import lines_of
from naa_lightning.report.sweep.files import to_latex, to_markdown
from naa_lightning.report.sweep.table import SweepTable, read_sweep_table
from tests.report.sweep.cases import cell_of, random_hits, row_of, write_run

OTHER_IMAGES = "naa on source is not compared: its clean images are not those of the baseline"
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


def baselines(table: SweepTable) -> list[str]:
    return list(table.rows["name"][table.rows.is_baseline])


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
            assert cell["mean"] == pytest.approx(rates[name].mean())
            assert cell.spread == pytest.approx(rates[name].std(ddof=1))
            assert cell.seeds == 3


def test_tests_are_those_of_the_predictions(tmp_path: Path) -> None:
    runs = sweep(tmp_path)
    table = read_sweep_table(runs)

    def of_attack(attack: str) -> pd.DataFrame:
        parts = [read(run).assign(seed=run.name) for run in runs if run.name.startswith(attack)]
        rows = pd.concat(parts)
        rows["seed"] = rows.seed.str.split("-").str[1]
        return rows.set_index(["target", "id", "seed"])

    def counted(attack: str, other: str) -> dict[str, tuple[int, int]]:
        both = (of_attack(attack).hit - of_attack(other).hit).dropna().groupby(["target", "id"]).mean()
        found = {name: both[name] for name in RATES}
        found["black-box mean"] = both[both.index.get_level_values(0).isin(["plain", "other"])].groupby("id").mean()
        found["defended mean"] = both["plain+jpeg"]
        signs = {name: np.sign(of_column.round(9)) for name, of_column in found.items()}
        return {name: (int((sign > 0).sum()), int((sign < 0).sum())) for name, sign in signs.items()}

    tests = {(attack, name): pair for attack in ("fia", "naa") for name, pair in counted(attack, "mim").items()}
    for (attack, name), pair in tests.items():
        cell = cell_of(table, attack, name)
        assert (cell.baseline, cell.better, cell.worse, cell.p) == ("mim", *pair, mcnemar(*pair))
    # all are adjusted together, with those of the best attack, naa, and the next
    best = {(f"best {name}", name): pair for name, pair in counted("naa", "fia").items() if name != "source"}
    p_values = {test: mcnemar(*pair) for test, pair in (tests | best).items()}
    adjusted = dict(zip(p_values, holm(list(p_values.values())), strict=True))
    for (attack, name), p_holm in adjusted.items():
        cell = cell_of(table, attack.split()[0].replace("best", "naa"), name)
        assert (cell.p_best if attack.startswith("best") else cell.p_holm) == p_holm
    assert {cell.column: cell.distinct for cell in lines_of(table.cells[table.cells.best])} == {
        name: adjusted[test, name] < 0.05 for test, name in best
    }
    assert 0 < table.cells.distinct.sum() < table.cells.best.sum()
    assert set(table.cells.runner_up[table.cells.best]) == {"fia"}


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
    assert (less["mean"], less.clean) == (pytest.approx(2 / 3), 0.5)
    assert list(table.notices) == [
        "the black-box mean of naa on source is over 1 target, without other (no weights); "
        "unclassified (no image counts)"
    ]


def test_of_rows_that_tie_none_is_distinct(tmp_path: Path) -> None:
    hits = {"mim": [1] * 9 + [0], "naa": [1] * 9 + [0], "fia": [0] * 10}
    table = read_sweep_table([write_run(tmp_path / name, {"plain": of}, attack=name) for name, of in hits.items()])
    assert [cell_of(table, name, "plain").runner_up for name in ("mim", "naa")] == ["naa", "mim"]
    assert not cell_of(table, "fia", "plain").best
    assert [cell_of(table, name, "plain").p_best for name in ("mim", "naa")] == [1, 1]
    assert not table.cells.distinct.any()


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


def test_one_run_is_a_table_without_spreads_and_tests(tmp_path: Path) -> None:
    table = read_sweep_table([write_run(tmp_path, {"source": [1, 1], "plain": [1, 0]})])
    assert table.cells["mean"].tolist() == [1.0, 0.5, 0.5]
    assert table.cells[["spread", "p", "p_holm", "baseline", "runner_up"]].isna().all(axis=None)
    assert not table.cells.best.any()
    assert not table.rows.is_baseline.any()
    assert table.notices == []


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


def test_missing_seeds_are_named_and_only_shared_ones_tested(tmp_path: Path) -> None:
    runs = [
        write_run(tmp_path / "a", {"plain": [0, 0, 0]}, attack="mim", seed=1),
        write_run(tmp_path / "b", {"plain": [1, 1, 1]}, attack="mim", seed=2),
        write_run(tmp_path / "c", {"plain": [1, 1, 1]}, attack="naa", seed=2),
        write_run(tmp_path / "d", {"plain": [1, 1, 1]}, attack="fia", seed=3),
    ]
    table = read_sweep_table(runs)
    cell = cell_of(table, "naa", "plain")
    assert (cell.better, cell.worse) == (0, 0)
    assert np.isnan(cell_of(table, "fia", "plain").p)
    assert list(table.notices) == [
        "fia on source is not compared: it shares no seed with the baseline",
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
    assert table.cells[["p", "p_best"]].isna().all(axis=None)
    assert list(table.notices) == [OTHER_IMAGES]


def test_the_digests_of_the_clean_images_say_which_are_the_same(tmp_path: Path) -> None:
    def digest(text: str) -> dict[str, str]:
        return {"photographs": text}

    hits = {"mim": [0] * 8, "naa": [1] * 8}
    runs = [
        write_run(tmp_path / f"{attack}-{seed}", {"plain": of}, attack=attack, seed=seed, clean_images=digest(text))
        for attack, of, texts in (("mim", hits["mim"], "aa"), ("naa", hits["naa"], "ab"))
        for seed, text in enumerate(texts)
    ]
    table = read_sweep_table(runs)
    assert list(table.notices) == [
        "naa on source is not compared on seed 1: the clean images are not those of the baseline"
    ]
    assert cell_of(table, "naa", "plain").better == 8
    other = write_run(tmp_path / "naa-0", {"plain": [1] * 8}, seed=0, clean_images=digest("b"))
    table = read_sweep_table([runs[0], other])
    assert list(table.notices) == [OTHER_IMAGES]
    assert table.cells[["p", "p_best"]].isna().all(axis=None)
    # a run of an older version has no digest: ids and labels say it
    table = read_sweep_table([runs[0], write_run(tmp_path / "naa-0", {"plain": [1] * 8}, seed=0)])
    assert list(table.notices) == []
    assert cell_of(table, "naa", "plain").better == 8


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
    assert baselines(table) == [row]
    tested = table.cells[table.cells.p.notna()]
    assert set(tested.baseline) == {row}
    assert set(table.rows["name"][tested.row]) == {"naa gamma=1", "naa gamma=2", "mim"} - {row}


def test_the_baseline_that_the_newest_run_was_told_counts(tmp_path: Path) -> None:
    runs = [
        write_run(tmp_path / name, {"plain": [1, 0]}, attack=name, config={"report": {"baseline": told}})
        for name, told in (("mim", "mim"), ("naa", "fia"), ("fia", "naa"))
    ]
    for age, run in enumerate(runs):
        os.utime(run / "results.json", (age, age))
    assert baselines(read_sweep_table(runs)) == ["naa"]
    assert baselines(read_sweep_table(runs, "fia")) == ["fia"]


def test_an_unknown_baseline_is_named_and_nothing_tested(tmp_path: Path) -> None:
    runs = sweep(tmp_path, seeds=(1,))
    table = read_sweep_table(runs, "nim")
    assert list(table.notices) == ["no row of source is called nim, the baseline: nothing is compared"]
    assert table.cells.p.isna().all()
    assert not table.rows.is_baseline.any()
    assert table.cells.best.any()
    assert table.cells.p_best[table.cells.best].notna().all()


def test_a_surrogate_without_the_baseline_is_not_tested(tmp_path: Path) -> None:
    runs = [
        *(write_run(tmp_path / f"a-{name}", {"plain": [1, 0]}, attack=name) for name in ("mim", "naa")),
        *(write_run(tmp_path / f"b-{name}", {"plain": [1, 0]}, attack=name, surrogate="b") for name in ("fia", "naa")),
    ]
    table = read_sweep_table(runs, "mim")
    assert table.rows[["surrogate", "name"]][table.rows.is_baseline].to_numpy().tolist() == [["source", "mim"]]
    assert list(table.notices) == ["no row of b is called mim, the baseline: nothing is compared"]


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


def test_seeds_that_are_unknown_are_compared(tmp_path: Path) -> None:
    runs = [
        write_run(tmp_path / name, {"plain": hits}, attack=name, seed=None)
        for name, hits in (("mim", [0] * 7), ("naa", [1] * 7))
    ]
    assert cell_of(read_sweep_table(runs), "naa", "plain").better == 7


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


def test_nothing_is_an_empty_table() -> None:
    table = read_sweep_table([])
    assert (len(table.rows), len(table.cells), table.columns, list(table.notices)) == (0, 0, [], [])
    assert {"name", "block", "is_baseline"} <= set(table.rows)
    assert {"mean", "p_holm", "distinct"} <= set(table.cells)
