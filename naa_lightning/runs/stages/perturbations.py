"""Measuring the perturbations of saved adversarial images."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import fields
from pathlib import Path
from typing import Any

from naa_lightning.attacks import Budget
from naa_lightning.exceptions import UserError
from naa_lightning.metrics import PerturbationSizes
from naa_lightning.metrics.lpips import lpips_network
from naa_lightning.modules.perturbation import PerturbationModule
from naa_lightning.records import PerturbationRow, SavedImage
from naa_lightning.runs.context import RunContext
from naa_lightning.runs.stages.prediction import predict
from naa_lightning.runs.stages.reading import LoadedPairs

# The error of an 8-bit level that is read as a floating-point number.
ROUNDING = 1e-6


def measure_perturbations(context: RunContext, pairs: LoadedPairs) -> list[PerturbationRow]:
    """Measure the perturbation of every pair.

    Args:
        context: The run.
        pairs: The clean and adversarial images.

    Raises:
        UserError: A file cannot be read or is of another size than its clean image.
    """
    module = PerturbationModule(lpips_network(), title="measuring perturbations")
    batches: list[dict[str, Any]] = predict(
        context, module, pairs.pairs, batch_size=context.data.batch_size, num_workers=pairs.num_workers
    )
    return [
        PerturbationRow(
            id=image,
            file=pairs.pairs.saved[image].file,
            **{field.name: float(batch[field.name][row]) for field in fields(PerturbationSizes)},
            clean_sha256=batch["clean_sha256"][row],
            adversarial_sha256=batch["adversarial_sha256"][row],
        )
        for batch in batches
        for row, image in enumerate(batch["id"].tolist())
    ]


def check_clean_images(rows: Sequence[PerturbationRow], saved: Mapping[int, SavedImage]) -> None:
    """Check that adversarial images are compared with the clean ones that they were made of.

    Args:
        rows: The measured perturbations.
        saved: The rows of the adversarial images, by image id, some of which say what they were made of.

    Raises:
        UserError: They are not.
    """
    known = [row for row in rows if saved[row.id].clean_sha256]
    others = [row.file for row in known if row.clean_sha256 != saved[row.id].clean_sha256]
    if others:
        raise UserError(
            f"{len(others)} of {len(rows)} adversarial images were made of other clean images, {others[0]} first: name "
            "the data, split and image_size that they were made of with data= and data.KEY=, or rate them with the "
            "versions of Pillow and torch that read those"
        )


def check_budget(rows: Sequence[PerturbationRow], budget: Budget, *, crafted_in: Path | None = None) -> None:
    """Check that no perturbation is larger than the budget.

    Args:
        rows: The measured perturbations.
        budget: The budget that all of them must keep to.
        crafted_in: The folder that the images were crafted into, for the message; None where they come from elsewhere.

    Raises:
        UserError: A perturbation is larger.
    """
    sizes = {row.file: row.linf if budget.norm == "linf" else row.l2 for row in rows}
    over = [file for file, size in sizes.items() if size > budget.eps * (1 + ROUNDING) + ROUNDING]
    if over:
        largest = max(over, key=sizes.__getitem__)
        size = _as_eps(sizes[largest], budget.norm)
        remedy = (
            f"give the budget that they were made for, such as attack.budget.eps={size}"
            if crafted_in is None
            else f"clean images have changed since they were crafted: choose another folder, or remove {crafted_in}"
        )
        raise UserError(
            f"{len(over)} of {len(rows)} images are over the budget of {_as_eps(budget.eps, budget.norm)}, {largest} "
            f"furthest with {size}: {remedy}"
        )


def _as_eps(size: float, norm: str) -> str:
    """Write the smallest budget, as papers do, that a perturbation of this size keeps to."""
    if norm == "linf":
        return f"{math.ceil((size - ROUNDING) * 255)}/255"
    return f"{math.ceil((size - ROUNDING) * 1000) / 1000:g}"
