"""Measuring the perturbations of saved adversarial images."""

import math
from collections.abc import Sequence
from dataclasses import fields

from torch import Tensor

from naa_lightning.attacks import Budget
from naa_lightning.exceptions import UserError
from naa_lightning.metrics import PerturbationSizes
from naa_lightning.metrics.lpips import lpips_network
from naa_lightning.modules.perturbation import PerturbationModule
from naa_lightning.records import PerturbationRow
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
    batches: list[dict[str, Tensor]] = predict(
        context, module, pairs.pairs, batch_size=context.data.batch_size, num_workers=pairs.num_workers
    )
    return [
        PerturbationRow(
            id=image,
            file=pairs.pairs.saved[image].file,
            **{field.name: float(batch[field.name][row]) for field in fields(PerturbationSizes)},
            clean_sha256=bytes(batch["clean_sha256"][row].tolist()).hex(),
        )
        for batch in batches
        for row, image in enumerate(batch["id"].tolist())
    ]


def check_budget(rows: Sequence[PerturbationRow], budget: Budget) -> None:
    """Check that no perturbation is larger than the budget.

    Args:
        rows: The measured perturbations.
        budget: The budget that all of them must keep to.

    Raises:
        UserError: A perturbation is larger.
    """
    sizes = {row.file: row.linf if budget.norm == "linf" else row.l2 for row in rows}
    over = [file for file, size in sizes.items() if size > budget.eps * (1 + ROUNDING) + ROUNDING]
    if over:
        largest = max(over, key=sizes.__getitem__)
        raise UserError(
            f"{len(over)} of {len(rows)} images are over the budget of {_as_eps(budget.eps, budget.norm)}, {largest} "
            f"furthest with {_as_eps(sizes[largest], budget.norm)}: give the budget that they were made for, such as "
            f"attack.budget.eps={_as_eps(sizes[largest], budget.norm)}"
        )


def _as_eps(size: float, norm: str) -> str:
    """Write the smallest budget, as papers do, that a perturbation of this size keeps to."""
    if norm == "linf":
        return f"{math.ceil((size - ROUNDING) * 255)}/255"
    return f"{math.ceil((size - ROUNDING) * 1000) / 1000:g}"
