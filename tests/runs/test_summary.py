"""All numbers of a run, computed a second time with pandas from the files that it leaves."""

import json
import math
import tempfile
from collections.abc import Collection, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from naa_lightning.records import (
    AttributionRow,
    Prediction,
    RateResult,
    read_results,
    write_predictions,
    write_results,
)
from naa_lightning.records.results import MeasureResult
from naa_lightning.records.targets import MeanResult, Unanswered
from naa_lightning.runs.stages.summary import attribution_of, cost_of, exact_attribution_of, perturbation_of
from tests.report.cases import NAMES, TARGETS, asked_target, perturbation, prediction, run_results, saved_image

Z = 1.959963984540054
RATES = ("fooling_rate", "error_rate", "success_rate", "clean_accuracy", "target_rate", "robust_accuracy")
NO_RATE = RateResult().model_dump()
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
    frame["robust_accuracy"] = frame["clean_accuracy"] & (adversarial == frame.label)
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


def mean_over(frame: pd.DataFrame, names: Collection[str]) -> dict[str, Any]:
    chosen = frame[frame.target.isin(names)]
    means = {rate: chosen.astype({rate: float}).groupby("target")[rate].mean().mean() for rate in RATES}
    return {rate: None if math.isnan(mean) else pytest.approx(mean) for rate, mean in means.items()}


@settings(max_examples=25, deadline=None)
@given(rows=asked())
def test_the_rates_of_a_target_are_those_of_its_rows(rows: list[Prediction]) -> None:
    frame, results = reread(rows), run_results(rows)
    assert set(results.targets) == set(frame.target)
    assert list(results.targets) == [name for name in TARGETS if name in results.targets]
    for name, target in results.targets.items():
        of_target = frame[frame.target == name]
        for rate in RATES:
            assert target.rate(rate).model_dump() == expected_rate(of_target, rate, TARGETS[name].repeats), (name, rate)
        for answer, why in ((-1, "invalid"), (-2, "abstained")):
            assert target.unanswered[why] == Unanswered(
                clean=int((of_target.clean_prediction == answer).sum()),
                adversarial=int((of_target.adversarial_prediction == answer).sum()),
            )
        silent = of_target[(of_target.clean_prediction == -1) | (of_target.adversarial_prediction == -1)]
        assert list(target.invalid_files) == sorted(silent["file"].unique())
        assert (target.role == "white-box") == name.startswith("source")
        assert "+".join([target.model, *target.defences]) == name
        assert target.repeats == TARGETS[name].repeats


@settings(max_examples=25, deadline=None)
@given(rows=asked())
def test_means_are_over_black_box_targets_without_and_with_a_defence(rows: list[Prediction]) -> None:
    frame, results = reread(rows), run_results(rows)
    for mean, members in (
        (results.black_box_mean, ["plain", "other"]),
        (results.defended_mean, ["plain+jpeg", "plain+noise+jpeg", "other+noise"]),
    ):
        asked = frame[frame.target.isin(members)]
        counting = set(asked[asked.success_rate.notna()].target)
        assert mean.model_dump(include=set(RATES)) == mean_over(frame, counting)
        assert set(mean.targets) == counting
        assert mean.left_out == dict.fromkeys(set(asked.target) - counting, "no image counts")


@settings(max_examples=25, deadline=None)
@given(rows=asked())
def test_classes_are_pooled_over_the_targets_that_judge(rows: list[Prediction]) -> None:
    frame, results = reread(rows), run_results(rows)
    undefended = frame.target.isin(["plain", "other"])
    black_box = ~frame.target.isin(["source", "source+jpeg"])
    attacked = frame.target == "source"
    judged = next(frame[judges] for judges in (undefended, black_box, attacked, frame.id >= 0) if judges.any())
    draws = judged.groupby(["target", "repeat"]).ngroups
    assert [found.label for found in results.classes] == sorted(judged.label.unique())
    for found in results.classes:
        of_class = judged[judged.label == found.label]
        assert found.name == NAMES[found.label]
        assert found.images == of_class.id.nunique()
        assert found.success_rate.model_dump() == expected_rate(of_class, "success_rate", draws) | {"spread": None}


@settings(max_examples=25, deadline=None)
@given(rows=asked())
def test_confusions_are_the_successes_at_the_first_draw_by_pair_of_classes(rows: list[Prediction]) -> None:
    frame, results = reread(rows), run_results(rows)
    judged = frame[frame.target.isin(results.judges) & (frame.repeat == 0)]
    fooled = judged[judged.success_rate.fillna(0).astype(bool)]
    pairs = fooled.groupby(["label", "adversarial_prediction"]).id.agg(["size", "nunique"])
    found = {(row.label, row.predicted): (row.count, row.images) for row in results.confusions}
    assert found == {pair: (row["size"], row["nunique"]) for pair, row in pairs.iterrows()}
    counts = [row.count for row in results.confusions]
    assert counts == sorted(counts, reverse=True)


@settings(max_examples=15, deadline=None)
@given(rows=asked())
def test_class_names_are_those_of_every_class_mentioned_that_has_one(rows: list[Prediction]) -> None:
    frame = reread(rows)
    columns = ["label", "target_class", "clean_prediction", "adversarial_prediction"]
    mentioned = set(frame[columns].to_numpy(float).ravel().tolist())
    assert run_results(rows).class_names == {index: NAMES[index] for index in range(4) if index in mentioned}


@settings(max_examples=15, deadline=None)
@given(rows=asked())
def test_results_are_json_without_nan_and_read_back_as_they_were(rows: list[Prediction]) -> None:
    results = run_results(rows)
    with tempfile.TemporaryDirectory() as folder:
        write_results(Path(folder), results)
        text = (Path(folder) / "results.json").read_text()
        assert "NaN" not in text
        assert json.loads(text)["black_box_mean"] == json.loads(results.black_box_mean.model_dump_json())
        assert read_results(Path(folder)) == results


def test_a_rate_by_hand() -> None:
    """Three images, asked twice: right and fooled, right and silent, wrong; then right and right, silent, right."""
    answers = [(3, 1), (3, -2), (1, 1), (3, 3), (-1, 1), (3, 1)]
    rows = [
        prediction("plain", repeat=index // 3, id=index % 3, file=f"{index % 3}.png", clean=clean, adversarial=after)
        for index, (clean, after) in enumerate(answers)
    ]
    asked = asked_target("plain", ["noise"], repeats=2)
    asked.name = "plain"
    target = run_results(rows, targets={"plain": asked}).targets["plain"]
    counts = {rate: (target.rate(rate).count, target.rate(rate).total) for rate in RATES}
    assert counts == {
        "fooling_rate": (2, 6),
        "error_rate": (4, 6),
        "success_rate": (2, 4),
        "clean_accuracy": (4, 6),
        "target_rate": (0, 0),
        "robust_accuracy": (1, 6),
    }
    assert target.success_rate.spread is not None
    assert target.success_rate.value == target.success_rate.spread + 0.5 == 0.5
    assert target.error_rate.spread == 0
    assert target.target_rate == RateResult()
    assert target.unanswered == {"invalid": Unanswered(clean=1), "abstained": Unanswered(adversarial=1)}
    assert target.invalid_files == ("1.png",)


def test_a_mean_says_which_targets_it_leaves_out_and_why() -> None:
    """One is right about no clean image, one failed, one is defended and failed."""
    rows = [prediction("source"), prediction("plain"), prediction("other", clean=1)]
    failed = {"other+noise": "out of memory"}
    results = run_results(rows, failed=failed)
    assert results.black_box_mean.targets == ("plain",)
    assert results.black_box_mean.left_out == {"other": "no image counts"}
    assert results.black_box_mean.success_rate == 1
    assert results.black_box_mean.error_rate == 1
    assert results.defended_mean == MeanResult(left_out=failed)
    assert results.failed["other+noise"].model_dump() == {
        "reason": "out of memory",
        "role": "black-box",
        "model": "other",
        "defences": ("noise",),
    }


def test_a_targeted_run_averages_the_targets_that_count_for_its_headline() -> None:
    rows = [prediction("plain", target_class=1), prediction("other", clean=1, target_class=1)]
    results = run_results(rows, targeted=True)
    assert results.black_box_mean.targets == ("plain", "other")
    assert results.optimised == results.black_box_mean.target_rate == 1
    assert run_results(rows).black_box_mean.targets == ("plain",)


def test_a_sweep_optimises_defended_targets_where_there_are_no_others() -> None:
    assert run_results([prediction("plain+jpeg")]).optimised == 1
    assert run_results([prediction("plain+jpeg"), prediction("plain", adversarial=3)]).optimised == 0
    assert run_results([prediction("source")]).optimised is None


def test_without_any_answer_there_are_no_rates() -> None:
    results = run_results(failed=dict.fromkeys(TARGETS, "gone"), saved=[saved_image()])
    assert results.targets == {}
    assert (results.classes, results.confusions) == ((), ())
    assert results.black_box_mean.success_rate is None
    assert set(results.black_box_mean.left_out) == {"plain", "other"}


def test_classes_without_names_are_numbers() -> None:
    results = run_results([prediction("plain")], names=None)
    assert results.class_names == {}
    assert [found.name for found in results.classes] == ["class 3"]


def test_costs_are_means_over_images() -> None:
    saved = [saved_image(1, seconds=1.0, gradient_evaluations=10), saved_image(2, seconds=2.5, gradient_evaluations=40)]
    assert cost_of(saved, {"data": 3.0, "measuring": 6.0}, 1, 7).model_dump() == {
        "gradient_evaluations_per_image": 25.0,
        "seconds_per_image": 1.75,
        "images_crafted_now": 1,
        "seconds": 9.0,
        "phases": {"data": {"seconds": 3.0, "share": 1 / 3}, "measuring": {"seconds": 6.0, "share": 2 / 3}},
        "peak_memory_bytes": 7,
    }


def test_a_run_that_crafts_nothing_has_no_cost_of_crafting() -> None:
    cost = cost_of([saved_image()], {"other": 12.5}, None, None)
    assert cost.gradient_evaluations_per_image is cost.seconds_per_image is cost.images_crafted_now is None
    assert cost.seconds == 12.5


def test_a_run_that_finds_all_its_images_still_knows_what_they_cost() -> None:
    cost = cost_of([saved_image()], {"other": 1.0}, 0, None)
    assert (cost.images_crafted_now, cost.seconds_per_image) == (0, 0.5)


def test_perturbations_are_summed_up_over_images_that_have_a_number() -> None:
    rows = [
        perturbation(0, linf=0.25, l2=2.0, ssim=0.5, psnr=20.0, lpips=0.125),
        perturbation(1, linf=0.5, l2=4.0, ssim=None, psnr=30.0, lpips=0.375),
        perturbation(2, linf=0.0, l2=0.0, ssim=1.0, psnr=math.inf, lpips=math.nan),
    ]
    found = perturbation_of(rows)
    assert found == {
        "linf": MeasureResult(images=3, mean=0.25, max=0.5),
        "l2": MeasureResult(images=3, mean=2.0, max=4.0),
        "ssim": MeasureResult(images=2, mean=0.75, min=0.5),
        "psnr": MeasureResult(images=2, mean=25.0, min=20.0),
        "lpips": MeasureResult(images=2, mean=0.25, max=0.375),
    }
    assert [found[name].worst for name in ("linf", "ssim")] == [0.5, 0.5]


@pytest.mark.parametrize("unknown", [None, math.nan])
def test_what_no_image_has_is_null(unknown: float | None) -> None:
    sizes = perturbation_of([perturbation(image, ssim=unknown, psnr=math.inf, lpips=unknown) for image in range(3)])
    assert sizes["ssim"] == sizes["psnr"] == sizes["lpips"] == MeasureResult(images=0)
    assert sizes["linf"] == MeasureResult(images=3, mean=0.0625, max=0.0625)


def test_attribution_is_that_of_the_images_that_have_it() -> None:
    saved = [
        saved_image(0, positive_share=0.5, participation=0.25, gini=0.5, attributed=1.0, explained=0.5),
        saved_image(1),
        saved_image(2, positive_share=1.0, participation=0.75, gini=0.75, attributed=1.0, explained=-1.5),
    ]
    assert attribution_of(saved) == {
        "positive_share": 0.75,
        "negative_share": 0.25,
        "participation": 0.5,
        "gini": 0.625,
        "completeness_gap": 3.0 / 2.0,
        "images": 2,
    }
    assert attribution_of([saved_image()]) is None


def attributed(id: int, **others: float) -> list[AttributionRow]:
    """Numbers of one image, of which the clean one has more positive attribution than the adversarial one."""
    shares = {"participation": 0.5, "gini": 0.25, "attributed": 1.0, "explained": 1.0}
    parts: dict[str, dict[str, float | None]] = {
        "clean": {"positive_share": 0.75, **shares},
        "adversarial": {"positive_share": 0.5, **shares},
        "effect": {
            "mass_before": 4.0,
            "mass_after": 2.0,
            "positive_before": 4.0,
            "positive_after": 3.0,
            "positive_destroyed": others.get("destroyed", 1.0),
        },
        "naa": {"cosine": others.get("cosine", 0.5), "rank_correlation": None},
        "model a/b": {"cosine": 0.25, "rank_correlation": 0.5},
    }
    return [AttributionRow(id, part, name, value) for part, values in parts.items() for name, value in values.items()]


def test_exact_attribution_is_told_part_by_part() -> None:
    exact = exact_attribution_of([*attributed(12), *attributed(13, cosine=1.0, destroyed=3.0)])
    assert exact is not None
    assert exact.images == 2
    assert (exact.clean["positive_share"], exact.adversarial["positive_share"]) == (0.75, 0.5)
    assert exact.effect == {"mass_kept": 0.5, "positive_kept": 0.75, "positive_destroyed": 0.5}
    assert exact.agreement == {
        "naa": {"cosine": 0.75, "rank_correlation": None},
        "model a/b": {"cosine": 0.25, "rank_correlation": 0.5},
    }
    assert exact_attribution_of([]) is None
