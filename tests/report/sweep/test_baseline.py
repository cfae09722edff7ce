"""Which rows are compared, and with what."""

import os
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from naa_lightning.metrics.mcnemar import holm, mcnemar
from naa_lightning.report.loading import lines_of
from naa_lightning.report.sweep.table import read_sweep_table
from tests.report.sweep.cases import RATES, baselines, cell_of, read, sweep, write_run

OTHER_IMAGES = "naa on source is not compared: its clean images are not those of the baseline"


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


def test_seeds_that_are_unknown_are_compared(tmp_path: Path) -> None:
    runs = [
        write_run(tmp_path / name, {"plain": hits}, attack=name, seed=None)
        for name, hits in (("mim", [0] * 7), ("naa", [1] * 7))
    ]
    assert cell_of(read_sweep_table(runs), "naa", "plain").better == 7
