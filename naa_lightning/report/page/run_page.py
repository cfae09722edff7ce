"""The page of a run."""

from dataclasses import dataclass
from pathlib import Path

import yaml

from naa_lightning.atomic import write_atomically
from naa_lightning.records.results import RunResults, read_results
from naa_lightning.report.conventions import CONVENTIONS
from naa_lightning.report.page import measures
from naa_lightning.report.page.classes import by_success
from naa_lightning.report.page.figures import read_figures
from naa_lightning.report.page.groups import groups, white_box_mean
from naa_lightning.report.page.rates import SHORT, meanings, own_convention, rate_names
from naa_lightning.report.page.template import rendered
from naa_lightning.report.page.transferable import transferable
from naa_lightning.report.page.wording import budget_text, counted, listed, percent

FILE_NAME = "report.html"
SHOWN_IMAGES = 2
"""The number of images whose attention and attribution are shown at once; those of the others unfold."""


@dataclass(frozen=True)
class KeyFigure:
    """A number that stands for a run.

    Args:
        name: The name of the number.
        value: The number as text.
        unit: The unit; empty for none.
        note: The targets that it is a mean over, or the number to compare it with.
    """

    name: str
    value: str
    unit: str
    note: str


def write_run_page(folder: Path) -> Path:
    """Write a run's `report.html` from the files in its folder.

    Args:
        folder: The run's folder, which must hold `results.json`; other files that are missing are left out.

    Returns:
        The path of the page.

    Raises:
        UserError: A file is missing or damaged.
    """
    record = read_results(folder)
    images = transferable(folder, record)
    page = rendered(
        "run.html.j2",
        title=title(record),
        record=record,
        subtitle=subtitle(record),
        key_figures=key_figures(record),
        groups=groups(record),
        rates=rate_names(targeted=record.targeted),
        short=SHORT,
        abstained=_any_unanswered(record, "abstained"),
        invalid=_any_unanswered(record, "invalid"),
        varies=any(target.rate(record.headline).spread is not None for target in record.targets.values()),
        meanings=meanings(targeted=record.targeted),
        conventions=CONVENTIONS,
        own=own_convention(record.config),
        cost=measures.cost(record),
        times=measures.times(record),
        perturbation=measures.perturbation(record),
        attribution=measures.attribution(record),
        exact=measures.exact_statistics(record),
        effects=measures.exact_effects(record),
        images=images,
        figures=read_figures(folder, images.true_classes),
        shown_images=SHOWN_IMAGES,
        classes=by_success(record),
        config=yaml.safe_dump(record.config, sort_keys=False, allow_unicode=True) if record.config else "",
        environment=measures.environment(record),
    )
    path = folder / FILE_NAME
    write_atomically(path, page)
    return path


def title(record: RunResults) -> str:
    """Name a run by its attack and surrogate."""
    attack = record.attack or "Adversarial images"
    return f"{attack} on {record.surrogate}" if record.surrogate else f"{attack}, surrogate unknown"


def subtitle(record: RunResults) -> str:
    """Return the images, the budget and the aim of a run."""
    images = counted(record.images, "image")
    parts = [f"{images} of {record.data}" if record.data else images]
    if record.budget:
        parts.append(f"budget {budget_text(record.budget)}")
    return ", ".join([*parts, "targeted" if record.targeted else "untargeted"])


def key_figures(record: RunResults) -> list[KeyFigure]:
    """Return the two to four numbers that stand for a run; fewer where hardly anything is known."""
    found = []
    undefended, defended = record.select("black-box", defended=False), record.select("black-box", defended=True)
    rate = SHORT[record.headline]
    if undefended:
        several = f"mean of {counted(len(undefended), 'undefended target')}"
        over = several if len(undefended) > 1 else next(iter(undefended))
        found.append(_share(f"black-box {rate}", record.headline_mean(defended=False), over))
    if defended:
        models, defences = ({getattr(t, key) for t in defended.values()} for key in ("model", "defences"))
        parts = counted(len(defended), "target"), counted(len(models), "model"), counted(len(defences), "defence")
        over = "mean of {}: {}, {}".format(*parts)
        found.append(_share(f"{rate} behind a defence", record.headline_mean(defended=True), over))
    white_box = record.select("white-box", defended=False)
    if white_box:
        over = f"on {listed(list(white_box))}" if len(white_box) < 3 else f"mean of {len(white_box)} models"
        found.append(_share(f"white-box {rate}", white_box_mean(record), over))
    largest = measures.largest(record)
    if largest is not None:
        note = f"budget {budget_text(record.budget)}" if record.budget else "of any image"
        found.append(KeyFigure("largest perturbation", largest, "", note))
    return found


def _share(name: str, share: float | None, note: str) -> KeyFigure:
    return KeyFigure(name, percent(share), "" if share is None else "%", note)


def _any_unanswered(record: RunResults, why: str) -> bool:
    found = [target.unanswered[why] for target in record.targets.values() if why in target.unanswered]
    return any(count.clean or count.adversarial for count in found)
