"""The page of a run."""

from dataclasses import dataclass
from pathlib import Path

import yaml

from naa_lightning.atomic import write_atomically
from naa_lightning.report.conventions import conventions
from naa_lightning.report.page import measures
from naa_lightning.report.page.classes import by_success
from naa_lightning.report.page.figures import read_figures
from naa_lightning.report.page.groups import Group, groups, white_box_mean
from naa_lightning.report.page.rates import SHORT, meanings, own_convention, rate_names
from naa_lightning.report.page.record import Record, mean_of, read_record
from naa_lightning.report.page.template import rendered
from naa_lightning.report.page.transferable import transferable
from naa_lightning.report.page.wording import budget_text, counted, listed, percent

FILE_NAME = "report.html"
SHOWN_IMAGES = 2
"""Of so many images attention and attribution are shown at once; those of the others unfold."""


@dataclass(frozen=True)
class KeyFigure:
    """A number that stands for a run.

    Args:
        name: What it is.
        value: The number.
        unit: What stands behind it.
        note: What it is a mean of, or compares with.
    """

    name: str
    value: str
    unit: str
    note: str


def write_run_page(folder: Path) -> Path:
    """Write a run's `report.html` from the files in its folder.

    Args:
        folder: Of the run; `results.json` has to be there, whatever else is missing is left out.

    Returns:
        The page.

    Raises:
        UserError: A file is missing or damaged.
    """
    record = read_record(folder)
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
        conventions=conventions(),
        own=own_convention(record.config),
        cost=measures.cost(record),
        times=measures.times(record),
        perturbation=measures.perturbation(record),
        attribution=measures.attribution(record),
        exact=measures.exact_statistics(record),
        effects=measures.exact_effects(record),
        images=images,
        figures=read_figures(folder, images.shows),
        shown_images=SHOWN_IMAGES,
        classes=by_success(record),
        config=yaml.safe_dump(record.config, sort_keys=False, allow_unicode=True) if record.config else "",
        environment=measures.environment(record),
    )
    path = folder / FILE_NAME
    write_atomically(path, page)
    return path


def title(record: Record) -> str:
    """Name a run by its attack and surrogate."""
    attack = record.attack or "Adversarial images"
    return f"{attack} on {record.surrogate}" if record.surrogate else f"{attack}, surrogate unknown"


def subtitle(record: Record) -> str:
    """Say what a run's numbers are about."""
    images = counted(record.images, "image")
    parts = [f"{images} of {record.data}" if record.data else images]
    if record.budget:
        parts.append(f"budget {budget_text(record.budget)}")
    return ", ".join([*parts, "targeted" if record.targeted else "untargeted"])


def key_figures(record: Record) -> list[KeyFigure]:
    """Return the two to four numbers that stand for a run; fewer where hardly anything is known."""
    found = []
    free, defended = record.undefended(white_box=False), [group for group in groups(record) if group.kind == "defended"]
    rate = SHORT[record.headline]
    if free:
        over = f"mean of {counted(len(free), 'undefended target')}" if len(free) > 1 else next(iter(free))
        found.append(_share(f"black-box {rate}", mean_of(record.black_box_mean, record.headline), over))
    if defended:
        over = _defended(defended[0])
        found.append(_share(f"{rate} behind a defence", mean_of(record.defended_mean, record.headline), over))
    attacked = record.undefended(white_box=True)
    if attacked:
        over = f"on {listed(list(attacked))}" if len(attacked) < 3 else f"mean of {len(attacked)} models"
        found.append(_share(f"white-box {rate}", white_box_mean(record), over))
    largest = measures.largest(record)
    if largest is not None:
        note = f"budget {budget_text(record.budget)}" if record.budget else "of any image"
        found.append(KeyFigure("largest perturbation", largest, "", note))
    return found


def _share(name: str, share: float | None, note: str) -> KeyFigure:
    return KeyFigure(name, percent(share), "" if share is None else "%", note)


def _defended(group: Group) -> str:
    models = {target.model for target in group.targets.values()}
    defences = {target.defences for target in group.targets.values()}
    return (
        f"mean of {counted(len(group.targets), 'target')}: {counted(len(models), 'model')}, "
        f"{counted(len(defences), 'defence')}"
    )


def _any_unanswered(record: Record, why: str) -> bool:
    found = [getattr(target.unanswered, why) for target in record.targets.values()]
    return any(count.clean or count.adversarial for count in found)
