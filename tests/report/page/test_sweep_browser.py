"""The pages of sweeps, searches, lists of runs and studies in a real browser, opened from disk."""

import re
from pathlib import Path
from typing import Any

import pytest

from naa_lightning.records.results import Cost
from naa_lightning.records.studies import LayerStudyResults
from naa_lightning.report.page.study_page import write_study_page
from naa_lightning.report.page.sweep_page import write_sweep_page
from naa_lightning.report.sweep.files import write_summary
from tests.report.cases import LONG_LAYER_NAMES, layer_results
from tests.report.page.cases import LONG, NAUGHTY
from tests.report.page.test_browser import Opened
from tests.report.page.test_search import page_of as search_page
from tests.report.page.test_search import trials
from tests.report.page.test_sweep_page import run
from tests.report.studies import attribution_results
from tests.report.sweep.cases import random_hits
from tests.report.sweep.cases import write_run as write_swept

NAMES = ("sweep", "extreme", "search", "list", "layers", "attribution")
UNFOLD = "document.querySelectorAll('details').forEach(part => part.open = true)"


def sweep(folder: Path, surrogates: list[str], targets: list[str], **others: Any) -> Path:
    rates = {"mim": 0.3, "naa": 0.8, "fia": 0.5}
    runs = [
        write_swept(
            folder / f"{place}-{attack}-{seed}",
            random_hits(dict.fromkeys([surrogate, *targets], rate), 40, seed),
            surrogate=surrogate,
            attack=attack,
            seed=seed,
            cost=Cost(gradient_evaluations_per_image=100 * rate),
            **others,
        )
        for place, surrogate in enumerate(surrogates)
        for attack, rate in rates.items()
        for seed in (1, 2)
    ]
    (folder / "multirun.yaml").touch()
    return write_sweep_page(folder, write_summary(folder, [*runs, folder / ("unfinished" * 10)]))


@pytest.fixture(scope="module")
def pages(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """Return a page of each kind, and a sweep in which everything is long, many or naughty."""
    folder = tmp_path_factory.mktemp("pages")
    many = [f"{LONG}_{number}" for number in range(10)] + [f"{'W' * 60}+jpeg", "plain+jpeg"]
    searched = folder / "search"
    best = {"attack.objective.gamma": 1.0, "attack/update_rule": "momentum"}
    search_page(searched, trials(searched), {"best_params": best, "best_value": 0.8})
    listed = folder / "list"
    runs = [
        run(listed / "new", attack="mim", started="2026-05-04T05:06:07Z"),
        run(listed / "old", surrogate="resnet50", images=50, command=f"naa-attack {'k' * 200}"),
        run(listed / "other", attack="fia", data="digits"),
    ]
    for name in ("layers", "attribution"):
        (folder / name).mkdir()
    names = [*LONG_LAYER_NAMES, "W" * 80]
    return {
        "sweep": sweep(folder / "sweep", ["source", "third"], ["plain", "other"]),
        "extreme": sweep(folder / "extreme", ["q" * 60, NAUGHTY], many, failed={NAUGHTY * 3: "no weights " * 30}),
        "search": searched / "report.html",
        "list": write_sweep_page(listed, write_summary(listed, runs)),
        "layers": write_study_page(folder / "layers", LayerStudyResults.model_validate(layer_results(names))),
        "attribution": write_study_page(folder / "attribution", attribution_results()),
    }


def column(opened: Opened, table: str, number: int) -> list[str]:
    found: list[str] = opened.run(
        f"[...document.querySelectorAll('{table} tbody tr:not(.group):not([hidden])')]"
        f".map(row => row.cells[{number}].innerText.split('\\n')[0])"
    )
    return found


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize(("width", "scheme"), [(1400, "light"), (400, "dark")])
def test_a_page_opens_by_itself_and_fits(
    browser: Any, pages: dict[str, Path], name: str, width: int, scheme: str
) -> None:
    with Opened(browser, pages[name], width, scheme) as opened:
        for script in ("0", UNFOLD):
            opened.run(script)
            assert opened.run("document.documentElement.scrollWidth") <= width
        outside = opened.run(
            "[...document.querySelectorAll('main *')].filter(part => !part.closest('.scroll, pre, .plot svg')"
            " && part.getBoundingClientRect().right > innerWidth + 1).map(part => part.outerHTML.slice(0, 200))"
        )
        assert outside == []
        assert opened.said == []
        assert {url for url in opened.asked if not url.startswith("data:")} == {pages[name].as_uri()}


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_axe_finds_no_fault(browser: Any, pages: dict[str, Path], name: str, scheme: str) -> None:
    axe = pytest.importorskip("axe_playwright_python.sync_playwright", reason="axe-playwright-python is not installed")
    with Opened(browser, pages[name], 1280, scheme, bypass_csp=True) as opened:
        opened.run(UNFOLD)
        found = axe.Axe().run(opened.page).response["violations"]
        assert [(fault["id"], [node["html"][:200] for node in fault["nodes"]]) for fault in found] == []


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_numbers_stand_out_from_every_colour_of_the_matrix(browser: Any, pages: dict[str, Path], scheme: str) -> None:
    """Of the cells as they are painted, which axe does not always tell."""
    with Opened(browser, pages["sweep"], 1280, scheme) as opened:
        pairs = opened.run(
            """(() => {
              const canvas = document.createElement('canvas').getContext('2d', {willReadFrequently: true});
              const paint = (...colours) => {
                for (const colour of colours) { canvas.fillStyle = colour; canvas.fillRect(0, 0, 1, 1); }
                return [...canvas.getImageData(0, 0, 1, 1).data].slice(0, 3);
              };
              const paper = getComputedStyle(document.body).backgroundColor;
              return [...document.querySelectorAll('.heat')].map(cell => {
                const style = getComputedStyle(cell);
                return [paint(style.color), paint(paper, style.backgroundColor)];
              });
            })()"""
        )
    assert len({tuple(behind) for _, behind in pairs}) > 4

    def light(colour: list[int]) -> float:
        linear = [v / 12.92 if v <= 0.03928 else ((v + 0.055) / 1.055) ** 2.4 for v in (c / 255 for c in colour)]
        return float(sum(part * weight for part, weight in zip(linear, (0.2126, 0.7152, 0.0722), strict=True)))

    for text, behind in pairs:
        low, high = sorted((light(text), light(behind)))
        assert (high + 0.05) / (low + 0.05) >= 4.5


def test_rows_are_sorted_by_a_click_within_their_surrogates(browser: Any, pages: dict[str, Path]) -> None:
    with Opened(browser, pages["sweep"]) as opened:
        assert [name.split()[0] for name in column(opened, "#rows", 0)] == ["mim", "naa", "fia"] * 2
        head = opened.page.locator("#rows thead button", has_text="black-box mean")
        head.click()
        assert [name.split()[0] for name in column(opened, "#rows", 0)] == ["naa", "fia", "mim"] * 2
        head.click()
        assert [name.split()[0] for name in column(opened, "#rows", 0)] == ["mim", "fia", "naa"] * 2
        groups = opened.run("[...document.querySelectorAll('#rows tbody')].map(body => body.rows[0].innerText.trim())")
        assert [group.split()[0] for group in groups] == ["source", "third"]


def test_points_are_where_their_numbers_are(browser: Any, pages: dict[str, Path]) -> None:
    """By the marks of the axes as they are on the screen."""
    with Opened(browser, pages["sweep"]) as opened:
        marks = opened.run(
            "[...document.querySelectorAll('.plot line.grid + text')].map(text =>"
            " [+text.textContent, text.previousElementSibling.getBoundingClientRect().y])"
        )
        (low, bottom), (high, top) = marks[0], marks[-1]
        points = opened.run(
            "[...document.querySelectorAll('.plot .point')].map(point => "
            "{ const box = point.querySelector('path').getBoundingClientRect();"
            " return [point.getAttribute('aria-label'), box.y + box.height / 2]; })"
        )
        assert len(points) == 6
        for said, y in points:
            rate = float(re.search(r": ([\d.]+)", said).group(1))  # type: ignore[union-attr]
            assert low + (bottom - y) / (bottom - top) * (high - low) == pytest.approx(rate, abs=0.6)


def test_a_point_tells_what_it_is_under_the_pointer_and_by_keyboard(browser: Any, pages: dict[str, Path]) -> None:
    with Opened(browser, pages["sweep"]) as opened:
        tip, point = opened.page.locator(".tip").first, opened.page.locator(".plot .point").last
        assert not tip.is_visible()
        point.locator("path").hover()
        assert tip.inner_text() == point.get_attribute("aria-label")
        assert re.match(r"naa on source: [\d.]+ ± [\d.]+ %, 95 % interval .+, 80 gradients per image", tip.inner_text())
        opened.page.mouse.move(0, 0)
        assert not tip.is_visible()
        point.focus()
        assert tip.is_visible()
        opened.page.keyboard.press("Enter")
        assert opened.run("document.querySelector(':target').cells[0].innerText").startswith("naa")


def test_runs_are_filtered_by_text_and_by_what_they_are(browser: Any, pages: dict[str, Path]) -> None:
    with Opened(browser, pages["list"]) as opened:
        assert column(opened, ".runs", 0) == ["mim", "naa", "fia"]
        opened.page.fill("input[name=text]", "KKK")
        assert column(opened, ".runs", 0) == ["naa"]
        assert opened.page.inner_text(".filter output") == "1 of 3 runs"
        opened.page.fill("input[name=text]", "")
        opened.page.select_option("select[name=surrogate]", "mobilenetv2")
        assert column(opened, ".runs", 0) == ["mim", "fia"]
        opened.page.select_option("select[name=data]", "digits")
        assert column(opened, ".runs", 0) == ["fia"]
        opened.page.keyboard.press("Enter")
        assert opened.page.url == pages["list"].as_uri()
        for name in ("surrogate", "data"):
            opened.page.select_option(f"select[name={name}]", "")
        opened.page.locator(".runs thead button", has_text="date").click()
        assert column(opened, ".runs", 0)[-1] == "mim"


def test_without_scripts_everything_is_there(browser: Any, pages: dict[str, Path]) -> None:
    with Opened(browser, pages["list"], java_script_enabled=False) as opened:
        assert opened.page.locator(".runs tbody tr").count() == 3
        assert not opened.page.locator("form.filter").is_visible()


def test_it_prints_in_light_colours(browser: Any, pages: dict[str, Path]) -> None:
    with Opened(browser, pages["list"], 1280, "dark") as opened:
        opened.page.emulate_media(media="print", color_scheme="dark")
        assert not opened.page.locator("form.filter").is_visible()
        assert opened.run("getComputedStyle(document.body).backgroundColor") == "rgb(255, 255, 255)"
        assert opened.page.pdf()[:4] == b"%PDF"
