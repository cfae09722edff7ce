"""Runs as a table for pandas, against what their files say."""

import json
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

import naa_lightning.report
from naa_lightning.exceptions import UserError
from naa_lightning.records.targets import RATES
from naa_lightning.report.loading import load
from tests.experiments import ROOT
from tests.report.sweep.cases import random_hits, write_run


def sweep(folder: Path) -> list[Path]:
    return [
        write_run(
            folder / f"{attack}-{gamma}",
            random_hits({"source": 0.9, "plain": 0.5, "plain+noise+jpeg": 0.3}, 40, place),
            attack=attack,
            seed=place,
            unknown={"plain": range(3)},
            failed={"other": "no weights"} if attack == "mim" else None,
            config={"attack": {"name": attack, "gamma": gamma}},
            clean_images={"photographs": "f00"},
        )
        for place, (attack, gamma) in enumerate((("naa", 0.5), ("naa", 1), ("mim", 1)))
    ]


def test_the_rates_are_those_of_the_predictions(tmp_path: Path) -> None:
    runs = sweep(tmp_path)
    found = load(tmp_path).set_index(["folder", "target"])
    assert found.index.is_unique
    assert len(found) == 3 * 3 + 1
    for run in runs:
        answers = pd.read_parquet(run / "predictions.parquet")
        for target, rows in answers.groupby("target"):
            right, fooled = rows.clean_prediction == rows.label, rows.adversarial_prediction != rows.label
            row: Any = found.xs((run, target))
            assert row.success_rate == pytest.approx(fooled[right].mean())
            assert (row.success_rate_count, row.success_rate_total) == ((fooled & right).sum(), right.sum())
            assert row.success_rate_low < row.success_rate < row.success_rate_high
            assert row.robust_accuracy == pytest.approx((right & ~fooled).mean())
            assert row.clean_accuracy == pytest.approx(right.mean())
            assert row.images == rows.id.nunique() == 40
            assert np.isnan(row.target_rate)


def test_every_fact_of_the_results_is_a_column(tmp_path: Path) -> None:
    run = sweep(tmp_path)[0]
    results = json.loads((run / "results.json").read_text())
    row: Any = load(run).set_index("target").loc["plain+noise+jpeg"]
    assert row[["surrogate", "attack", "data", "seed"]].tolist() == ["source", "naa", "photographs", 0]
    assert row[["model", "role", "defences", "repeats"]].tolist() == ["plain", "black-box", "noise+jpeg", 1]
    assert row[["norm", "eps", "targeted"]].tolist() == ["linf", results["budget"]["eps"], False]
    assert row.gradient_evaluations == results["cost"]["gradient_evaluations_per_image"]
    assert row.seconds_per_image == results["cost"]["seconds_per_image"]
    assert (row.version, row.clean_images, row.setting) == (results["version"], "f00", "")
    assert pd.isna(row.started)
    assert row.written.timestamp() == pytest.approx((run / "results.json").stat().st_mtime)
    for rate in RATES:
        for part, suffix in {"value": "", "low": "_low", "high": "_high", "spread": "_spread"}.items():
            value = results["targets"]["plain+noise+jpeg"][rate][part]
            assert pd.isna(row[rate + suffix]) if value is None else row[rate + suffix] == value


def test_settings_tell_runs_of_one_attack_apart(tmp_path: Path) -> None:
    sweep(tmp_path)
    found = load(tmp_path).drop_duplicates("folder")
    assert found[["attack", "setting"]].to_numpy().tolist() == [["mim", ""], ["naa", "gamma=0.5"], ["naa", "gamma=1"]]


def test_a_target_that_failed_has_a_reason_and_no_rate(tmp_path: Path) -> None:
    sweep(tmp_path)
    found = load(tmp_path)
    (lost,) = found.index[found.failed.notna()]
    assert found.loc[lost, ["target", "model", "role", "failed"]].tolist() == [
        *("other", "other", "black-box", "no weights")
    ]
    assert found.loc[lost, list(RATES)].isna().all()
    assert found[found.failed.isna()].success_rate.notna().all()


def test_columns_keep_their_types_whatever_is_missing(tmp_path: Path) -> None:
    """So that tables of several sweeps can be put together."""
    whole = load(sweep(tmp_path / "whole")[0])
    bare = tmp_path / "bare"
    bare.mkdir()
    (bare / "results.json").write_text('{"images": 0, "targets": {}}')
    found = load(bare)
    pd.testing.assert_series_equal(found.dtypes, whole.dtypes)
    assert found[["surrogate", "attack", "data"]].to_numpy().tolist() == [["unknown"] * 3]
    assert found[["seed", "target", "eps", "success_rate", "started"]].isna().all(axis=None)


def test_a_folder_without_results_and_damaged_ones_are_named(tmp_path: Path) -> None:
    for path in (tmp_path, tmp_path / "missing"):
        with pytest.raises(UserError, match=r"holds no results\.json: name the folder of a finished run"):
            load(path)
    run = write_run(tmp_path / "a", {"plain": [1, 0]})
    (run / "results.json").write_text("{")
    with pytest.raises(UserError, match=r"a/results\.json is damaged"):
        load(tmp_path)


def test_the_package_loads_nothing_before_it_is_asked_to() -> None:
    code = (
        "import sys, naa_lightning.report as report; "
        "print(*{'torch', 'pandas', 'pytorch_lightning', 'wandb'} & set(sys.modules)); "
        "import naa_lightning.report.loading; print(report.load, report.load is naa_lightning.report.loading.load)"
    )
    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=True)
    assert re.fullmatch(r"\n<function load at \w+> True\n", done.stdout)
    with pytest.raises(AttributeError, match="has no attribute 'lod'"):
        getattr(naa_lightning.report, "lod")  # noqa: B009 - the attribute is the test
