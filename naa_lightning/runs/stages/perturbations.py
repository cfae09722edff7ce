"""Measuring the perturbations of saved adversarial images."""

import math
from collections.abc import Sequence

from naa_lightning.attacks import Budget
from naa_lightning.exceptions import UserError
from naa_lightning.metrics.lpips import lpips_network
from naa_lightning.modules.perturbation import MeasuredBatch, PerturbationModule
from naa_lightning.records import PerturbationRow
from naa_lightning.runs.context import Bench
from naa_lightning.runs.stages.prediction import ask
from naa_lightning.runs.stages.reading import ReadPairs

# Of 8-bit levels read as floating-point numbers.
ROUNDING = 1e-6


def measure(bench: Bench, read: ReadPairs) -> list[PerturbationRow]:
    """Measure every perturbation.

    Raises:
        UserError: A file cannot be read or is of another size than its clean image.
    """
    module = PerturbationModule(lpips_network(), title="measuring perturbations")
    pairs = read.pairs
    batches: list[MeasuredBatch] = ask(
        module,
        pairs,
        bench.ranks,
        bench.asking,
        batch_size=bench.data.batch_size,
        num_workers=read.num_workers,
        collate=pairs.collate,
    )
    return [
        PerturbationRow(
            id=image,
            file=pairs.saved[image].file,
            **{name: float(values[row]) for name, values in vars(batch.sizes).items()},
        )
        for batch in batches
        for row, image in enumerate(batch.ids.tolist())
    ]


def check_budget(rows: Sequence[PerturbationRow], budget: Budget) -> None:
    """Check that no perturbation is larger than the budget.

    Raises:
        UserError: One is.
    """
    sizes = {row.file: row.linf if budget.norm == "linf" else row.l2 for row in rows}
    over = [file for file, size in sizes.items() if size > budget.eps * (1 + ROUNDING) + ROUNDING]
    if over:
        largest = max(over, key=sizes.__getitem__)
        raise UserError(
            f"{len(over)} of {len(rows)} images are over the budget of {_written(budget.eps, budget.norm)}, {largest} "
            f"furthest with {_written(sizes[largest], budget.norm)}: give the budget that they were made for, such as "
            f"attack.budget.eps={_written(sizes[largest], budget.norm)}"
        )


def _written(size: float, norm: str) -> str:
    """Write a size as a budget that it keeps to."""
    if norm == "linf":
        return f"{math.ceil((size - ROUNDING) * 255)}/255"
    return f"{math.ceil((size - ROUNDING) * 1000) / 1000:g}"
