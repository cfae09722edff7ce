"""How time and memory grow with images, points, batch size and processes."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from functools import cached_property, partial
from pathlib import Path
from typing import Any

from tests.benchmarks.contenders import CONTENDERS
from tests.benchmarks.end_to_end import Workplace
from tests.benchmarks.jobs import Job
from tests.benchmarks.memory import alone
from tests.benchmarks.settings import Settings

SCALED = ("naa", "torchattack_naa")
PROGRAM = "attack.py"
START = 40.0
"""What starting a process costs, about, in gradients."""


@dataclass(frozen=True)
class Extent:
    """How far is measured.

    Args:
        batch: Images of a run.
        points: On the path, in a run of the settings' images.
        images: That `attack.py` reads, attacks and writes.
        ranks: Processes that share the most of these; the first is 1.
    """

    batch: Sequence[int] = (1, 2, 4, 8)
    points: Sequence[int] = (5, 10, 20, 30, 60)
    images: Sequence[int] = (4, 8, 16, 32)
    ranks: Sequence[int] = (1, 2)


class Scaling:
    """Runs of growing size, each once and in a process of its own.

    Args:
        contenders: Of `SCALED`.
        settings: Of what is not varied.
        extent: Of what is.
        folder: Empty, for images and runs.

    Attributes:
        found: By what is varied, then by who crafts; each run as its `size`, how many `images` it crafts, `seconds`,
            `peak_bytes` and what else is known.
    """

    def __init__(self, contenders: Sequence[str], settings: Settings, extent: Extent, folder: Path) -> None:
        self.contenders = contenders
        self.settings = settings
        self.extent = extent
        self.folder = folder
        self.found: dict[str, dict[str, list[dict[str, Any]]]] = {
            "images": {PROGRAM: []},
            "points": {name: [] for name in contenders},
            "batch": {name: [] for name in contenders},
            "ranks": {PROGRAM: []},
        }

    def jobs(self) -> Iterator[Job]:
        """Yield every run."""
        batches = [("batch", size, replace(self.settings, images=size)) for size in self.extent.batch]
        points = [("points", size, replace(self.settings, points=size)) for size in self.extent.points]
        for key, size, settings in batches + points:
            for name in self.contenders:
                cost = START + 2 * settings.images * CONTENDERS[name].gradients(settings)
                yield Job(f"{name}, {key} {size}", cost, partial(self._alone, key, size, name, settings))
        each = self.settings.points + self.settings.steps
        most = max(self.extent.images)
        for images in self.extent.images:
            cost = START + images * each
            yield Job(f"{PROGRAM}, {images} images", cost, partial(self._end_to_end, images, 1))
        for ranks in self.extent.ranks[1:]:
            cost = START + most * each
            yield Job(f"{PROGRAM}, {most} images, {ranks} processes", cost, partial(self._end_to_end, most, ranks))

    @cached_property
    def _workplace(self) -> Workplace:
        return Workplace(self.folder, self.settings, max(self.extent.images))

    def _alone(self, key: str, size: int, name: str, settings: Settings) -> None:
        self.found[key][name].append({"size": size, "images": settings.images, **alone(name, settings)})

    def _end_to_end(self, images: int, ranks: int) -> None:
        run = {"images": images, **self._workplace.craft(images, ranks)}
        if ranks == 1:
            self.found["images"][PROGRAM].append({"size": images, **run})
        if images == max(self.extent.images):
            self.found["ranks"][PROGRAM].append({"size": ranks, **run})
