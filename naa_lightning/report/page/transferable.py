"""The images that transfer best and worst, with whom they fool."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from naa_lightning.records import PerturbationRow, Prediction, read_perturbations, read_predictions
from naa_lightning.report.page.picture import Picture, embed
from naa_lightning.report.page.record import Record
from naa_lightning.report.page.wording import class_called, levels, number
from naa_lightning.report.telling import stayed_right, telling_images, withstanding_images

_COUNT = 4


@dataclass(frozen=True)
class ShownImage:
    """An image and what the undefended targets made of it.

    Args:
        id: Its row in the data set's own order.
        file: Its name.
        shows: Its true class.
        aimed: The class that a targeted attack aimed at.
        picture: Its panel, or else the adversarial image itself; None where neither can be read.
        changed: By how much it was changed, in words; may be empty.
        fooled: Targets that were right when clean and wrong after.
        right: Targets that were right before and after.
        wrong: Targets that were wrong when clean.
        silent: Targets that were right when clean and gave no answer after.
        hit: Targets that answered the class aimed at.
    """

    id: int
    file: str
    shows: str
    aimed: str | None
    picture: Picture | None
    changed: str
    fooled: tuple[str, ...]
    right: tuple[str, ...]
    wrong: tuple[str, ...]
    silent: tuple[str, ...]
    hit: tuple[str, ...]

    @property
    def asked(self) -> int:
        """How many targets could be fooled."""
        return len(self.fooled) + len(self.right) + len(self.silent)


@dataclass(frozen=True)
class Transferable:
    """The images that fool most targets, and those that fool fewest.

    Args:
        most: Fool most.
        least: Fool fewest; none of the above.
        shows: True classes of all images, by id.
    """

    most: Sequence[ShownImage]
    least: Sequence[ShownImage]
    shows: Mapping[int, str]


def transferable(folder: Path, record: Record) -> Transferable:
    """Find and embed a run's most and least transferable images.

    Args:
        folder: Of the run.
        record: Its numbers.

    Raises:
        UserError: The answers cannot be read.
    """
    rows = read_predictions(folder, targets=record.judges)
    perturbations = {row.id: row for row in read_perturbations(folder)}
    count = _count(record)
    answers: dict[int, list[Prediction]] = {}
    for row in rows:
        answers.setdefault(row.id, []).append(row)

    def shown(ids: Sequence[int]) -> Iterator[ShownImage]:
        for image in ids:
            yield _shown(folder, record, answers[image], perturbations.get(image))

    most = [image for image in telling_images(rows, count) if any(row.success for row in answers[image])]
    least = [image for image in withstanding_images(rows, 2 * count) if image not in most][:count]
    classes = {image: class_called(record.class_names, of_image[0].label) for image, of_image in answers.items()}
    return Transferable(list(shown(most)), list(shown(least)), classes)


def _shown(folder: Path, record: Record, rows: Sequence[Prediction], changed: PerturbationRow | None) -> ShownImage:
    first = rows[0]
    shows = class_called(record.class_names, first.label)
    aim = first.target_class
    fooled = tuple(row.target for row in rows if row.success)
    alt = f"Image {first.id}, {shows}: "
    panel = embed(folder / "figures" / f"panel-{first.id:05d}.png", f"{alt}clean, adversarial and their difference")
    return ShownImage(
        id=first.id,
        file=first.file,
        shows=shows,
        aimed=None if aim is None else class_called(record.class_names, aim),
        picture=panel or embed(folder / "adversarial" / first.file, f"{alt}adversarial"),
        changed=_changed(changed),
        fooled=fooled,
        right=tuple(row.target for row in rows if stayed_right(row)),
        wrong=tuple(row.target for row in rows if row.clean_prediction != row.label),
        silent=tuple(
            row.target for row in rows if row.clean_prediction == row.label and row.adversarial_prediction < 0
        ),
        hit=tuple(row.target for row in rows if aim is not None and row.adversarial_prediction == aim),
    )


def _count(record: Record) -> int:
    """Return of how many images of either kind the run drew panels."""
    report = record.config.get("report")
    count = report.get("extreme_images") if isinstance(report, Mapping) else None
    return count if isinstance(count, int) and count >= 0 else _COUNT


def _changed(row: PerturbationRow | None) -> str:
    if row is None:
        return ""
    moved = f"changed by at most {levels(row.linf)}"
    return moved if row.ssim is None else f"{moved}, SSIM {number(row.ssim, 2)}"
