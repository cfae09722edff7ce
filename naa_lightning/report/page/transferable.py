"""The images that transfer best and worst, with the targets that they fool."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from naa_lightning.records import PerturbationRow, Prediction, read_perturbations, read_predictions
from naa_lightning.records.results import RunResults
from naa_lightning.report.page.picture import Picture, embed
from naa_lightning.report.page.wording import class_called, decimal, levels
from naa_lightning.report.transferability import least_transferable, most_transferable, stayed_right

_COUNT = 4


@dataclass(frozen=True)
class ShownImage:
    """An image and the judging targets, by their predictions for it.

    Args:
        id: The image's row in the data set's own order.
        file: The name of its file.
        true_class: The name of its true class.
        target_class: The name of the target class of a targeted attack; None in an untargeted one.
        picture: The panel of the image, or else the adversarial image; None where neither can be read.
        perturbation: The size of the perturbation, as text; empty where it is unknown.
        fooled: Targets that are right about the clean image and wrong about the adversarial one.
        right: Targets that are right about both.
        wrong: Targets that are wrong about the clean image.
        unanswered: Targets that are right about the clean image and have no prediction for the adversarial one.
        hit: Targets that predict the target class.
    """

    id: int
    file: str
    true_class: str
    target_class: str | None
    picture: Picture | None
    perturbation: str
    fooled: tuple[str, ...]
    right: tuple[str, ...]
    wrong: tuple[str, ...]
    unanswered: tuple[str, ...]
    hit: tuple[str, ...]

    @property
    def right_when_clean(self) -> int:
        """Number of targets that are right about the clean image, and so could be fooled."""
        return len(self.fooled) + len(self.right) + len(self.unanswered)


@dataclass(frozen=True)
class Transferable:
    """The images that fool most targets, and those that fool fewest.

    Args:
        most: The images that fool most targets.
        least: The images that fool fewest, none of which is among the former.
        true_classes: The names of the true classes of all images, by id.
    """

    most: Sequence[ShownImage]
    least: Sequence[ShownImage]
    true_classes: Mapping[int, str]


def transferable(folder: Path, record: RunResults) -> Transferable:
    """Find and embed a run's most and least transferable images.

    Args:
        folder: The run's folder.
        record: The results of the run.

    Raises:
        UserError: The predictions cannot be read.
    """
    rows = read_predictions(folder, targets=record.judges)
    perturbations = {row.id: row for row in read_perturbations(folder)}
    count = _count(record)
    by_image: dict[int, list[Prediction]] = {}
    for row in rows:
        by_image.setdefault(row.id, []).append(row)

    def shown(ids: Sequence[int]) -> list[ShownImage]:
        return [_shown(folder, record, by_image[image], perturbations.get(image)) for image in ids]

    most = [image for image in most_transferable(rows, count) if any(row.success for row in by_image[image])]
    least = [image for image in least_transferable(rows, 2 * count) if image not in most][:count]
    classes = {image: class_called(record.class_names, of_image[0].label) for image, of_image in by_image.items()}
    return Transferable(shown(most), shown(least), classes)


def _shown(folder: Path, record: RunResults, rows: Sequence[Prediction], size: PerturbationRow | None) -> ShownImage:
    first = rows[0]
    true_class, target_class = class_called(record.class_names, first.label), first.target_class
    alt = f"Image {first.id}, {true_class}: "
    panel = embed(folder / "figures" / f"panel-{first.id:05d}.png", f"{alt}clean, adversarial and their difference")
    return ShownImage(
        id=first.id,
        file=first.file,
        true_class=true_class,
        target_class=None if target_class is None else class_called(record.class_names, target_class),
        picture=panel or embed(folder / "adversarial" / first.file, f"{alt}adversarial"),
        perturbation=_in_words(size),
        fooled=tuple(row.target for row in rows if row.success),
        right=tuple(row.target for row in rows if stayed_right(row)),
        wrong=tuple(row.target for row in rows if row.clean_prediction != row.label),
        unanswered=tuple(
            row.target for row in rows if row.clean_prediction == row.label and row.adversarial_prediction < 0
        ),
        hit=tuple(row.target for row in rows if row.adversarial_prediction == target_class),
    )


def _count(record: RunResults) -> int:
    """Return the number of most, and of least, transferable images that the run drew panels of."""
    report = record.config.get("report")
    count = report.get("extreme_images") if isinstance(report, Mapping) else None
    return count if isinstance(count, int) and count >= 0 else _COUNT


def _in_words(row: PerturbationRow | None) -> str:
    if row is None:
        return ""
    size = f"changed by at most {levels(row.linf)}"
    return size if row.ssim is None else f"{size}, SSIM {decimal(row.ssim, 2)}"
