import io
from collections.abc import Mapping, Sequence
from typing import Any

from rich.console import Console

from naa_lightning.metrics import Rate
from naa_lightning.records import RunResults
from naa_lightning.records.results import MeasureResult
from naa_lightning.report.run_table import attribution_line, notices, perturbation_line, results_table, time_line
from naa_lightning.runs.stages.summary import cost_of
from tests.report.cases import rate, saved_image

NO_RATE = Rate(0, 0)
PLUS_MINUS, DASH = "\N{PLUS-MINUS SIGN}", "\N{EN DASH}"


def target(
    role: str,
    success: Rate,
    target_rate: Rate = NO_RATE,
    *,
    model: str = "",
    defences: Sequence[str] = (),
    spread: float | None = None,
    invalid_files: Sequence[str] = (),
    abstained: tuple[int, int] = (0, 0),
) -> dict[str, object]:
    return {
        "role": role,
        "model": model,
        "defences": list(defences),
        "repeats": 1 if spread is None else 5,
        "unanswered": {"abstained": {"clean": abstained[0], "adversarial": abstained[1]}},
        "clean_accuracy": rate(90, 100),
        "fooling_rate": rate(50, 100),
        "error_rate": rate(55, 100),
        "success_rate": rate(success.count, success.total, spread),
        "target_rate": rate(target_rate.count, target_rate.total),
        "invalid_files": list(invalid_files),
    }


def run(targets: Mapping[str, Any], **others: Any) -> RunResults:
    values: dict[str, Any] = {
        "attack": "naa",
        "surrogate": "source",
        "data": "photographs",
        "images": 100,
        "missing": [],
        "targeted": False,
        "targets": targets,
    }
    return RunResults.model_validate({"schema_version": 2, **values, **others})


def printed(results: RunResults) -> list[str]:
    console = Console(width=80, record=True, file=io.StringIO())
    console.print(results_table(results))
    return console.export_text().splitlines()


def cells(lines: Sequence[str]) -> list[list[str]]:
    """Return the rows of a table, first its header."""
    return [[cell.strip() for cell in line[1:-1].replace("┃", "│").split("│")] for line in lines if line[:1] in "┃│"]


def caption(lines: Sequence[str]) -> str:
    end = next(index for index, line in enumerate(lines) if line.startswith("└"))
    return " ".join(" ".join(lines[end + 1 :]).split())


def test_the_table_shows_every_rate_within_80_columns() -> None:
    targets = {
        "source": target("white-box", Rate(90, 90)),
        "a_target_with_a_very_long_name_of_its_own": target("black-box", Rate(45, 90)),
        "hopeless": target("black-box", NO_RATE),
    }
    lines = printed(run(targets))
    assert max(map(len, lines)) <= 80
    assert lines[0].strip() == "naa on source: 100 images of photographs"
    header, *rows = cells(lines)
    assert header == ["target", "clean", "fooling", "error", "success", "95 %"]
    assert [row[0] for row in rows[1:-2]] == ["a_target_with_a_very_long_", "name_of_its_own"]
    assert rows[0][0] == "source (white-box)"
    assert ["90.0", "50.0", "55.0", "50.0", f"39.9{DASH}60.1"] in [row[1:] for row in rows]
    assert rows[-2:] == [
        ["hopeless", "90.0", "50.0", "55.0", DASH, DASH],
        ["black-box mean (1)", "90.0", "50.0", "55.0", "50.0", ""],
    ]
    assert caption(lines) == (
        "in %; clean: accuracy on clean images; success: among images classified correctly when clean, with its 95 % "
        "Wilson interval"
    )


def test_the_table_of_a_targeted_run_shows_how_often_the_target_class_is_hit() -> None:
    targets = {
        "digits_residual": target("white-box", Rate(90, 90), Rate(100, 100)),
        "inception_resnet_v2": target("black-box", Rate(45, 90), Rate(25, 100)),
        "digits_plain": target("black-box", NO_RATE, Rate(1, 100)),
    }
    others = {"attack": "mim", "surrogate": "digits_residual", "data": "digits", "targeted": True}
    lines = printed(run(targets, **others))
    assert max(map(len, lines)) <= 80
    assert lines[0].strip() == "targeted mim on digits_residual: 100 images of digits"
    header, *rows = cells(lines)
    assert header == ["target", "clean", "success", "target hit", "95 %"]
    assert rows == [
        ["digits_residual (white-box)", "90.0", "100.0", "100.0", f"96.3{DASH}100.0"],
        ["inception_resnet_v2", "90.0", "50.0", "25.0", f"17.5{DASH}34.3"],
        ["digits_plain", "90.0", DASH, "1.0", f"0.2{DASH}5.4"],
        ["black-box mean (2)", "90.0", "50.0", "13.0", ""],
    ]
    assert "target hit: predicted as the class aimed at, over all images, with its 95 % Wilson interval" in caption(
        lines
    )


def test_a_defended_target_is_named_by_its_defences_under_its_model() -> None:
    targets = {
        "source": target("white-box", Rate(90, 90), model="source"),
        "source+jpeg": target("white-box", Rate(80, 90), model="source", defences=["jpeg"]),
        "plain": target("black-box", Rate(45, 90), model="plain"),
        "plain+jpeg": target("black-box", Rate(36, 90), model="plain", defences=["jpeg"]),
        "plain+jpeg+median": target("black-box", Rate(27, 90), model="plain", defences=["jpeg", "median"]),
        "alone+jpeg": target("black-box", Rate(18, 90), model="alone", defences=["jpeg"]),
    }
    lines = printed(run(targets))
    _, *rows = cells(lines)
    assert [(row[0], row[4]) for row in rows] == [
        ("source (white-box)", "100.0"),
        ("+ jpeg", "88.9"),
        ("plain", "50.0"),
        ("+ jpeg", "40.0"),
        ("+ jpeg + median", "30.0"),
        ("alone+jpeg", "20.0"),
        ("black-box mean (1)", "50.0"),
        ("defended mean (3)", "30.0"),
    ]


def test_a_random_defence_adds_a_column_of_its_spread() -> None:
    targets = {
        "inception_resnet_v2": target("black-box", Rate(45, 90), model="inception_resnet_v2"),
        "inception_resnet_v2+noise": target(
            "black-box", Rate(180, 450), model="inception_resnet_v2", defences=["noise"], spread=0.0349
        ),
    }
    lines = printed(run(targets))
    assert max(map(len, lines)) <= 80
    header, *rows = cells(lines)
    assert header[-2:] == ["95 %", PLUS_MINUS]
    assert [row[-1] for row in rows] == ["", "3.5", "", ""]
    assert caption(lines).endswith(f"; {PLUS_MINUS}: standard deviation over a defence's random draws")


def test_a_target_that_failed_stands_without_numbers() -> None:
    targets = {"plain": target("black-box", Rate(45, 90), spread=0.5)}
    for shown, columns in ((targets, 7), ({}, 6)):
        _, *rows = cells(printed(run(shown, failed={"onnx": {"reason": "out of memory"}})))
        assert rows[len(shown)] == ["onnx (failed)", *[DASH] * 5, *[""] * (columns - 6)]
        assert len(rows) == 2 * len(shown) + 1


def test_a_mean_over_no_target_is_not_shown() -> None:
    targets = {"source": target("white-box", Rate(90, 90))}
    defended = {"a+jpeg": target("black-box", Rate(45, 90), model="a", defences=["jpeg"])}
    undefended = {"a": target("black-box", Rate(45, 90), model="a")}
    for others, shown in (({}, []), (defended, ["defended mean (1)"]), (undefended, ["black-box mean (1)"])):
        _, *rows = cells(printed(run({**targets, **others})))
        assert [row[0] for row in rows[1 + len(others) :]] == shown


def test_a_mean_says_how_many_targets_it_is_over_where_it_leaves_some_out() -> None:
    targets = {name: target("black-box", rate) for name, rate in (("a", Rate(45, 90)), ("b", NO_RATE))}
    results = run(targets, failed={"onnx": {"reason": "out of memory"}})
    assert cells(printed(results))[-1][0] == "black-box mean (1)"
    assert notices(results) == [
        "the black-box mean is over 1 target and leaves out 2 (b: no image counts; onnx: out of memory)"
    ]


def test_a_target_with_the_surrogates_weights_is_called_so() -> None:
    copy = target("black-box", Rate(90, 90)) | {"shares_weights": "source"}
    results = run({"copy": copy, "plain": target("black-box", Rate(45, 90))})
    names = [row[0] for row in cells(printed(results))]
    assert names[1:] == ["copy (shares weights)", "plain", "black-box mean (1)"]
    left_out = "leaves out 1 (copy: shares weights with source)"
    assert notices(results) == [f"the black-box mean is over 1 target and {left_out}"]
    assert notices(run({"copy": copy})) == [f"the black-box mean is over no target and {left_out}"]


def test_a_run_of_unknown_origin_names_no_surrogate() -> None:
    targets = {"plain": target("black-box", Rate(45, 90))}
    lines = printed(run(targets, surrogate=None, attack="downloaded"))
    assert lines[0].strip() == "downloaded: 100 images of photographs"


def test_notices_tell_of_missing_images_and_of_logits_that_are_no_numbers() -> None:
    quiet = target("black-box", Rate(45, 90))
    noisy = target("black-box", Rate(45, 90), invalid_files=["c.png", "d.png"])
    assert notices(run({"plain": quiet})) == []
    wary = target("black-box", Rate(45, 90), spread=0.1, abstained=(50, 125))
    assert notices(run({"wary": wary})) == [
        "wary abstained, which counts as no success, on 10.0 % of the clean and 25.0 % of the adversarial images"
    ]
    assert notices(run({"plain": quiet, "half": noisy}, missing=["a.png", "b.png"])) == [
        "missing images: 2, which are left out: a.png and b.png",
        "half gave logits that are no numbers, which count as no success, for c.png and d.png",
    ]


def test_notices_list_at_most_20_files() -> None:
    files = [f"{index}.png" for index in range(23)]
    (twenty,), (more,) = (notices(run({}, missing=missing)) for missing in (files[:20], files))
    assert twenty.endswith("17.png, 18.png and 19.png")
    assert more == f"missing images: 23, which are left out: {', '.join(files[:20])} and 3 more"


def sizes(ssim: float | None, psnr: float | None, lpips: float | None) -> RunResults:
    return run(
        {},
        perturbation={
            "linf": MeasureResult(mean=0.05, max=16 / 255),
            "l2": MeasureResult(mean=12.3456, max=20.0),
            "ssim": MeasureResult(mean=ssim, min=ssim),
            "psnr": MeasureResult(mean=psnr, min=psnr),
            "lpips": MeasureResult(mean=lpips, max=lpips),
        },
    )


def test_the_perturbation_line_leaves_out_what_was_not_measured() -> None:
    start, end = "perturbation: largest change 16/255, L2 12.35", ", means over images"
    assert perturbation_line(sizes(None, None, None)) == start + end
    assert perturbation_line(sizes(0.8765, 30.123, None)) == f"{start}, SSIM 0.876, PSNR 30.1 dB{end}"
    assert perturbation_line(sizes(None, 30.123, None)) == f"{start}, PSNR 30.1 dB{end}"
    assert perturbation_line(sizes(0.8765, 30.123, 0.05)) == f"{start}, SSIM 0.876, PSNR 30.1 dB, LPIPS 0.050{end}"
    assert perturbation_line(sizes(0.0, None, 0.0)) == f"{start}, SSIM 0.000, LPIPS 0.000{end}"


def test_the_attribution_line_tells_of_exact_attribution() -> None:
    exact: dict[str, Any] = {
        "images": 16,
        "clean": {"positive_share": 0.612},
        "effect": {"positive_destroyed": None},
        "agreement": {"naa": {"cosine": 0.987}},
    }
    assert attribution_line(run({}, exact_attribution=exact)) == (
        "exact attribution of 16 images: 61.2 % positive, of which the attack destroyed \N{EN DASH} %; "
        "NAA's approximation has a cosine of 0.99 with it"
    )
    unknown = attribution_line(run({}, exact_attribution=exact | {"agreement": {"naa": {"cosine": None}}}))
    assert unknown is not None
    assert unknown.endswith(f"has a cosine of {DASH} with it")
    assert attribution_line(run({})) is None


def test_the_time_is_told_by_stage_and_hardly_anything_is_passed_over() -> None:
    phases = {"other": 0.4, "start_up": 10.0, "crafting/steps": 50.0, "crafting/files": 5.6, "pictures": 14.0}
    taken = cost_of([saved_image()], phases, 1, None)
    assert time_line(run({}, cost=taken)) == "time: 80 s: crafting 70 %, pictures 18 %, start-up 12 %"
