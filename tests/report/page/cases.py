"""Folders of runs, made by hand, and what a page shows as text."""

import json
from collections.abc import Mapping, Sequence
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
from PIL import Image

from naa_lightning.records import Prediction, write_predictions
from tests.report.cases import prediction, rate

NAUGHTY = "<script>alert(1)</script>"
LONG = "a_target_whose_name_is_as_long_as_sixty_characters_may_well_be"
RATES = ("fooling_rate", "error_rate", "success_rate", "clean_accuracy", "target_rate")


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
        "unanswered": {"invalid": {"clean": 0, "adversarial": 0}, "abstained": {"clean": 0, "adversarial": 0}},
        "invalid_files": [],
    }
    return values | others


def means(success: float | None, **others: float | None) -> dict[str, float | None]:
    return dict.fromkeys(RATES, success) | others


def results(**changes: Any) -> dict[str, Any]:
    """Return a plain run: a surrogate and two targets, one of them defended as well."""
    plain = {
        "version": "0.1.0",
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
        "black_box_mean": means(0.4, clean_accuracy=0.9),
        "defended_mean": means(0.1),
        "perturbation": {
            "linf": {"mean": 15 / 255, "max": 16 / 255},
            "l2": {"mean": 12.3, "max": 20.25},
            "ssim": {"mean": 0.75, "min": 0.5},
            "psnr": {"mean": 26.5, "min": 24.25},
            "lpips": None,
        },
        "classes": [
            {"label": 3, "name": "great white shark", "images": 60, "success_rate": rate(10, 40)},
            {"label": 7, "name": "cock", "images": 40, "success_rate": rate(30, 40)},
        ],
        "class_names": {"3": "great white shark", "7": "cock"},
        "attribution": {"positive_share": 0.52, "negative_share": 0.48, "participation": 0.09, "gini": 0.8125},
        "exact_attribution": {
            "images": 16,
            "clean": {"positive_share": 0.6, "gini": 0.75},
            "adversarial": {"positive_share": 0.3, "gini": None},
            "effect": {"mass_kept": 0.83, "positive_kept": 0.47, "positive_destroyed": 0.71},
            "naa": {"cosine": 0.327, "rank_correlation": None},
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
            "device": "cpu",
            "python": "3.11.9",
            "torch": "2.15.0",
        },
        "config": {"attack": {"name": "naa"}, "seed": 7, "note": NAUGHTY},
    }
    return plain | changes


def answer(name: str, image: int, *, clean: int = 3, adversarial: int = 9, **others: Any) -> Prediction:
    values = {"id": image, "file": f"{image}.png", "clean_confidence": 0.9, "adversarial_confidence": 0.5}
    return prediction(name, clean=clean, adversarial=adversarial, **values | others)


def picture(path: Path, size: tuple[int, int] = (120, 50), colour: str = "teal") -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.new("RGB", size, colour).save(path)


def write_run(folder: Path, found: Mapping[str, Any] | None = None) -> Path:
    """Write a run of a few images; image 1 fools both targets, 0 one, 2 none, 4 has a panel and fools one."""
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "results.json").write_text(json.dumps(results() if found is None else found))
    fooled = {"vgg16": {0, 1, 4}, "resnet50": {1}, "mobilenetv2": {0, 1, 2, 3, 4}, "vgg16+jpeg": {2, 3}}
    rows = [
        answer(name, image, adversarial=9 if image in images else 3)
        for name, images in fooled.items()
        for image in range(5)
    ]
    again = [answer("vgg16+jpeg", image, repeat=repeat) for image in range(5) for repeat in range(1, 5)]
    write_predictions(folder, [*rows, *again])
    sizes = [
        {"id": image, "file": f"{image}.png", "linf": 8 / 255, "l2": 3.0, "ssim": 0.5, "psnr": 20.0, "lpips": None}
        for image in range(5)
    ]
    pq.write_table(pa.Table.from_pylist(sizes), folder / "perturbations.parquet")
    for image in range(5):
        picture(folder / "adversarial" / f"{image}.png", (40, 40))
    picture(folder / "figures" / "panel-00004.png", (900, 400))
    for kind in ("attention", "attribution"):
        for image in (0, 1, 2):
            picture(folder / "figures" / f"{kind}-{image:05d}.png", (350, 140))
    picture(folder / "figures" / "a_curve.png")
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

    def row(self, head: str, *, table: int = 0) -> list[str]:
        """Return the cells of a table's row after the first."""
        (cells,) = (cells[1:] for cells in self.tables[table] if cells and cells[0] == head)
        return cells

    def of(self, tag: str) -> list[dict[str, str | None]]:
        return [attributes for name, attributes in self.tags if name == tag]
