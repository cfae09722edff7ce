"""What the page of a folder of runs says."""

import json
import re
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from naa_lightning.records.failure import write_failure
from naa_lightning.records.results import Cost
from naa_lightning.report.page.run_page import write_run_page
from naa_lightning.report.page.sweep_page import write_sweep_page
from naa_lightning.report.sweep.files import write_summary
from tests.report.cases import rate
from tests.report.page.cases import LONG, NAUGHTY, Page, results, target, write_run
from tests.report.sweep.cases import write_run as write_swept

DASH = "\N{EN DASH}"
NONE, HALF, MOST = [0] * 10, [1] * 5 + [0] * 5, [1] * 9 + [0]


def run(folder: Path, **changes: Any) -> Path:
    folder.mkdir(parents=True)
    (folder / "results.json").write_text(json.dumps(results(**changes)))
    return folder


def page_of(folder: Path, runs: Sequence[Path]) -> Path:
    return write_sweep_page(folder, write_summary(folder, runs))


def swept(folder: Path) -> list[Path]:
    """Two attacks, two seeds each, one of them better by more than chance."""
    return [
        write_swept(
            folder / f"{attack}-{seed}",
            {"source": MOST, "plain": hits, "other": hits},
            attack=attack,
            seed=seed,
            cost=Cost(gradient_evaluations_per_image=gradients, seconds_per_image=0.5),
        )
        for attack, hits, gradients in (("mim", NONE, 10.0), ("naa", MOST, 40.0))
        for seed in (1, 2)
    ]


def test_rows_have_means_with_spread_and_interval_and_the_distinct_one_is_marked(tmp_path: Path) -> None:
    page = Page(page_of(tmp_path, swept(tmp_path)))
    head, group, mim, naa = page.tables[0]
    assert head == ["attack", "black-box mean", "gradients per image", "time per image", "runs by seed"]
    assert group == ["source"]
    assert mim[0] == "mim baseline"
    assert mim[1].startswith("0.0 ± 0.0")
    assert mim[2:] == ["10", "0.5 s", "1 2"]
    low, high = re.fullmatch(rf"90\.0 ± 0\.0 \(best\)\*([\d.]+){DASH}([\d.]+)", naa[1]).groups()  # type: ignore[union-attr]
    assert float(low) < 90 < float(high)


def test_targets_are_cells_whose_colour_is_their_rate(tmp_path: Path) -> None:
    page = Page(page_of(tmp_path, swept(tmp_path)))
    head, clean, _, mim, naa = page.tables[1]
    assert head == ["attack", "source", "plain", "other"]
    assert clean == ["clean accuracy", "100.0", "100.0", "100.0"]
    assert mim[1:] == ["90.0 ± 0.0\N{DAGGER}", "0.0 ± 0.0", "0.0 ± 0.0"]
    assert naa[2] == "90.0 ± 0.0 (best)*"
    assert [cell["style"] for cell in page.of("td") if cell.get("style")] == [
        f"--v: {value}" for value in ("0.900", "0.000", "0.000", "0.900", "0.900", "0.900")
    ]


def test_the_comparison_with_the_baseline_names_counts_and_p_values(tmp_path: Path) -> None:
    runs = [write_swept(tmp_path / name, {LONG: hits}, attack=name) for name, hits in (("mim", NONE), ("naa", MOST))]
    page = Page(page_of(tmp_path, runs))
    head, *lines = page.tables[2]
    assert head == ["attack", "surrogate", "target", "better", "worse", "p", "adjusted"]
    plain = next(line for line in lines if line[2] == LONG)
    # nine images of ten, which all differ: 2 * 0.5 ** 9
    assert plain[:6] == ["naa", "source", LONG, "9", "0", "0.0039"]


def test_what_cannot_be_told_apart_is_said_once_and_not_bold(tmp_path: Path) -> None:
    runs = [
        write_swept(tmp_path / name, {"plain": hits}, attack=name)
        for name, hits in (("a", HALF), ("b", [*HALF[1:], 1]))
    ]
    page = Page(page_of(tmp_path, runs))
    assert page.text.count("not distinguishable") == 1
    assert "(best)" not in page.text


def test_the_frontier_is_what_nothing_beats_for_less(tmp_path: Path) -> None:
    costs = {"cheap": (1, 3), "worse": (10, 2), "good": (20, 6), "dear": (40, 6), "best": (80, 9)}
    runs = [
        write_swept(
            tmp_path / name,
            {"plain": [1] * hits + [0] * (10 - hits)},
            attack=name,
            cost=Cost(gradient_evaluations_per_image=gradients),
        )
        for name, (gradients, hits) in costs.items()
    ]
    page = Page(
        page_of(tmp_path, [*runs, write_swept(tmp_path / "unknown", {"plain": HALF}, attack="unknown", cost=Cost())])
    )
    points = {str(link["aria-label"]) for link in page.of("a") if "point" in (link.get("class") or "")}
    assert len(points) == 5
    front = {label.split()[0] for label in points if label.endswith("on the Pareto front")}
    assert front == {"cheap", "good", "best"}
    (line,) = [line for line in page.of("polyline") if line["class"] == "front"]
    assert len(str(line["points"]).split()) == 3
    assert "Without unknown: no black-box mean, or no count of gradients." in page.text
    rows = {str(row["id"]) for row in page.of("tr") if row.get("id")}
    assert {f"#{row}" for row in rows} >= {
        link["href"] for link in page.of("a") if "point" in (link.get("class") or "")
    }


def test_a_hit_class_does_not_compete_with_a_success(tmp_path: Path) -> None:
    (tmp_path / "multirun.yaml").touch()
    runs = [
        write_swept(tmp_path / "a", {"plain": MOST}),
        write_swept(tmp_path / "b", {"plain": NONE}, attack="mim", targeted=True),
    ]
    page = Page(page_of(tmp_path, runs))
    assert [row for row in page.tables[0] if len(row) == 1] == [["source, success rate"], ["source, target hit rate"]]
    assert len(page.of("polyline")) == 0


def test_runs_that_are_not_like_with_like_are_named(tmp_path: Path) -> None:
    (tmp_path / "multirun.yaml").touch()
    aimed = {name: found | {"target_rate": rate(5, 90)} for name, found in results()["targets"].items()}
    runs = [
        run(tmp_path / "a"),
        run(tmp_path / "b", attack="mim"),
        run(tmp_path / "c", attack="fia", images=50, data="others", budget={"norm": "l2", "eps": 3.0}, version="0.2.0"),
        run(tmp_path / "d", attack="nim", targeted=True, targets=aimed),
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
    runs = [
        write_swept(tmp_path / "a", {"source": MOST, "other": HALF, "plain": HALF}),
        write_swept(tmp_path / "b", {"other": HALF, "source": HALF, "plain": HALF}, surrogate="other"),
    ]
    assert "attacked ones aside" not in Page(page_of(tmp_path, runs)).text
    runs.append(write_swept(tmp_path / "c", {"plain": HALF, "third": HALF}, attack="mim"))
    text = Page(page_of(tmp_path, runs)).text
    assert (
        "targets of the black-box mean, attacked ones aside plain : naa on source and naa on other "
        "plain and third : mim on source" in text
    )


def test_like_runs_need_no_notice(tmp_path: Path) -> None:
    page = Page(page_of(tmp_path, [write_run(tmp_path / "a"), write_run(tmp_path / "b", results(attack="mim"))]))
    assert 'class="notice"' not in page.html
    assert "2 runs, 100 images, photographs, L\N{INFINITY} 16/255, untargeted" in page.text


def test_failures_and_unfinished_runs_are_named(tmp_path: Path) -> None:
    write_failure(tmp_path / "b c", RuntimeError(f"no memory {NAUGHTY}"))
    runs = [
        write_swept(tmp_path / f"a{seed}", {"plain": HALF}, failed={"other": f"no weights {NAUGHTY}"}, seed=seed)
        for seed in (1, 2)
    ]
    page = Page(page_of(tmp_path, [*runs, tmp_path / "b c", tmp_path / "d"]))
    assert page.text.count("other, by naa on source : no weights") == 1
    assert f"1 failed job b c : RuntimeError: no memory {NAUGHTY}" in page.text
    assert "1 unfinished run d" in page.text
    head, *_, row = page.tables[1]
    assert row[head.index("other")] == "failed"
    assert "<script>alert" not in page.html


def test_a_folder_without_a_finished_run(tmp_path: Path) -> None:
    assert "No run is finished." in Page(page_of(tmp_path, [])).text
    assert "1 unfinished run c" in Page(page_of(tmp_path, [tmp_path / "c"])).text


def test_runs_link_to_their_own_pages_by_relative_paths(tmp_path: Path) -> None:
    inside = write_run(tmp_path / "sweep" / "a b#1")
    outside = write_run(tmp_path / "elsewhere", results(attack="mim"))
    without = run(tmp_path / "sweep" / "c", attack="fia")
    for folder in (inside, outside):
        write_run_page(folder)
    page = Page(page_of(tmp_path / "sweep", [inside, outside, without]))
    links = {str(attributes["href"]) for attributes in page.of("a")}
    assert {link for link in links if not link.startswith("#")} == {"a%20b%231/report.html", "../elsewhere/report.html"}


def test_runs_that_only_share_a_folder_are_a_list_with_the_newest_first(tmp_path: Path) -> None:
    runs = [
        run(tmp_path / "old"),
        run(tmp_path / "new", attack="mim", surrogate="resnet50", images=50, started="2026-05-04T05:06:07Z"),
    ]
    page = Page(page_of(tmp_path, runs))
    assert "2 runs of 2 attacks on 2 surrogates." in page.text
    head, new, old = page.tables[0]
    assert head == ["attack", "surrogate", "seed", "black-box mean, %", "date", "folder and command"]
    assert new[:5] == ["mim", "resnet50", "7", "40.0success", "2026-05-04 05:06"]
    assert old[:5] == ["naa", "mobilenetv2", "7", "40.0success", "2026-03-04 05:06"]
    assert old[5] == "oldnaa-attack surrogate=mobilenetv2 attack=naa 'seed=7'"
    assert [select["name"] for select in page.of("select")] == ["surrogate", "attack"]
    (tmp_path / "multirun.yaml").touch()
    assert "2 runs of 2 attacks" not in Page(page_of(tmp_path, runs)).text


def test_a_list_says_what_its_numbers_are(tmp_path: Path) -> None:
    runs = [
        write_swept(tmp_path / "a", {"plain": MOST}, attack="a"),
        write_swept(tmp_path / "b", {"plain+jpeg": HALF}, attack="b"),
        write_swept(tmp_path / "c", {"plain": HALF}, attack="c", targeted=True),
        write_swept(tmp_path / "d", {"source": HALF}, attack="d"),
    ]
    _, *rows = Page(page_of(tmp_path, runs)).tables[0]
    numbers = {row[0]: row[2] for row in rows}
    assert numbers == {"a": "90.0success", "b": "50.0success behind a defence", "c": "50.0target hit", "d": DASH}


def test_what_is_not_known_is_left_out(tmp_path: Path) -> None:
    unknown = {"value": None, "low": None, "high": None, "count": 0, "total": 0, "spread": None}
    runs = [
        run(tmp_path / "a", surrogate=None, cost={}, targets={}, command=None, started=None),
        run(tmp_path / "b", cost=dict.fromkeys(("seconds", "seconds_per_image")), targets={"vgg16": target(unknown)}),
    ]
    page = Page(page_of(tmp_path, runs))
    assert "On mobilenetv2, no black-box network gave an answer that counts." in page.text
    assert not re.search(r"\b(None|nan|NaT|NA)\b", page.text)
    assert page.of("polyline") == []


def test_names_are_escaped(tmp_path: Path) -> None:
    named = {"attack": NAUGHTY, "surrogate": NAUGHTY, "data": NAUGHTY, "command": NAUGHTY}
    runs = [
        run(tmp_path / "a", targets={NAUGHTY: target(rate(1, 2))}, failed={NAUGHTY: {"reason": NAUGHTY}}, **named),
        run(tmp_path / "b", **named | {"attack": NAUGHTY + "b"}),
        tmp_path / NAUGHTY.replace("/", "_"),
    ]
    page = Page(page_of(tmp_path, runs))
    assert len(page.of("script")) == 1
    assert "<script>alert" not in page.html


def test_damaged_results_of_a_run_are_named_and_left_out(tmp_path: Path) -> None:
    broken = tmp_path / "b"
    broken.mkdir()
    (broken / "results.json").write_text("{")
    page = Page(page_of(tmp_path, [run(tmp_path / "a"), broken]))
    assert "b is left out: " in page.text
    assert "b/results.json is damaged" in page.text
    assert [row[0] for row in page.tables[0]] == ["attack", "mobilenetv2", "naa"]
