"""The page of a run."""

from pathlib import Path
from typing import NamedTuple

from naa_lightning.records import read_predictions
from naa_lightning.records.results import ClassResult, RunResults, read_results
from naa_lightning.records.targets import MeanResult, Role, TargetResult
from naa_lightning.report.definitions import CONVENTIONS, SHORT, own_convention
from naa_lightning.report.doubts import doubts
from naa_lightning.report.featured import featured
from naa_lightning.report.measures import phase_rows, tables
from naa_lightning.report.page import images
from naa_lightning.report.page.finding import finding, judged_by
from naa_lightning.report.page.key_figures import averaged, key_figures
from naa_lightning.report.page.template import write_page
from naa_lightning.report.wording import budget_text, counted

_FILES = (
    *("results.json", "predictions.parquet", "perturbations.parquet", "attribution.parquet", "pictures.parquet"),
    *("crafting.json", "attack.log", "adversarial", ".hydra"),
)


class Group(NamedTuple):
    """Targets of one kind, those of one set of defences together, with the mean over them, if any."""

    title: str
    kind: str
    targets: dict[str, TargetResult]
    mean: MeanResult | None


def write_run_page(folder: Path) -> Path:
    """Write a run's `report.html` from the files in its folder.

    Args:
        folder: The run's folder, which must hold `results.json`; other files that are missing are left out.

    Returns:
        The path of the page.

    Raises:
        UserError: A file is missing or damaged.
    """
    results, predictions = read_results(folder), read_predictions(folder)
    every = images.read_images(folder, results, predictions)
    chosen = featured(results, predictions, list(every))
    cards = {"Most transferable": chosen.most, "Least transferable": chosen.least}
    shown = {*chosen.most, *chosen.least}
    cards["Looked at closely"] = [id for id in chosen.explained if id in every and id not in shown]
    attack = results.attack or "Adversarial images"
    left_out = {"fooling_rate", "error_rate"} if results.targeted else {"target_rate"}
    unanswered = [(why, found) for target in results.targets.values() for why, found in target.unanswered.items()]
    return write_page(
        folder,
        "run.html.j2",
        title=f"{attack} on {results.surrogate}" if results.surrogate else f"{attack}, surrogate unknown",
        subtitle=_subtitle(results),
        finding=finding(results),
        doubts=doubts(results),
        judged_by=judged_by(results),
        key_figures=key_figures(results, predictions),
        results=results,
        groups=_groups(results),
        averaged=averaged,
        rates=[rate for rate in SHORT if rate not in left_out],
        conventions=CONVENTIONS,
        own=own_convention(results.config),
        cards={heading: [every[id] for id in ids] for heading, ids in cards.items() if ids},
        data=images.as_data(every, results, {id for ids in cards.values() for id in ids}),
        source=images.source,
        small=images.SMALL,
        reasons=sorted({why for why, found in unanswered if found.clean or found.adversarial}),
        tables=tables(results),
        phases=phase_rows(results),
        classes=sorted(results.classes, key=_place),
        files=[name for name in _FILES if (folder / name).exists()],
    )


def _subtitle(results: RunResults) -> str:
    """Return the images, the budget and the aim of a run."""
    images = counted(results.images, "image")
    parts = [f"{images} of {results.data}" if results.data else images]
    if results.budget:
        parts.append(f"budget {budget_text(results.budget)}")
    return ", ".join([*parts, "targeted" if results.targeted else "untargeted"])


def _groups(results: RunResults) -> list[Group]:
    order = list(dict.fromkeys(target.defences for target in results.targets.values()))

    def members(role: Role, *, defended: bool) -> dict[str, TargetResult]:
        selected = results.select(role, defended=defended)
        return dict(sorted(selected.items(), key=lambda named: order.index(named[1].defences)))

    found = [
        Group("White-box", "white-box", members("white-box", defended=False), None),
        Group("White-box, behind a defence", "white-box", members("white-box", defended=True), None),
        Group("Black-box", "black-box", members("black-box", defended=False), results.black_box_mean),
        Group("Black-box, behind a defence", "defended", members("black-box", defended=True), results.defended_mean),
    ]
    return [group for group in found if group.targets]


def _place(found: ClassResult) -> tuple[bool, float, int, int]:
    """Sort classes that are fooled most often first and those without a success rate last."""
    rate = found.success_rate
    return rate.value is None, -(rate.value or 0), -rate.total, found.label
