"""Folders of runs, made by hand, and what a page shows as text."""

import io
import json
import re
from collections.abc import Mapping, Sequence
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

from PIL import Image

from naa_lightning.records import (
    PerturbationRow,
    PictureRow,
    Prediction,
    RunResults,
    write_perturbations,
    write_pictures,
    write_predictions,
    write_results,
)
from naa_lightning.report.page.run_page import write_run_page
from tests.report.cases import prediction, rate

NAUGHTY = "<script>alert(1)</script>"
LONG = "a_target_whose_name_is_as_long_as_sixty_characters_may_well_be"


def target(
    success: Mapping[str, Any],
    *,
    model: str = "vgg16",
    defences: Sequence[str] = (),
    white_box: bool = False,
    **others: Any,
) -> dict[str, Any]:
    values = {
        "role": "white-box" if white_box else "black-box",
        "model": model,
        "defences": list(defences),
        "repeats": 1,
        "clean_accuracy": rate(90, 100),
        "fooling_rate": rate(51, 100),
        "error_rate": rate(62, 100),
        "success_rate": success,
        "target_rate": rate(0, 0),
        "robust_accuracy": rate(40, 100),
        "unanswered": {"invalid": {"clean": 0, "adversarial": 0}, "abstained": {"clean": 0, "adversarial": 0}},
        "invalid_files": [],
    }
    return values | others


def results(**changes: Any) -> dict[str, Any]:
    """Return a plain run, as `results.json` holds it: a surrogate and two targets, one of them defended as well."""
    plain = {
        "schema_version": 2,
        "version": "0.1.0",
        "commit": {"id": "0123456789abcdef", "modified": True},
        "command": "naa-attack surrogate=mobilenetv2 attack=naa 'seed=7'",
        "started": "2026-03-04T05:06:07Z",
        "environment": {"device": "cuda", "processor": "H200", "python": "3.11.9", "packages": {"torch": "2.15.0"}},
        "weights": {"vgg16": "f" * 64, "resnet50": None},
        "clean_images": {"photographs": "e" * 64},
        "surrogate": "mobilenetv2",
        "attack": "naa",
        "data": "photographs",
        "images": 100,
        "missing": [],
        "budget": {"norm": "linf", "eps": 16 / 255},
        "targeted": False,
        "targets": {
            "mobilenetv2": target(rate(88, 90), model="mobilenetv2", white_box=True),
            "vgg16": target(rate(45, 90)),
            "resnet50": target(rate(27, 90), model="resnet50"),
            "vgg16+jpeg": target(rate(9, 90, 0.012), defences=["jpeg"], repeats=5),
        },
        "failed": {},
        "perturbation": {
            "linf": {"mean": 15 / 255, "max": 16 / 255},
            "l2": {"mean": 12.3, "max": 20.25},
            "ssim": {"mean": 0.75, "min": 0.5},
            "psnr": {"mean": 26.5, "min": 24.25},
            "lpips": {},
        },
        "classes": [
            {"label": 3, "name": "great white shark", "images": 60, "success_rate": rate(10, 40)},
            {"label": 7, "name": "cock", "images": 40, "success_rate": rate(30, 40)},
        ],
        "confusions": [
            {"label": 3, "predicted": 7, "count": 12, "images": 8},
            {"label": 7, "predicted": 9, "count": 5, "images": 5},
        ],
        "class_names": {"3": "great white shark", "7": "cock"},
        "attribution": {"positive_share": 0.52, "negative_share": 0.48, "participation": 0.09, "gini": 0.8125},
        "exact_attribution": {
            "images": 16,
            "clean": {"positive_share": 0.6, "gini": 0.75},
            "adversarial": {"positive_share": 0.3, "gini": None},
            "effect": {"mass_kept": 0.83, "positive_kept": 0.47, "positive_destroyed": 0.71},
            "agreement": {"naa": {"cosine": 0.327, "rank_correlation": None}},
        },
        "cost": {
            "gradient_evaluations_per_image": 40.0,
            "seconds_per_image": 1.7,
            "images_crafted_now": 100,
            "seconds": 900.0,
            "phases": {
                "other": {"seconds": 90.0, "share": 0.1},
                "start_up": {"seconds": 9.0, "share": 0.01},
                "crafting/steps": {"seconds": 801.0, "share": 0.89},
            },
            "peak_memory_bytes": None,
        },
        "config": {"attack": {"name": "naa"}, "report": {"extreme_images": 4}, "seed": 7, "note": NAUGHTY},
    }
    return plain | changes


def answer(name: str, image: int, *, clean: int = 3, adversarial: int = 9, **others: Any) -> Prediction:
    values = {"id": image, "file": f"{image}.png", "clean_confidence": 0.9, "adversarial_confidence": 0.5}
    return prediction(name, clean=clean, adversarial=adversarial, **values | others)


def picture(id: int, kind: str, model: str = "", note: str = "", *, side: int = 40, colour: str = "teal") -> PictureRow:
    content = io.BytesIO()
    Image.new("RGB", (side, side), colour).save(content, "WEBP", lossless=True)
    return PictureRow(id, kind, model, note, side, side, content.getvalue())


def write_run(folder: Path, found: Mapping[str, Any] | None = None, images: int = 5) -> Path:
    """Write a run; image 1 fools both targets, 0 and 4 one, the others none, and 0 and 1 are looked at closely."""
    folder.mkdir(parents=True, exist_ok=True)
    write_results(folder, RunResults.model_validate(results() if found is None else found))
    fooled = {"vgg16": {0, 1, 4}, "resnet50": {1}, "mobilenetv2": set(range(images)), "vgg16+jpeg": {2, 3}}
    rows = [
        answer(name, image, adversarial=9 if image in of_target else 3)
        for name, of_target in fooled.items()
        for image in range(images)
    ]
    again = [answer("vgg16+jpeg", image, repeat=repeat) for image in range(images) for repeat in range(1, 5)]
    write_predictions(folder, [*rows, *again])
    write_perturbations(
        folder, [PerturbationRow(image, f"{image}.png", 8 / 255, 3.0, 0.5, 20.0, None) for image in range(images)]
    )
    kinds = {"clean": ("", "green"), "adversarial": ("", "teal"), "difference": ("x 8", "gray")}
    pictures = [
        picture(image, kind, note=note, colour=colour)
        for image in range(images)
        for kind, (note, colour) in kinds.items()
    ]
    views = [
        picture(image, f"{kind}/{on}", model, note, side=224)
        for image in (0, 1)
        for kind, model, note in (("attention", "vgg16", ""), ("attribution", "resnet50", "logit of cock, sum 0.31"))
        for on in ("clean", "adversarial")
    ]
    write_pictures(folder, [*pictures, *views])
    return folder


class Page(HTMLParser):
    """What a page shows: its text outside style and script, its tables as text, its tags with their attributes."""

    def __init__(self, path: Path) -> None:
        super().__init__()
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self.tables: list[list[list[str]]] = []
        self.parts: list[str] = []
        self._cell: list[str] | None = None
        self._silent = 0
        self.html = path.read_text(encoding="utf-8")
        self.feed(self.html)
        self.text = " ".join("".join(self.parts).split())

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attrs)))
        self.parts.append("" if tag == "wbr" else " ")
        if tag == "table":
            self.tables.append([])
        elif tag == "tr":
            self.tables[-1].append([])
        elif tag in ("td", "th"):
            self._cell = []
        self._silent += tag in ("style", "script")

    def handle_endtag(self, tag: str) -> None:
        self.parts.append(" ")
        self._silent -= tag in ("style", "script")
        if tag in ("td", "th") and self._cell is not None:
            self.tables[-1][-1].append(" ".join("".join(self._cell).split()))
            self._cell = None

    def handle_data(self, data: str) -> None:
        if not self._silent:
            self.parts.append(data)
            if self._cell is not None:
                self._cell.append(data)

    def table(self, *heads: str) -> list[list[str]]:
        """Return the first table whose head begins so, with its head."""
        return next(table for table in self.tables if tuple(table[0][: len(heads)]) == heads)

    @property
    def data(self) -> dict[str, Any]:
        """What the page holds for its script."""
        found = re.search(r'<script type="application/json" id="data">(.*?)</script>', self.html, re.DOTALL)
        assert found is not None
        data: dict[str, Any] = json.loads(found[1])
        return data

    def of(self, tag: str) -> list[dict[str, str | None]]:
        return [attributes for name, attributes in self.tags if name == tag]


def page_of(folder: Path, **changes: Any) -> Page:
    return Page(write_run_page(write_run(folder, results(**changes))))
