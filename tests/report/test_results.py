"""All numbers of a run, computed a second time with pandas from the files that it leaves."""

import json
import math
import platform
import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from naa_lightning import __version__
from naa_lightning.records import AttributionRow, Prediction, write_predictions
from naa_lightning.report import TargetFacts, read_results, summarise, write_results
from tests.report.cases import NAMES, TARGETS, perturbation, prediction, run_facts, saved_image

Z = 1.959963984540054
RATES = ("fooling_rate", "error_rate", "success_rate", "clean_accuracy", "target_rate")
NO_RATE = {"value": None, "low": None, "high": None, "count": 0, "total": 0, "spread": None}
ANSWERS = [-2, -1, 0, 1, 2, 5]


@st.composite
def asked(draw: st.DrawFn) -> list[Prediction]:
    """What some of the targets say of a few images, each of them in every repeat."""
    names = draw(st.lists(st.sampled_from(list(TARGETS)), min_size=1, unique=True))
    images = draw(st.integers(1, 6))
    targeted = draw(st.booleans())
    random = np.random.default_rng(draw(st.integers(0, 2**32)))
    labels, aims = random.integers(0, 3, (2, images)).tolist()
    return [
        prediction(
            name,
            repeat=repeat,
            id=3 * image,
            file=f"{image}.png",
            label=labels[image],
            target_class=aims[image] if targeted else None,
            clean=int(random.choice([labels[image], *ANSWERS])),
            adversarial=int(random.choice(ANSWERS)),
        )
        for name in names
        for repeat in range(TARGETS[name].repeats)
        for image in range(images)
    ]


def summarised(rows: Sequence[Prediction], **facts: Any) -> dict[str, Any]:
    images = {row.id: saved_image(row.id, file=row.file, label=row.label) for row in rows}
    return summarise(run_facts(**facts), list(images.values()), rows, [perturbation(image) for image in images])


def reread(rows: Sequence[Prediction]) -> pd.DataFrame:
    """Read `predictions.parquet`, and say of every row what counts for which rate."""
    with tempfile.TemporaryDirectory() as folder:
        frame = pd.read_parquet(write_predictions(Path(folder), rows))
    clean, adversarial = frame.clean_prediction, frame.adversarial_prediction
    answered = ~adversarial.isin([-1, -2])
    frame["clean_accuracy"] = clean == frame.label
    frame["fooling_rate"] = answered & ~clean.isin([-1, -2]) & (clean != adversarial)
    frame["error_rate"] = answered & (adversarial != frame.label)
    frame["success_rate"] = (frame["error_rate"] & frame["clean_accuracy"]).where(frame["clean_accuracy"])
    frame["target_rate"] = (adversarial == frame.target_class).where(frame.target_class.notna())
    return frame


def expected_rate(frame: pd.DataFrame, rate: str, draws: int) -> dict[str, Any]:
    """Describe a column of which the rows that do not count are null."""
    counted = frame[frame[rate].notna()].astype({rate: float})
    if counted.empty:
        return NO_RATE
    share, n = counted[rate].mean(), len(counted) / draws
    # The bounds are the shares p with (p - share)^2 = Z^2 p (1 - p) / n.
    low, high = sorted(np.roots([1 + Z**2 / n, -(2 * share + Z**2 / n), share**2]).real)
    spread = counted.groupby("repeat")[rate].mean().std(ddof=1)
    return {
        "value": pytest.approx(share),
        "low": pytest.approx(low, abs=1e-7),
        "high": pytest.approx(high, abs=1e-7),
        "count": int(counted[rate].sum()),
        "total": len(counted),
        "spread": None if math.isnan(spread) else pytest.approx(spread),
    }


def mean_over(frame: pd.DataFrame, names: Sequence[str]) -> dict[str, Any]:
    chosen = frame[frame.target.isin(names)]
    means = {rate: chosen.astype({rate: float}).groupby("target")[rate].mean().mean() for rate in RATES}
    return {rate: None if math.isnan(mean) else pytest.approx(mean) for rate, mean in means.items()}


@settings(max_examples=25, deadline=None)
@given(rows=asked())
def test_the_rates_of_a_target_are_those_of_its_rows(rows: list[Prediction]) -> None:
    frame, results = reread(rows), summarised(rows)
    assert list(results["targets"]) == list(frame.target.unique())
    for name, target in results["targets"].items():
        of_target = frame[frame.target == name]
        for rate in RATES:
            assert target[rate] == expected_rate(of_target, rate, TARGETS[name].repeats), (name, rate)
        for answer, why in ((-1, "invalid"), (-2, "abstained")):
            assert target["unanswered"][why] == {
                "clean": int((of_target.clean_prediction == answer).sum()),
                "adversarial": int((of_target.adversarial_prediction == answer).sum()),
            }
        silent = of_target[(of_target.clean_prediction == -1) | (of_target.adversarial_prediction == -1)]
        assert target["invalid_files"] == sorted(silent["file"].unique())
        facts = TARGETS[name]
        assert (target["role"] == "white-box") == facts.white_box
        assert (target["model"], target["defences"]) == (facts.model, facts.defences)
        assert target["repeats"] == facts.repeats


@settings(max_examples=25, deadline=None)
@given(rows=asked())
def test_means_are_over_black_box_targets_without_and_with_a_defence(rows: list[Prediction]) -> None:
    frame, results = reread(rows), summarised(rows)
    assert results["black_box_mean"] == mean_over(frame, ["plain", "other"])
    assert results["defended_mean"] == mean_over(frame, ["plain+jpeg", "plain+noise+jpeg", "other+noise"])


@settings(max_examples=25, deadline=None)
@given(rows=asked())
def test_classes_are_pooled_over_the_targets_that_judge(rows: list[Prediction]) -> None:
    frame, results = reread(rows), summarised(rows)
    undefended = frame.target.isin(["plain", "other"])
    black_box = ~frame.target.isin(["source", "source+jpeg"])
    judged = next(frame[judges] for judges in (undefended, black_box, frame.id >= 0) if judges.any())
    draws = judged.groupby(["target", "repeat"]).ngroups
    assert [found["label"] for found in results["classes"]] == sorted(judged.label.unique())
    for found in results["classes"]:
        of_class = judged[judged.label == found["label"]]
        assert found["name"] == NAMES[found["label"]]
        assert found["images"] == of_class.id.nunique()
        assert found["success_rate"] == expected_rate(of_class, "success_rate", draws) | {"spread": None}


@settings(max_examples=15, deadline=None)
@given(rows=asked())
def test_class_names_are_those_of_every_class_mentioned_that_has_one(rows: list[Prediction]) -> None:
    frame = reread(rows)
    columns = ["label", "target_class", "clean_prediction", "adversarial_prediction"]
    mentioned = set(frame[columns].to_numpy(float).ravel().tolist())
    assert summarised(rows)["class_names"] == {str(index): NAMES[index] for index in range(4) if index in mentioned}


@settings(max_examples=15, deadline=None)
@given(rows=asked())
def test_results_are_json_without_nan_and_read_back_as_they_were(rows: list[Prediction]) -> None:
    results = summarised(rows)
    assert json.loads(json.dumps(results, allow_nan=False)) == results
    with tempfile.TemporaryDirectory() as folder:
        write_results(Path(folder), results)
        assert read_results(Path(folder)) == results


def test_results_that_are_no_numbers_are_not_written(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="Out of range float"):
        write_results(tmp_path, {"cost": math.nan})
    assert not list(tmp_path.iterdir())


def test_a_rate_by_hand() -> None:
    """Three images, asked twice: right and fooled, right and silent, wrong; then right and right, silent, right."""
    answers = [(3, 1), (3, -2), (1, 1), (3, 3), (-1, 1), (3, 1)]
    rows = [
        prediction("plain", repeat=index // 3, id=index % 3, file=f"{index % 3}.png", clean=clean, adversarial=after)
        for index, (clean, after) in enumerate(answers)
    ]
    facts = {"plain": TargetFacts("plain", ["noise"], white_box=False, repeats=2)}
    target = summarised(rows, targets=facts)["targets"]["plain"]
    counts = {rate: (target[rate]["count"], target[rate]["total"]) for rate in RATES}
    assert counts == {
        "fooling_rate": (2, 6),
        "error_rate": (4, 6),
        "success_rate": (2, 4),
        "clean_accuracy": (4, 6),
        "target_rate": (0, 0),
    }
    assert target["success_rate"]["value"] == target["success_rate"]["spread"] + 0.5 == 0.5
    assert target["error_rate"]["spread"] == 0
    assert target["target_rate"] == NO_RATE
    assert target["unanswered"] == {
        "invalid": {"clean": 1, "adversarial": 0},
        "abstained": {"clean": 0, "adversarial": 1},
    }
    assert target["invalid_files"] == ["1.png"]


def test_a_target_that_failed_is_no_target() -> None:
    results = summarised([prediction("source")], failed={"plain": "out of memory"}, missing=["b.png"])
    assert list(results["targets"]) == ["source"]
    assert results["failed"] == {"plain": "out of memory"}
    assert results["black_box_mean"] == results["defended_mean"] == dict.fromkeys(RATES)
    assert results["missing"] == ["b.png"]
    assert results["images"] == 1


def test_without_any_answer_there_are_no_rates() -> None:
    results = summarise(run_facts(failed=dict.fromkeys(TARGETS, "gone")), [saved_image()], [], [perturbation()])
    assert results["targets"] == {}
    assert results["classes"] == []
    assert results["black_box_mean"] == dict.fromkeys(RATES)
    json.dumps(results, allow_nan=False)


def test_classes_without_names_are_numbers() -> None:
    results = summarised([prediction("plain")], class_names=None)
    assert results["class_names"] == {}
    assert [entry["name"] for entry in results["classes"]] == ["class 3"]


def test_a_run_says_what_it_is() -> None:
    results = summarised([prediction("source")], surrogate=None, norm="l2", eps=3.0, targeted=True)
    assert results["version"] == __version__
    assert results["surrogate"] is None
    assert (results["attack"], results["data"]) == ("naa", "photographs")
    assert results["budget"] == {"norm": "l2", "eps": 3.0}
    assert results["targeted"] is True
    assert results["config"]["tags"] == ["a", "b"]


def test_costs_are_means_over_images() -> None:
    saved = [saved_image(1, seconds=1.0, gradient_evaluations=10), saved_image(2, seconds=2.5, gradient_evaluations=40)]
    facts = run_facts(crafted_now=1, phases={"data": 3.0, "measuring": 6.0}, peak_memory_bytes=7, device="cuda")
    assert summarise(facts, saved, [], [perturbation()])["cost"] == {
        "gradient_evaluations_per_image": 25.0,
        "seconds_per_image": 1.75,
        "images_crafted_now": 1,
        "seconds": 9.0,
        "phases": {"data": {"seconds": 3.0, "share": 1 / 3}, "measuring": {"seconds": 6.0, "share": 2 / 3}},
        "peak_memory_bytes": 7,
        "device": "cuda",
        "python": platform.python_version(),
        "torch": torch.__version__,
    }


def test_a_run_that_crafts_nothing_has_no_cost_of_crafting() -> None:
    cost = summarise(run_facts(crafted_now=None), [saved_image()], [], [perturbation()])["cost"]
    crafting = ("gradient_evaluations_per_image", "seconds_per_image", "images_crafted_now")
    assert [cost[name] for name in crafting] == [None] * 3
    assert cost["seconds"] == 12.5


def test_a_run_that_finds_all_its_images_still_knows_what_they_cost() -> None:
    cost = summarise(run_facts(crafted_now=0), [saved_image()], [], [perturbation()])["cost"]
    assert (cost["images_crafted_now"], cost["seconds_per_image"]) == (0, 0.5)


def test_perturbations_are_summed_up_over_images_that_have_a_number() -> None:
    rows = [
        perturbation(0, linf=0.25, l2=2.0, ssim=0.5, psnr=20.0, lpips=0.125),
        perturbation(1, linf=0.5, l2=4.0, ssim=None, psnr=30.0, lpips=0.375),
        perturbation(2, linf=0.0, l2=0.0, ssim=1.0, psnr=math.inf, lpips=math.nan),
    ]
    assert summarise(run_facts(), [saved_image()], [], rows)["perturbation"] == {
        "linf": {"mean": 0.25, "max": 0.5},
        "l2": {"mean": 2.0, "max": 4.0},
        "ssim": {"mean": 0.75, "min": 0.5},
        "psnr": {"mean": 25.0, "min": 20.0},
        "lpips": {"mean": 0.25, "max": 0.375},
    }


@pytest.mark.parametrize("unknown", [None, math.nan])
def test_what_no_image_has_is_null(unknown: float | None) -> None:
    rows = [perturbation(image, ssim=unknown, psnr=math.inf, lpips=unknown) for image in range(3)]
    sizes = summarise(run_facts(), [saved_image()], [], rows)["perturbation"]
    assert sizes["ssim"] == sizes["psnr"] == {"mean": None, "min": None}
    assert sizes["lpips"] == {"mean": None, "max": None}
    assert sizes["linf"] == {"mean": 0.0625, "max": 0.0625}


def test_attribution_is_that_of_the_images_that_have_it() -> None:
    saved = [
        saved_image(0, positive_share=0.5, participation=0.25, gini=0.5, attributed=1.0, explained=0.5),
        saved_image(1),
        saved_image(2, positive_share=1.0, participation=0.75, gini=0.75, attributed=1.0, explained=-1.5),
    ]
    assert summarise(run_facts(), saved, [], [perturbation()])["attribution"] == {
        "positive_share": 0.75,
        "negative_share": 0.25,
        "participation": 0.5,
        "gini": 0.625,
        "completeness_gap": 3.0 / 2.0,
        "images": 2,
    }
    assert summarise(run_facts(), [saved_image()], [], [perturbation()])["attribution"] is None


def attributed(**others: float) -> AttributionRow:
    """Numbers of one image, of which the clean one has more positive attribution than the adversarial one."""
    sums = {"mass_before": 4.0, "mass_after": 2.0, "positive_before": 4.0, "positive_after": 3.0}
    parts = {
        part: {"positive_share": share, "participation": 0.5, "gini": 0.25, "attributed": 1.0, "explained": 1.0}
        for part, share in (("clean", 0.75), ("adversarial", 0.5))
    }
    parts |= {"effect": sums | {"positive_destroyed": 1.0}, "naa": {"cosine": 0.5, "rank_correlation": math.nan}}
    row = {f"{part}/{name}": value for part, values in parts.items() for name, value in values.items()}
    return {"id": 12.0} | row | others


def test_exact_attribution_is_told_part_by_part() -> None:
    rows = [attributed(), attributed(**{"naa/cosine": 1.0, "effect/positive_destroyed": 3.0})]
    exact = summarise(run_facts(), [saved_image()], [], [perturbation()], rows)["exact_attribution"]
    assert set(exact) == {"images", "clean", "adversarial", "effect", "naa"}
    assert exact["images"] == 2
    assert (exact["clean"]["positive_share"], exact["adversarial"]["positive_share"]) == (0.75, 0.5)
    assert exact["effect"] == {"mass_kept": 0.5, "positive_kept": 0.75, "positive_destroyed": 0.5}
    assert exact["naa"] == {"cosine": 0.75, "rank_correlation": None}
    assert summarise(run_facts(), [saved_image()], [], [perturbation()])["exact_attribution"] is None
