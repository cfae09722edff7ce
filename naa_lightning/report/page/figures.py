"""The figures of a run, image by image."""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from naa_lightning.report.page.picture import Picture, embed

_PER_IMAGE = re.compile(r"(attention|attribution)-(\d+)")
_CAPTIONS = {
    "attention": "where each model looks, on the clean and on the adversarial image",
    "attribution": "what speaks for and against the class over the attacked layer, clean and adversarial",
}


@dataclass(frozen=True)
class Figures:
    """The figures of a run, without its panels, each with its caption.

    Args:
        explained: The figures of attention and attribution, by the heading that names their image.
        others: All other figures of the run.
        unreadable: The names of files that are no pictures.
    """

    explained: Mapping[str, Sequence[tuple[Picture, str]]]
    others: Sequence[tuple[Picture, str]]
    unreadable: Sequence[str]


def read_figures(folder: Path, titles: Mapping[int, str]) -> Figures:
    """Embed a run's figures.

    Args:
        folder: The run's folder.
        titles: The true classes of images, by id, where they are known.
    """
    explained: dict[int, list[tuple[Picture, str]]] = {}
    others: list[tuple[Picture, str]] = []
    unreadable: list[str] = []
    for path in sorted((folder / "figures").glob("*.png")):
        if path.stem.startswith("panel-"):
            continue
        match = _PER_IMAGE.fullmatch(path.stem)
        image = int(match[2]) if match else None
        caption = _CAPTIONS[match[1]] if match else path.stem.replace("_", " ")
        picture = embed(path, caption if image is None else f"{_title(image, titles)}: {caption}")
        if picture is None:
            unreadable.append(path.name)
        elif image is None:
            others.append((picture, caption))
        else:
            explained.setdefault(image, []).append((picture, caption))
    return Figures({_title(image, titles): explained[image] for image in sorted(explained)}, others, unreadable)


def _title(image: int, titles: Mapping[int, str]) -> str:
    return f"Image {image}, {titles[image]}" if image in titles else f"Image {image}"
