"""The pages in a real browser, opened from disk."""

import json
from pathlib import Path
from typing import Any

import pytest

from naa_lightning.report.page.run_page import write_run_page
from naa_lightning.report.page.sweep_page import write_sweep_page
from naa_lightning.report.sweep.files import write_summary
from tests.report.cases import rate
from tests.report.page.cases import LONG, NAUGHTY, results, target, write_run

OPENED = [
    *(("run", width, scheme) for width in (1280, 390) for scheme in ("light", "dark")),
    *((name, width, scheme) for name in ("extreme", "sweep") for width, scheme in ((1280, "light"), (390, "dark"))),
]


@pytest.fixture(scope="module")
def pages(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """Return a plain run, one with everything that is long, many or naughty, and a sweep of both."""
    folder = tmp_path_factory.mktemp("sweep")
    plain = write_run(folder / "plain", images=60)
    names = [f"{LONG}_{number}" for number in range(20)] + ["W" * 60, NAUGHTY, "vgg16"]
    lost = {"invalid": {"clean": 1, "adversarial": 3}, "abstained": {"clean": 0, "adversarial": 1200}}
    targets = {
        **{name: target(rate(number, 90), model=name) for number, name in enumerate(names)},
        **{
            f"{name}+{defence}": target(
                rate(number, 90, 0.01),
                model=name,
                defences=[defence],
                repeats=5,
                unanswered=lost,
                invalid_files=["x" * 60],
            )
            for number, name in enumerate(names[-10:])
            for defence in ("jpeg", "m" * 60)
        },
    }
    classes = [
        {"label": label, "name": f"{NAUGHTY}{'M' * 60}", "images": 1, "success_rate": rate(label, 1000)}
        for label in range(100)
    ]
    extreme = results(
        attack="p" * 60,
        surrogate="q" * 60,
        data="r" * 60,
        targets=targets,
        failed={NAUGHTY * 3: {"reason": "no weights " * 30}, "s" * 60: {"reason": "/" + "t" * 200}},
        missing=["u" * 100] * 40,
        classes=classes,
        class_names={"3": "M" * 60},
        confusions=[{"label": 3, "predicted": 3, "count": 1, "images": 1}] * 20,
        command="naa-attack " + "k" * 200,
        weights={"w" * 100: "f" * 64},
        budget={"norm": "l2", "eps": 3.0},
    )
    write_run(folder / "extreme", extreme)
    sweep = [folder / "plain", folder / "extreme", folder / ("unfinished" * 10)]
    return {
        "run": write_run_page(plain),
        "extreme": write_run_page(folder / "extreme"),
        "sweep": write_sweep_page(folder, write_summary(folder, sweep)),
    }


class Opened:
    """A page with everything that it said or asked for."""

    def __init__(self, browser: Any, path: Path, width: int = 1280, scheme: str = "light", **options: Any) -> None:
        self.context = browser.new_context(viewport={"width": width, "height": 900}, color_scheme=scheme, **options)
        self.context.set_default_timeout(10_000)
        self.page = self.context.new_page()
        self.said: list[str] = []
        self.asked: list[str] = []
        self.page.on("console", lambda message: self.said.append(message.text))
        self.page.on("pageerror", lambda error: self.said.append(str(error)))
        self.page.on("dialog", self._dismiss)
        self.page.on("request", lambda request: self.asked.append(request.url))
        self.page.goto(path.as_uri())

    def _dismiss(self, dialog: Any) -> None:
        self.said.append(dialog.message)
        dialog.dismiss()

    def __enter__(self) -> "Opened":
        return self

    def __exit__(self, *_: object) -> None:
        self.context.close()

    def run(self, script: str) -> Any:
        return self.page.evaluate(script)


@pytest.mark.parametrize(("name", "width", "scheme"), OPENED)
def test_a_page_opens_by_itself_and_fits(
    browser: Any, pages: dict[str, Path], name: str, width: int, scheme: str
) -> None:
    with Opened(browser, pages[name], width, scheme) as opened:
        unfold = "document.querySelectorAll('details').forEach(part => part.open = true)"
        for script in ("0", unfold):
            opened.run(script)
            assert opened.run("document.documentElement.scrollWidth") <= width
        pictures = "[...document.images].filter(image => image.hasAttribute('src'))"
        assert opened.run(f"{pictures}.every(image => image.complete && image.naturalWidth > 0)")
        # three of each shown image, eight of attention and attribution, and a page of the gallery
        shown = {"run": 3 * 7 + 8 + 24, "extreme": 3 * 5 + 8 + 5}
        assert name not in shown or opened.run(f"{pictures}.length") == shown[name]
        assert opened.said == []
        assert {url for url in opened.asked if not url.startswith("data:")} == {pages[name].as_uri()}


@pytest.mark.parametrize("name", ["extreme", "sweep"])
@pytest.mark.parametrize("width", [1280, 390])
def test_no_text_is_cut_off(browser: Any, pages: dict[str, Path], name: str, width: int) -> None:
    with Opened(browser, pages[name], width) as opened:
        cut = opened.run(
            "[...document.querySelectorAll('table.targets th, table.targets td, .chart-row .name, .key-figures *, h1')]"
            ".filter(cell => cell.scrollWidth > cell.clientWidth + 1 && getComputedStyle(cell).display != 'inline')"
            ".map(cell => cell.outerHTML)"
        )
        assert cut == []
        outside = opened.run(
            "[...document.querySelectorAll('main *')]"
            ".filter(part => !part.closest('.scroll, pre, svg, details:not([open])')"
            " && part.getBoundingClientRect().right > innerWidth + 1).map(part => part.outerHTML.slice(0, 200))"
        )
        assert outside == []


def test_on_a_narrow_screen_the_first_column_stays(browser: Any, pages: dict[str, Path]) -> None:
    with Opened(browser, pages["extreme"], 390) as opened:
        place = "document.querySelector('table.targets tbody tr:nth-child(2) th').getBoundingClientRect().left"
        before = opened.run(place)
        opened.run("document.querySelector('.scroll').scrollLeft = 200")
        assert opened.run("document.querySelector('.scroll').scrollLeft") == 200
        assert opened.run(place) == before


def test_numbers_on_the_screen_are_those_of_the_results(browser: Any, pages: dict[str, Path]) -> None:
    found = json.loads((pages["run"].parent / "results.json").read_text())
    with Opened(browser, pages["run"]) as opened:
        rows = opened.run(
            "[...document.querySelectorAll('table.targets tbody tr')].filter(row => row.cells.length > 1)"
            ".map(row => [...row.cells].map(cell => cell.innerText))"
        )
        shown = {row[0].replace(" + ", "+"): row[1:] for row in rows}
        for name, measured in found["targets"].items():
            order = ("success_rate", "robust_accuracy", "error_rate", "fooling_rate", "clean_accuracy")
            expected = [f"{100 * measured[part]['value']:.1f}" for part in order]
            assert [shown[name][0], *shown[name][2:6]] == expected


def test_dots_and_intervals_are_where_the_numbers_say(browser: Any, pages: dict[str, Path]) -> None:
    with Opened(browser, pages["run"]) as opened:
        dot, line, track = opened.run(
            "(() => { const row = [...document.querySelectorAll('.chart-row')]"
            ".find(row => row.querySelector('.name').innerText == 'vgg16');"
            "return ['path.black-box', 'line.black-box', '.dots'].map(part => {"
            "const box = row.querySelector(part).getBoundingClientRect(); return [box.left, box.right]; }); })()"
        )
        width = track[1] - track[0]
        assert ((dot[0] + dot[1]) / 2 - track[0]) / width == pytest.approx(0.5, abs=0.005)
        assert (line[0] - track[0]) / width == pytest.approx(0.399, abs=0.005)
        assert (line[1] - track[0]) / width == pytest.approx(0.601, abs=0.005)


def column(opened: Opened, table: str, number: int) -> list[str]:
    found: list[str] = opened.run(
        f"[...document.querySelectorAll('{table} tbody tr')].filter(row => row.cells.length > 1)"
        f".map(row => row.cells[{number}].innerText)"
    )
    return found


def test_tables_are_sorted_by_a_click_within_their_groups(browser: Any, pages: dict[str, Path]) -> None:
    with Opened(browser, pages["run"]) as opened:
        head = opened.page.locator("table.targets thead button", has_text="success")
        assert column(opened, "table.targets", 1) == ["97.8", "50.0", "30.0", "40.0", "10.0"]
        head.click()
        head.click()
        assert column(opened, "table.targets", 1) == ["97.8", "30.0", "50.0", "40.0", "10.0"]
        assert (
            opened.run("document.querySelector('table.targets [aria-sort]').getAttribute('aria-sort')") == "ascending"
        )
        classes = opened.page.locator("table.classes thead button", has_text="class")
        assert column(opened, "table.classes.sortable", 0) == ["cock", "great white shark"]
        classes.click()
        assert column(opened, "table.classes.sortable", 0) == ["cock", "great white shark"]
        classes.click()
        assert column(opened, "table.classes.sortable", 0) == ["great white shark", "cock"]
        assert opened.said == []


def tiles(opened: Opened) -> list[str]:
    found: list[str] = opened.run("[...document.querySelectorAll('.tiles strong')].map(name => name.innerText)")
    return found


def of(*images: int) -> list[str]:
    return [f"Image {image}, great white shark" for image in images]


def test_the_gallery_turns_its_pages(browser: Any, pages: dict[str, Path]) -> None:
    with Opened(browser, pages["run"]) as opened:
        assert tiles(opened) == of(*range(24))
        previous, following = (opened.page.locator(f"[data-turn='{step}']") for step in (-1, 1))
        assert previous.is_disabled()
        following.click()
        following.click()
        assert tiles(opened) == of(*range(48, 60))
        assert following.is_disabled()
        assert opened.page.inner_text(".pager span") == "49 to 60 of 60"
        previous.click()
        assert tiles(opened) == of(*range(24, 48))


def test_the_gallery_shows_whom_an_image_fools_in_the_order_asked_for(browser: Any, pages: dict[str, Path]) -> None:
    with Opened(browser, pages["run"]) as opened:
        by, order = (opened.page.locator(f"select[name={name}]") for name in ("by", "order"))
        for choice, expected in (
            ("images that fool any target", [0, 1, 4]),
            ("images that fool at least 2 targets", [1]),
            ("images that fool vgg16+jpeg", [2, 3]),
            ("images that fool resnet50", [1]),
        ):
            by.select_option(choice)
            assert tiles(opened) == of(*expected)
            assert opened.page.inner_text("#gallery output") == f"{len(expected)} of 60"
        by.select_option("images that fool no target")
        assert tiles(opened)[:4] == of(2, 3, 5, 6)
        by.select_option("all images")
        order.select_option("most fooled first")
        assert tiles(opened)[:5] == of(1, 0, 4, 2, 3)
        order.select_option("least fooled first")
        assert tiles(opened)[:3] == of(2, 3, 5)


def test_an_image_is_looked_at_and_compared_by_keyboard(browser: Any, pages: dict[str, Path]) -> None:
    with Opened(browser, pages["run"]) as opened:
        viewer, title = opened.page.locator("#viewer"), opened.page.locator("#viewer-title")
        clip = "getComputedStyle(document.querySelector('[data-layer=adversarial]')).clipPath"
        opened.page.locator("#gallery .tiles button").nth(5).focus()
        opened.page.keyboard.press("Enter")
        assert viewer.is_visible()
        assert title.inner_text() == "Image 5, great white shark, fooled 0 of 2"
        assert viewer.locator("tbody tr").count() == 4
        assert "vgg16\tgreat white shark 90" in viewer.locator("tbody tr").first.inner_text()
        slider = viewer.locator("input[type=range]")
        slider.focus()
        assert opened.run(clip) == "inset(0px 50% 0px 0px)"
        opened.page.keyboard.press("Home")
        assert opened.run(clip) == "inset(0px 100% 0px 0px)"
        opened.page.keyboard.press("ArrowRight")
        assert opened.run(clip) == "inset(0px 99% 0px 0px)"
        difference = viewer.locator("[data-layer=difference]")
        assert not difference.is_visible()
        viewer.get_by_label("difference \N{MULTIPLICATION SIGN}\N{NO-BREAK SPACE}8").press("Space")
        assert difference.is_visible()
        width = viewer.locator("[data-layer=clean]").bounding_box()["width"]
        viewer.get_by_label("zoom").select_option("4")
        assert viewer.locator("[data-layer=clean]").bounding_box()["width"] == pytest.approx(4 * width, rel=0.05)
        viewer.get_by_label("next image").press("Enter")
        assert title.inner_text().startswith("Image 6,")
        viewer.get_by_label("previous image").press("ArrowLeft")
        assert title.inner_text().startswith("Image 5,")
        opened.page.keyboard.press("Escape")
        assert not viewer.is_visible()
        assert opened.run("document.activeElement.title") == "Image 5, great white shark"
        assert opened.said == []


def test_a_slider_is_moved_by_the_mouse_and_pictures_of_cards_are_compared_too(
    browser: Any, pages: dict[str, Path]
) -> None:
    with Opened(browser, pages["run"], 390) as opened:
        opened.page.locator("article .trio").first.click()
        opened.run("Promise.all([...document.querySelectorAll('#viewer img')].map(image => image.decode()))")
        assert opened.page.locator("#viewer-title").inner_text() == "Image 1, great white shark, fooled 2 of 2"
        slider = opened.page.locator("#viewer input[type=range]")
        slider.click(position={"x": 1, "y": 5})
        assert int(slider.input_value()) < 10
        opened.page.locator("#viewer [data-close]").click()
        assert not opened.page.locator("#viewer").is_visible()


def test_the_command_is_copied_by_a_click(browser: Any, pages: dict[str, Path]) -> None:
    with Opened(browser, pages["run"]) as opened:
        opened.page.locator("[data-copy]").click()
        opened.run("document.querySelector('.command').append(document.createElement('textarea'))")
        opened.page.locator(".command textarea").focus()
        opened.page.keyboard.press("Control+V")
        assert opened.page.locator(".command textarea").input_value() == results()["command"]


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_it_is_printed_in_light_colours_with_all_tables_and_without_controls(
    browser: Any, pages: dict[str, Path], scheme: str
) -> None:
    with Opened(browser, pages["run"], 700, scheme) as opened:
        opened.page.emulate_media(media="print")
        assert opened.run("getComputedStyle(document.body).backgroundColor") == "rgb(255, 255, 255)"
        for hidden in ("#gallery", "#viewer", "[data-copy]", "pre"):
            assert not opened.page.locator(hidden).first.is_visible()
        for shown in ("article .trio img", "table.targets", "table.papers", "#made .terms", "table.classes"):
            assert opened.page.locator(shown).last.is_visible()
            assert opened.page.locator(shown).last.bounding_box()["height"] > 10
        assert opened.run("document.documentElement.scrollWidth") <= 700
        assert opened.page.pdf()[:5] == b"%PDF-"


@pytest.mark.parametrize("name", ["run", "extreme"])
@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_axe_finds_no_serious_fault(browser: Any, pages: dict[str, Path], name: str, scheme: str) -> None:
    axe = pytest.importorskip("axe_playwright_python.sync_playwright", reason="axe-playwright-python is not installed")
    with Opened(browser, pages[name], 1280, scheme, bypass_csp=True) as opened:
        opened.run("document.querySelectorAll('details').forEach(part => part.open = true)")
        for look in (False, True):
            if look:
                opened.page.locator(".tiles button").first.click()
            found = axe.Axe().run(opened.page).response["violations"]
            serious = [fault for fault in found if fault["impact"] in ("serious", "critical")]
            assert [(fault["id"], [node["html"][:200] for node in fault["nodes"]]) for fault in serious] == []


def test_without_scripts_everything_is_there(browser: Any, pages: dict[str, Path]) -> None:
    with Opened(browser, pages["run"], java_script_enabled=False) as opened:
        assert "50.0" in opened.page.inner_text("table.targets")
        assert opened.page.locator("table.targets button").count() == 0


@pytest.mark.parametrize("name", ["extreme", "sweep"])
@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_text_stands_out_enough_to_be_read(browser: Any, pages: dict[str, Path], name: str, scheme: str) -> None:
    with Opened(browser, pages[name], 1280, scheme) as opened:
        pale = opened.run(
            """(() => {
              const numbers = text => text.match(/[\\d.]+/g).map(Number);
              const light = ([r, g, b]) => [r, g, b].map(v => v / 255)
                .map(v => v <= 0.03928 ? v / 12.92 : ((v + 0.055) / 1.055) ** 2.4)
                .reduce((sum, v, at) => sum + v * [0.2126, 0.7152, 0.0722][at], 0);
              const behind = part => {
                for (; part; part = part.parentElement) {
                  const found = numbers(getComputedStyle(part).backgroundColor);
                  if (found.length === 3 || found[3] > 0) return found;
                }
                return [255, 255, 255];
              };
              return [...document.querySelectorAll('body *')].filter(part => !part.closest('svg, script, .heat') &&
                  [...part.childNodes].some(node => node.nodeType === 3 && node.textContent.trim()))
                .map(part => {
                  const [a, b] = [light(numbers(getComputedStyle(part).color)), light(behind(part))];
                  return [(Math.max(a, b) + 0.05) / (Math.min(a, b) + 0.05), part.outerHTML.slice(0, 120)];
                }).filter(([ratio]) => ratio < 4.5);
            })()"""
        )
        assert pale == []
