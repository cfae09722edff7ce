"""What the page of a study says."""

import re
from pathlib import Path
from typing import Any

from naa_lightning.records.studies import AttributionStudyResults, LayerStudyResults
from naa_lightning.report.page import write_study_page
from tests.report.cases import layer_results
from tests.report.page.cases import NAUGHTY, Page
from tests.report.studies import attribution_results


def layer_page(folder: Path, names: list[str], **changes: Any) -> Page:
    return Page(write_study_page(folder, LayerStudyResults.model_validate(layer_results(names) | changes)))


def plain(text: str) -> str:
    return text.replace("\N{NO-BREAK SPACE}", " ")


def test_layers_are_recommended_with_the_override_to_paste(tmp_path: Path) -> None:
    page = layer_page(tmp_path, ["a", "b", "c", "d", "e", "f", "g"])
    assert (
        "Attack source at d: naa reaches 80 % success (mean over 2 networks); c and e cannot be told from it. "
        "surrogate.layer=d" in plain(page.text)
    )
    text = plain(layer_page(tmp_path, ["a b", "c"]).text)
    assert "(mean over 2 networks), more than at any other layer. 'surrogate.layer=a b'" in text


def test_every_layer_has_its_interval_verdict_and_cost(tmp_path: Path) -> None:
    page = layer_page(tmp_path, ["a", "b", "c"])
    head, first, best, _ = page.tables[0]
    assert head == ["layer", "success from 0 to 100 %", "success", "to the best", "verdict", "depth, %", "s per image"]
    assert first[0] == "a64\N{MULTIPLICATION SIGN}14\N{MULTIPLICATION SIGN}14"
    assert first[2:] == ["60.0", "-20.0-30.0 to -10.0", "worse", "33", "1.23"]
    assert best[2:] == ["80.0", "", "recommended", "67", "1.23"]
    dots = [figure["aria-label"] for figure in page.of("svg") if figure.get("role") == "img"]
    assert dots == [
        "60.0 %, 95 % interval 55.0 to 65.0",
        "80.0 %, 95 % interval 75.0 to 85.0",
        "60.0 %, 95 % interval 55.0 to 65.0",
    ]
    targets = page.tables[1]
    assert targets[0] == ["layer", "source", "first", "second"]
    assert targets[2] == ["b", "100.0\N{DAGGER}", "90.0", "70.0"]


def test_where_no_image_counts_no_layer_is_recommended(tmp_path: Path) -> None:
    found = layer_results(["a", "b"]) | {"recommended": None}
    for layer in found["layers"]:
        layer["verdict"] = None
        for estimate in (layer["black_box_mean"], layer["difference"], *layer["targets"].values()):
            estimate.update(value=None, low=None, high=None)
    page = Page(write_study_page(tmp_path, LayerStudyResults.model_validate(found)))
    assert "No layer is recommended: no image counts on any black-box target." in page.text
    assert not re.search(r"\b(None|nan)\b", page.text)


def test_how_a_study_was_made_is_told(tmp_path: Path) -> None:
    (tmp_path / "layers.csv").touch()
    (tmp_path / "layers.json").touch()
    page = layer_page(
        tmp_path,
        ["a"],
        command=f"naa-attack {NAUGHTY}",
        started="2026-05-04T05:06:07Z",
        seconds=130.0,
        version="0.5.0",
        commit={"id": "0123abc", "modified": True},
        environment={"packages": {"torch": "2.15.0"}, "processor": "H200"},
    )
    assert "4 May 2026, 05:06 UTC , in 2 min" in page.text
    assert "naa_lightning 0.5.0, commit 0123abc with changes, torch 2.15.0, H200." in page.text
    assert [link["href"] for link in page.of("a")] == ["layers.csv", "layers.json"]
    assert "<script>alert" not in page.html
    assert f"naa-attack {NAUGHTY}" in page.text


def test_methods_are_drawn_against_their_gradients(tmp_path: Path) -> None:
    page = Page(write_study_page(tmp_path, attribution_results()))
    text = plain(page.text)
    assert "At middle, conductance with 10 points comes nearly as close as any: cosine 0.97 for 10 gradients" in text
    assert (
        "Of what attack=naa can do at middle, naa with 5 points comes nearly as close as any: cosine 0.60 for "
        "5 gradients per image. attack.objective.rule=midpoint attack.objective.noise=0.0 "
        "attack.objective.path_points=5" in text
    )
    labels = [str(point["aria-label"]) for point in page.of("g") if point.get("tabindex")]
    assert "conductance with 10 points: cosine 0.97, 10 gradients per image" in labels
    assert "fia: completeness gap 0.5, 30 gradients per image" in labels
    # a gap of 0 has no place on a logarithmic axis
    assert len(labels) == 2 * 5 - 1
    assert page.tables[0][0] == ["method", "points", "gap", "cosine", "rank", "s per image", "gradients"]
    assert page.tables[0][1][:4] == ["reference", "\N{EN DASH}", "0.01", "1.000"]


def test_no_method_is_recommended_that_points_the_other_way(tmp_path: Path) -> None:
    found = attribution_results()
    against = tuple(method.model_copy(update={"cosine": -0.5}) for method in found.methods)
    page = Page(write_study_page(tmp_path, AttributionStudyResults(**dict(found) | {"methods": against})))
    assert "No method points the same way as the reference." in page.text
