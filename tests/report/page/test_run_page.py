"""What the page of a run says."""

import ast
from pathlib import Path
from typing import Any

import pytest

from naa_lightning.exceptions import UserError
from naa_lightning.records import RunResults, write_pictures, write_predictions, write_results
from naa_lightning.report import page as page_package
from naa_lightning.report.page.run_page import write_run_page
from tests.experiments import composed
from tests.report.cases import rate
from tests.report.page.cases import LONG, NAUGHTY, Page, answer, page_of, picture, results, target, write_run

DASH = "\N{EN DASH}"
EMPTY = rate(0, 0)


def test_the_numbers_are_those_of_the_results(tmp_path: Path) -> None:
    page = page_of(tmp_path)
    table = page.table("target", "success")
    assert table[0] == ["target", "success", "95 %", "robust acc.", "error", "fooling", "clean acc.", "spread"]
    rows = {cells[0]: cells[1:] for cells in table}
    # Wilson intervals of 45 and 27 of 90, by hand
    assert rows["vgg16"] == ["50.0", f"39.9{DASH}60.1", "40.0", "62.0", "51.0", "90.0", ""]
    assert rows["resnet50"] == ["30.0", f"21.5{DASH}40.1", "40.0", "62.0", "51.0", "90.0", ""]
    assert rows["vgg16 + jpeg"][0] == "10.0"
    assert rows["vgg16 + jpeg"][-1] == "\N{PLUS-MINUS SIGN} 1.2 over 5 draws"
    assert rows["mean of 2 targets"] == ["40.0", "", "40.0", "62.0", "51.0", "90.0", ""]
    heads = [cells[0] for cells in table]
    assert heads.index("White-box") < heads.index("mobilenetv2") < heads.index("Black-box") < heads.index("vgg16")
    assert heads.index("resnet50") < heads.index("Black-box, behind a defence") < heads.index("vgg16 + jpeg")


def test_the_head_says_what_was_done_and_what_came_out(tmp_path: Path) -> None:
    page = page_of(tmp_path)
    assert "naa on mobilenetv2 100 images of photographs, budget L\N{INFINITY} 16/255, untargeted" in page.text
    assert "naa on mobilenetv2 fools 2 networks that it never saw on 40 % of the images that they" in page.text
    assert "success behind a defence 10.0 %" in page.text
    assert f"white-box success 97.8 % 95 % interval 92.3{DASH}99.4 on mobilenetv2" in page.text
    assert "largest perturbation 16/255 budget L\N{INFINITY} 16/255, SSIM 0.75 on average" in page.text
    assert 'class="notice"' not in page.html


def test_a_mean_has_the_interval_of_its_images_and_names_whom_it_leaves_out(tmp_path: Path) -> None:
    failed = {"vgg19": {"reason": "no weights", "model": "vgg19"}}
    page = page_of(tmp_path, failed=failed)
    # means over both targets of five images and four imagined ones: (1/2, 1, 0, 0, 1/2, 0, 0, 1, 1), so 4/9 +- 0.2858
    assert f"black-box success 40.0 % 95 % interval 15.9{DASH}73.0" in page.text
    assert "mean of 2 of 3; left out: vgg19 (failed: no weights)" in page.text
    uncounted = results()["targets"] | {"resnet50": target(rate(0, 0), model="resnet50", clean_accuracy=rate(0, 100))}
    page = page_of(tmp_path / "uncounted", targets=uncounted, failed=failed)
    assert "mean of 1 of 3; left out: resnet50 and vgg19" in page.text


def test_robust_accuracy_stands_beside_success(tmp_path: Path) -> None:
    assert "robust accuracy 40.0 % 95 % interval" in page_of(tmp_path).text
    assert "after 90.0 % when clean mean of 2 targets" in page_of(tmp_path).text


def test_numbers_that_stand_side_by_side_are_over_the_same_targets(tmp_path: Path) -> None:
    """A target that has no clean image right is left out of all means, and said to be."""
    dead = target(rate(0, 0), clean_accuracy=rate(0, 100), robust_accuracy=rate(0, 100), fooling_rate=rate(0, 100))
    page = page_of(tmp_path, targets=results()["targets"] | {"dead": dead})
    assert page.text.count("mean of 2 of 3; left out: dead (no image counts)") == 3  # success, robust accuracy, table
    assert "after 90.0 % when clean mean of 2 of 3" in page.text
    (mean,) = (row for table in page.tables for row in table if row[0].startswith("mean of 2 of 3"))
    assert mean[3] == "40.0"  # robust accuracy, as without the dead target


def test_it_says_when_by_what_command_and_with_which_versions_and_weights_it_ran(tmp_path: Path) -> None:
    page = page_of(tmp_path)
    assert "4 March 2026, 05:06 UTC naa_lightning 0.1.0 commit 01234567, modified H200" in page.text
    assert "naa-attack surrogate=mobilenetv2 attack=naa 'seed=7'" in page.text
    assert f"weights of vgg16, SHA-256 {'f' * 64} weights of resnet50, SHA-256 unknown" in page.text
    assert f"clean images of photographs, SHA-256 {'e' * 64}" in page.text
    assert "torch 2.15.0" in page.text


def test_only_files_that_are_there_are_linked(tmp_path: Path) -> None:
    links = [attributes["href"] for attributes in page_of(tmp_path).of("a")]
    files = ["results.json", "predictions.parquet", "perturbations.parquet", "pictures.parquet"]
    assert [link for link in links if not (link or "").startswith("#")] == files


def test_a_targeted_run_leads_with_how_often_the_class_is_hit(tmp_path: Path) -> None:
    aimed = target(rate(45, 90), target_rate=rate(25, 100))
    folder = write_run(tmp_path, results(targeted=True, targets={"vgg16": aimed}))
    write_predictions(
        folder, [answer("vgg16", image, adversarial=7 if image < 2 else 3, target_class=7) for image in range(5)]
    )
    page = Page(write_run_page(folder))
    table = page.table("target", "target hit")
    assert table[0] == ["target", "target hit", "95 %", "success", "robust acc.", "clean acc."]
    assert table[2] == ["vgg16", "25.0", f"17.5{DASH}34.3", "50.0", "40.0", "90.0"]
    assert f"black-box target hit 25.0 % 95 % interval 17.5{DASH}34.3 vgg16" in page.text
    assert "Image 0, great white shark, fooled 1 of 1, hit on 1 of 1" in page.text
    assert "aimed at cock;" in page.text
    assert page.data["goal"] == "hit"


def test_what_went_wrong_is_said_in_words_and_with_names(tmp_path: Path) -> None:
    lost = {"invalid": {"clean": 1, "adversarial": 3}, "abstained": {"clean": 0, "adversarial": 12}}
    page = page_of(
        tmp_path,
        failed={"inception_v3": {"reason": "no weights", "model": "inception_v3"}},
        missing=[f"{number}.png" for number in range(12)],
        targets={
            "vgg16": target(rate(45, 90), unanswered=lost, invalid_files=["odd.png"]),
            "other": target(rate(1, 9)),
        },
    )
    assert "1 target could not be asked inception_v3 : no weights" in page.text
    assert "12 clean images without an adversarial file 0.png, 1.png" in page.text
    assert "and 2 more files 10.png, 11.png" in page.text
    assert "vgg16 : odd.png" in page.text
    table = page.table("target", "success")
    assert table[0][-2:] == ["abstained", "invalid"]
    rows = {cells[0]: cells for cells in table}
    assert rows["vgg16"][-2:] == ["0 / 12", "1 / 3"]
    assert rows["other"][-2:] == ["", ""]


def measured(page: Page, *names: str) -> dict[str, list[str]]:
    """Return the values of the measures of these names that a page has; it says what each means."""
    rows = [cells for table in page.tables for cells in table]
    return {name: cells[1:] for cells in rows for name in names if cells[0].startswith(f"{name} ")}


def test_measures_come_with_their_meaning(tmp_path: Path) -> None:
    page = page_of(tmp_path)
    assert measured(page, "L\N{INFINITY}", "L2", "SSIM", "PSNR", "LPIPS") == {
        "L\N{INFINITY}": ["15.0", "16.0"],
        "L2": ["12.30", "20.25"],
        "SSIM": ["0.750", "0.500"],
        "PSNR": ["26.5 dB", "24.2 dB"],
    }
    assert measured(page, "gradients", "whole run", "peak memory") == {"gradients": ["40"], "whole run": ["15 min"]}
    assert measured(page, "Gini coefficient", "positive attribution destroyed", "cosine", "rank correlation") == {
        "Gini coefficient": ["0.750", DASH],
        "positive attribution destroyed": ["71.0 %"],
        "cosine": ["0.327"],
    }
    assert "SSIM structural similarity; 1 is the same image" in page.text


def test_rates_are_explained_and_the_papers_that_use_them_named(tmp_path: Path) -> None:
    paper = "Improving Adversarial Transferability via Neuron Attribution-Based Attacks"
    citation = composed("attack=naa").attack.paper
    page = page_of(tmp_path, config={"attack": {"paper": citation}})
    assert f"{paper} (2022), whose attack this is, reports fooling" in page.text
    assert "whose attack this is" not in page_of(tmp_path / "other").text
    assert "Fooling The answer to the adversarial image differs" in page.text
    (table,) = (table for table in page.tables if table[0] == ["paper", "year", "rate", "images", "source"])
    assert [cells[2] for cells in table if cells[0] == paper] == ["fooling"]


def test_what_was_taken_for_what_is_told_with_names(tmp_path: Path) -> None:
    table = page_of(tmp_path).table("class", "taken for")
    assert table[1:] == [["great white shark", "cock", "8", "12"], ["cock", "class 9", "5", "5"]]


def test_classes_stand_by_their_success_many_of_them_folded(tmp_path: Path) -> None:
    few = page_of(tmp_path)
    assert [cells[0] for cells in few.table("class", "images")[1:]] == ["cock", "great white shark"]
    assert few.table("class", "images")[1][1:] == ["40", "75.0", f"59.8{DASH}85.8", "40"]
    many = page_of(
        tmp_path / "many",
        classes=[
            {"label": label, "name": None, "images": 1, "success_rate": rate(label, 999) if label < 999 else rate(0, 0)}
            for label in range(1000)
            if label != 3
        ],
    )
    (every,) = (table for table in many.tables if table[0][:2] == ["class", "images"])
    assert [cells[0] for cells in every[1:4]] == ["class 998", "class 997", "class 996"]
    assert len(every) == 1000
    assert every[-1][:3] == ["class 999", "1", DASH]
    assert "All 999 classes" in many.text


def test_whatever_comes_from_data_is_escaped(tmp_path: Path) -> None:
    page = page_of(
        tmp_path,
        surrogate=NAUGHTY,
        attack=NAUGHTY,
        data=NAUGHTY,
        targets={NAUGHTY: target(rate(45, 90), invalid_files=[NAUGHTY])},
        failed={NAUGHTY: {"reason": NAUGHTY, "model": NAUGHTY}},
        missing=[NAUGHTY],
        class_names={"3": NAUGHTY},
        classes=[{"label": 3, "name": NAUGHTY, "images": 1, "success_rate": rate(1, 1)}],
        version=NAUGHTY,
        command=NAUGHTY,
        weights={NAUGHTY: NAUGHTY},
    )
    assert NAUGHTY not in page.html
    assert [attributes.get("type") for attributes in page.of("script")] == ["application/json", None]
    assert page.data["images"][0]["title"] == f"Image 0, {NAUGHTY}"
    assert page.html.count("&lt;script&gt;alert(1)") > 9
    assert "note: <script>alert(1)" in page.text


def test_the_time_of_the_run_is_told_by_phase(tmp_path: Path) -> None:
    assert measured(page_of(tmp_path), "start-up", "crafting: steps") == {
        "start-up": ["9 s", "1.0 %"],
        "crafting: steps": ["13 min", "89.0 %"],
    }
    assert "start-up" not in page_of(tmp_path, cost=results()["cost"] | {"phases": {}}).text


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"targets": {}, "failed": {"vgg16": {"reason": "no weights"}}}, "No target could be asked: 1 target failed."),
        ({"perturbation": {}}, "white-box success"),
        ({"commit": None, "command": None, "started": None, "environment": {}}, "naa_lightning 0.1.0"),
        ({"confusions": []}, "Every class, by success"),
        ({"surrogate": None}, "naa, surrogate unknown"),
        ({"cost": {}}, "white-box success"),
        ({"attribution": None, "exact_attribution": None}, "white-box success"),
        ({"classes": [], "class_names": {}, "config": {"report": {"extreme_images": 1}}}, "Image 1, class 3"),
        ({"config": {}}, "white-box success"),
        (
            {"targets": {"vgg16": target(EMPTY, clean_accuracy=EMPTY, error_rate=EMPTY)}},
            "vgg16 had no clean image right",
        ),
        ({"budget": {"norm": "l2", "eps": 3.0}}, "budget L2 3"),
        ({"targets": {f"{LONG}_{number}": target(rate(number, 90)) for number in range(40)}}, "mean of 40 targets"),
        ({"perturbation": {"linf": {"mean": None, "max": None}}}, "white-box success"),
        ({"images": 0, "targets": {}}, "0 images of photographs"),
    ],
)
def test_a_page_without_this_or_that(tmp_path: Path, changes: dict[str, Any], said: str) -> None:
    page = page_of(tmp_path, **changes)
    assert said in page.text
    assert "None" not in page.text
    assert "nan" not in page.text.split()


def test_results_alone_make_a_page(tmp_path: Path) -> None:
    write_results(tmp_path, RunResults.model_validate(results()))
    path = write_run_page(tmp_path)
    assert path == tmp_path / "report.html"
    page = Page(path)
    assert page.table("target", "success")[4][:2] == ["vgg16", "50.0"]
    assert not page.of("img")
    assert not page.of("dialog")
    assert "Most transferable" not in page.text


@pytest.mark.parametrize(
    "content",
    ["", "{", "[]", '{"images": 3}', '{"images": "many", "targets": {}}', '{"images": 1, "targets": {"a": 1}}'],
)
def test_damaged_results_are_named(tmp_path: Path, content: str) -> None:
    (tmp_path / "results.json").write_text(content)
    with pytest.raises(UserError, match=r"results\.json is damaged") as raised:
        write_run_page(tmp_path)
    assert str(tmp_path) in str(raised.value)
    assert "\n" not in str(raised.value)
    assert not (tmp_path / "report.html").exists()


def test_missing_results_are_named(tmp_path: Path) -> None:
    with pytest.raises(UserError, match=r"results\.json: there is no such file"):
        write_run_page(tmp_path)


@pytest.mark.parametrize("name", ["predictions.parquet", "perturbations.parquet", "pictures.parquet"])
def test_damaged_tables_are_named(tmp_path: Path, name: str) -> None:
    folder = write_run(tmp_path)
    (folder / name).write_bytes(b"PAR1 not")
    with pytest.raises(UserError, match=name):
        write_run_page(folder)


def test_the_page_is_written_anew(tmp_path: Path) -> None:
    folder = write_run(tmp_path)
    first = write_run_page(folder).read_bytes()
    assert write_run_page(folder).read_bytes() == first
    write_pictures(folder, [picture(1, "clean", colour="red")])
    assert write_run_page(folder).read_bytes() != first


def test_nothing_heavy_is_imported_by_the_pages() -> None:
    trees = [ast.parse(path.read_text()) for path in Path(page_package.__file__).parent.glob("*.py")]
    nodes = [node for tree in trees for node in ast.walk(tree)]
    names = {alias.name for node in nodes if isinstance(node, ast.Import) for alias in node.names}
    names |= {node.module or "" for node in nodes if isinstance(node, ast.ImportFrom)}
    assert "jinja2" in names
    assert not {name.split(".")[0] for name in names} & {"wandb", "pytorch_lightning"}
