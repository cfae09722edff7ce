"""The page of a run."""

from collections.abc import Sequence
from pathlib import Path

import yaml

from naa_lightning.atomic import write_atomically
from naa_lightning.records import read_predictions
from naa_lightning.records.results import ClassResult, MeanResult, Role, RunResults, TargetResult, read_results
from naa_lightning.report.definitions import CONVENTIONS, DEFINITIONS
from naa_lightning.report.featured import featured
from naa_lightning.report.page import images
from naa_lightning.report.page.finding import finding
from naa_lightning.report.page.key_figures import averaged, key_figures
from naa_lightning.report.page.measures import phase_rows, tables
from naa_lightning.report.page.rates import SHORT, own_convention, rate_names
from naa_lightning.report.page.template import rendered
from naa_lightning.report.page.wording import budget_text, counted

FILE_NAME = "report.html"
_FILES = (
    *("results.json", "predictions.parquet", "perturbations.parquet", "attribution.parquet", "pictures.parquet"),
    *("crafting.json", "attack.log", "adversarial", ".hydra"),
)


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
    page = rendered(
        "run.html.j2",
        styles=("style.css", "run.css"),
        scripts=("sort.js", "run.js"),
        title=title(results),
        subtitle=subtitle(results),
        finding=finding(results),
        key_figures=key_figures(results, predictions),
        results=results,
        groups=groups(results),
        averaged=averaged,
        rates=rate_names(targeted=results.targeted),
        short=SHORT,
        definitions=DEFINITIONS,
        conventions=CONVENTIONS,
        own=own_convention(results.config),
        cards={heading: [every[id] for id in ids] for heading, ids in cards.items() if ids},
        data=images.as_data(every, results, {id for ids in cards.values() for id in ids}),
        source=images.source,
        times=images.times,
        small=images.SMALL,
        reasons=[why for why in ("abstained", "invalid") if any(_unanswered(results, why))],
        tables=tables(results),
        phases=phase_rows(results),
        classes=by_success(results.classes),
        environment=environment(results),
        config=yaml.safe_dump(results.config, sort_keys=False, allow_unicode=True) if results.config else "",
        files=[name for name in _FILES if (folder / name).exists()],
    )
    path = folder / FILE_NAME
    write_atomically(path, page)
    return path


def title(results: RunResults) -> str:
    """Name a run by its attack and surrogate."""
    attack = results.attack or "Adversarial images"
    return f"{attack} on {results.surrogate}" if results.surrogate else f"{attack}, surrogate unknown"


def subtitle(results: RunResults) -> str:
    """Return the images, the budget and the aim of a run."""
    images = counted(results.images, "image")
    parts = [f"{images} of {results.data}" if results.data else images]
    if results.budget:
        parts.append(f"budget {budget_text(results.budget)}")
    return ", ".join([*parts, "targeted" if results.targeted else "untargeted"])


def environment(results: RunResults) -> dict[str, str | None]:
    """Return when and on what a run ran, and the digests of what it read, by name."""
    known = results.environment
    return {
        "started": str(results.started or ""),
        "naa_lightning": results.version,
        "commit": results.commit.id + ", modified" * results.commit.modified if results.commit else None,
        "device": known.device,
        "processor": known.processor,
        "system": known.system,
        "Python": known.python,
        **known.packages,
        **{f"clean images of {name}, SHA-256": digest for name, digest in results.clean_images.items()},
        **{f"weights of {name}, SHA-256": digest or "unknown" for name, digest in results.weights.items()},
    }


def groups(results: RunResults) -> list[tuple[str, str, dict[str, TargetResult], MeanResult | None]]:
    """Return the title, the kind, the targets by defence, and the mean, if any, of each group of targets."""
    order = list(dict.fromkeys(target.defences for target in results.targets.values()))

    def members(role: Role, *, defended: bool) -> dict[str, TargetResult]:
        selected = results.select(role, defended=defended)
        return dict(sorted(selected.items(), key=lambda named: order.index(named[1].defences)))

    found = [
        ("White-box", "white-box", members("white-box", defended=False), None),
        ("White-box, behind a defence", "white-box", members("white-box", defended=True), None),
        ("Black-box", "black-box", members("black-box", defended=False), results.black_box_mean),
        ("Black-box, behind a defence", "defended", members("black-box", defended=True), results.defended_mean),
    ]
    return [group for group in found if group[2]]


def by_success(classes: Sequence[ClassResult]) -> list[ClassResult]:
    """Sort classes, those that are fooled most often first and those without a success rate last."""

    def place(result: ClassResult) -> tuple[bool, float, int, int]:
        rate = result.success_rate
        return rate.value is None, -(rate.value or 0), -rate.total, result.label

    return sorted(classes, key=place)


def _unanswered(results: RunResults, why: str) -> list[int]:
    counts = [target.unanswered[why] for target in results.targets.values() if why in target.unanswered]
    return [count.clean + count.adversarial for count in counts]
