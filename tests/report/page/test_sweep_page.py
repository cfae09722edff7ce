"""What the page of a sweep says."""

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from naa_lightning.records.failure import write_failure
from naa_lightning.report.page import write_run_page, write_sweep_page
from naa_lightning.report.sweep.files import write_summary
from tests.report.cases import rate
from tests.report.page.cases import NAUGHTY, Page, means, results, target, write_run
from tests.report.sweep.cases import write_run as write_swept

DASH = "\N{EN DASH}"


def run(folder: Path, **changes: Any) -> Path:
    folder.mkdir(parents=True)
    (folder / "results.json").write_text(json.dumps(results(**changes)))
    return folder


def page_of(folder: Path, runs: Sequence[Path]) -> Path:
    return write_sweep_page(folder, write_summary(folder, runs))


def three_runs(folder: Path) -> list[Path]:
    other = {
        "resnet50": target(rate(45, 90), model="resnet50", white_box=True),
        "vgg16": target(rate(60, 90), clean_accuracy=rate(80, 100)),
        "mobilenetv2": target(rate(9, 90), model="mobilenetv2"),
    }
    weaker = {"vgg16": target(rate(9, 90)), "resnet50": target(rate(45, 90), model="resnet50")}
    return [
        run(folder / "a"),
        run(folder / "b", surrogate="resnet50", targets=other, black_box_mean=means(0.35), defended_mean=None),
        run(folder / "c", attack="mim", targets=weaker, black_box_mean=means(0.3), defended_mean=None),
    ]


def test_runs_against_targets_with_the_best_of_each_column_marked(tmp_path: Path) -> None:
    page = Page(page_of(tmp_path, three_runs(tmp_path)))
    heads, clean, *rows = page.tables[1]
    assert heads == [
        "attack",
        "surrogate",
        "black-box mean",
        "defended mean",
        "mobilenetv2",
        "vgg16",
        "resnet50",
        "vgg16+jpeg",
        "gradients per image",
        "time per image",
    ]
    assert clean == ["clean accuracy", "", "", "", "90.0", f"80.0{DASH}90.0", "90.0", "90.0", "", ""]
    assert rows[0] == [
        "naaon mobilenetv2",
        "mobilenetv2",
        "40.0 (best)",
        "10.0",
        "\N{DAGGER}97.8",
        "50.0",
        "30.0",
        "10.0",
        "40",
        "1.7 s",
    ]
    # the attacked resnet50 of the second run is no rival of the third's
    assert rows[1][2:8] == ["35.0", DASH, "10.0", "66.7 (best)", "\N{DAGGER}50.0", DASH]
    assert rows[2][2:8] == ["30.0", DASH, DASH, "10.0", "50.0 (best)", DASH]


def test_a_hit_class_does_not_compete_with_a_success(tmp_path: Path) -> None:
    aimed = {"vgg16": target(rate(90, 90), target_rate=rate(5, 100))}
    runs = [
        run(tmp_path / "a"),
        run(tmp_path / "b", attack="mim", targeted=True, targets=aimed, black_box_mean=means(0.9, target_rate=0.05)),
    ]
    page = Page(page_of(tmp_path, runs))
    assert "(best)" not in page.text
    head, _, first, second = page.tables[1]
    assert [row[head.index("rate")] for row in (first, second)] == ["success", "target hit"]
    assert second[head.index("vgg16")] == "5.0"


def test_runs_that_are_not_like_with_like_are_named(tmp_path: Path) -> None:
    runs = [
        run(tmp_path / "a"),
        run(tmp_path / "b", attack="mim"),
        run(tmp_path / "c", attack="fia", images=50, data="others", budget={"norm": "l2", "eps": 3.0}, version="0.2.0"),
        run(tmp_path / "d", attack="nim", targeted=True),
    ]
    text = Page(page_of(tmp_path, runs)).text
    most = "naa on mobilenetv2, mim on mobilenetv2 and nim on mobilenetv2"
    assert f"images photographs : {most} others : fia on mobilenetv2" in text
    assert f"number of images 100 images : {most} 50 images : fia on mobilenetv2" in text
    assert f"budget L\N{INFINITY} 16/255 : {most} L2 3 : fia on mobilenetv2" in text
    assert "untargeted : naa on mobilenetv2, mim on mobilenetv2 and fia on mobilenetv2 targeted : nim" in text
    assert f"version naa_lightning 0.1.0 : {most} naa_lightning 0.2.0 : fia" in text
    assert "targets of the" not in text


def test_means_over_different_targets_are_named(tmp_path: Path) -> None:
    """A surrogate that is missing among its own targets makes no such difference."""
    more = {"vgg16": target(rate(9, 90)), "densenet121": target(rate(9, 90), model="densenet121")}
    runs = three_runs(tmp_path)
    assert "targets of the black-box mean" not in Page(page_of(tmp_path, runs)).text
    runs.append(run(tmp_path / "d", attack="fia", targets=more, black_box_mean=means(0.1), defended_mean=None))
    text = Page(page_of(tmp_path, runs)).text
    assert (
        "targets of the black-box mean 1 target : naa on mobilenetv2, naa on resnet50 and mim on mobilenetv2 "
        "2 targets, with densenet121 : fia on mobilenetv2" in text
    )
    text = Page(page_of(tmp_path, runs[:3])).text
    assert "targets of the defended mean none : naa on resnet50 and mim on mobilenetv2 1 target : naa on mobile" in text


def test_like_runs_need_no_notice(tmp_path: Path) -> None:
    page = Page(page_of(tmp_path, [write_run(tmp_path / "a"), write_run(tmp_path / "b", results(attack="mim"))]))
    assert 'class="notice"' not in page.html
    assert "2 runs, 100 images, photographs, L\N{INFINITY} 16/255, untargeted" in page.text


def test_failures_and_unfinished_runs_are_named(tmp_path: Path) -> None:
    runs = [run(tmp_path / "a", failed={"inception_v3": "no weights"}), tmp_path / "b"]
    page = Page(page_of(tmp_path, runs))
    assert "naa on mobilenetv2: inception_v3 : no weights" in page.text
    assert "1 unfinished run b" in page.text
    head, _, row = page.tables[1]
    assert row[head.index("inception_v3")] == "failed"


def test_a_sweep_without_a_finished_run(tmp_path: Path) -> None:
    assert "No run is finished." in Page(page_of(tmp_path, [])).text
    assert "1 unfinished run c" in Page(page_of(tmp_path, [tmp_path / "c"])).text


def test_runs_link_to_their_own_pages_by_relative_paths(tmp_path: Path) -> None:
    inside = write_run(tmp_path / "sweep" / "a b#1")
    outside = write_run(tmp_path / "elsewhere", results(attack="mim"))
    without = run(tmp_path / "sweep" / "c", attack="fia")
    for folder in (inside, outside):
        write_run_page(folder)
    page = Page(page_of(tmp_path / "sweep", [inside, outside, without]))
    links = {attributes["href"] for attributes in page.of("a")}
    assert links == {"a%20b%231/report.html", "../elsewhere/report.html"}
    assert "It has no report of its own." in page.text


def test_runs_of_one_name_are_told_apart_by_their_folders(tmp_path: Path) -> None:
    text = Page(page_of(tmp_path, [run(tmp_path / "0"), run(tmp_path / "1", images=50)])).text
    assert "100 images : naa on mobilenetv2 (0) 50 images : naa on mobilenetv2 (1)" in text


def test_what_is_not_known_is_left_out(tmp_path: Path) -> None:
    unknown = {"value": None, "low": None, "high": None, "count": 0, "total": 0, "spread": None}
    runs = [
        run(tmp_path / "a", surrogate=None, cost={}, black_box_mean=None, targets={}),
        run(tmp_path / "b", cost=dict.fromkeys(results()["cost"]), targets={"vgg16": target(unknown)}, budget=None),
    ]
    text = Page(page_of(tmp_path, runs)).text
    assert "naa, surrogate unknown" in text
    assert "None" not in text


def test_names_are_escaped(tmp_path: Path) -> None:
    page = Page(
        page_of(
            tmp_path,
            [
                run(
                    tmp_path / "a",
                    attack=NAUGHTY,
                    surrogate=NAUGHTY,
                    data=NAUGHTY,
                    targets={NAUGHTY: target(rate(1, 2))},
                    failed={NAUGHTY: NAUGHTY},
                ),
                tmp_path / NAUGHTY.replace("/", "_"),
            ],
        )
    )
    assert len(page.of("script")) == 1
    assert "<script>alert" not in page.html


def test_damaged_results_of_a_run_are_named_and_left_out(tmp_path: Path) -> None:
    broken = tmp_path / "b"
    broken.mkdir()
    (broken / "results.json").write_text("{")
    page = Page(page_of(tmp_path, [run(tmp_path / "a"), broken]))
    assert "About the summary B is left out: " in page.text
    assert "b/results.json is damaged" in page.text
    assert len(page.tables[1]) == 3


def test_failed_jobs_are_named_with_their_reason(tmp_path: Path) -> None:
    write_failure(tmp_path / "b c", RuntimeError(f"no memory {NAUGHTY}"))
    page = Page(page_of(tmp_path, [run(tmp_path / "a"), tmp_path / "b c"]))
    assert f"1 failed job b c : RuntimeError: no memory {NAUGHTY}" in page.text
    assert "unfinished" not in page.text
    assert "<script>alert" not in page.html


def test_the_summary_shows_means_spreads_and_tests(tmp_path: Path) -> None:
    none, most = [0] * 10, [1] * 8 + [0] * 2
    runs = [
        write_swept(tmp_path / f"{attack}-{seed}", {"source": most, "plain": hits}, attack=attack, seed=seed)
        for attack, hits in (("mim", none), ("naa", most))
        for seed in (1, 2)
    ]
    page = Page(page_of(tmp_path, runs))
    assert page.tables[0] == [
        ["surrogate", "attack", "black-box mean", "source", "plain"],
        ["source", "mim", "0.0 ± 0.0", "\N{DAGGER}80.0 ± 0.0", "0.0 ± 0.0"],
        ["source", "naa", "80.0 ± 0.0 (best)*", "\N{DAGGER}80.0 ± 0.0", "80.0 ± 0.0 (best)*"],
    ]
    titles = [cell["title"] for cell in page.of("td") if "better" in (cell.get("title") or "")]
    assert titles[0] == "8 images better and 0 worse than mim, p = 0.0078, adjusted 0.023"
    assert "differs from the baseline, mim" in page.text
    (picture,) = page.of("img")
    assert str(picture["src"]).startswith("data:image/webp")
