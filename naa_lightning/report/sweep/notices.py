"""What a reader of a sweep's table must know."""

from collections.abc import Hashable, Iterator, Mapping

import pandas as pd

from naa_lightning.report.loading import lines_of
from naa_lightning.report.page.wording import counted, listed
from naa_lightning.report.sweep.rows import called


def notices(
    rows: pd.DataFrame, cells: pd.DataFrame, outcomes: Mapping[Hashable, pd.DataFrame], baseline: str | None
) -> Iterator[str]:
    """Yield sentences on what is not compared, and on the means that lack seeds or targets.

    Args:
        rows: The rows of the table.
        cells: Its cells.
        outcomes: The outcomes of each row's images.
        baseline: The name of the baseline that was asked for.
    """
    for _, block in rows.groupby("block"):
        surrogate = block.surrogate.iloc[0]
        if not called(block, baseline).any():
            yield f"no row of {surrogate} is called {baseline}, the baseline: nothing is compared"
        seeds = list(dict.fromkeys(seed for of_row in block.seeds for seed in of_row))
        lines = lines_of(block)
        for other in (row for row in lines if row.is_baseline):
            for row in lines:
                reason = _uncompared(outcomes[row.Index], outcomes[other.Index])
                if reason:
                    yield f"{row.name} on {surrogate} {reason}"
        for row in lines:
            lacking = [str(seed) for seed in seeds if seed not in row.seeds]
            if lacking:
                over = counted(len(row.seeds), "seed")
                yield f"{row.name} on {surrogate} lacks {_seeds(lacking)}: its mean is over {over}"
    named = rows["name"] + " on " + rows.surrogate
    means = cells[cells.kind == "mean"]
    for _, alike in means.groupby([means.row.map(rows.block), "column"]):
        targets = dict.fromkeys(name for of_cell in alike.targets for name in of_cell)
        for cell in lines_of(alike):
            lost = {name: None for name in targets if name not in cell.targets} | cell.left_out
            if lost:
                over = counted(len(cell.targets), "target")
                why = "; ".join(name if reason is None else f"{name} ({reason})" for name, reason in lost.items())
                yield f"the {cell.column} of {named[cell.row]} is over {over}, without {why}"


def _uncompared(row: pd.DataFrame, other: pd.DataFrame) -> str | None:
    """Say what keeps a row from being compared with its baseline; None where nothing does, or nothing is known."""
    own, theirs = (outcomes[["seed", "images"]].drop_duplicates() for outcomes in (row, other))
    shared = own.merge(theirs, on="seed")
    differing = shared.seed[shared.images_x != shared.images_y].astype(str).tolist()
    if own.empty or theirs.empty or (len(shared) and not differing):
        return None
    if shared.empty:
        return "is not compared: it shares no seed with the baseline"
    if len(differing) == len(shared):
        return "is not compared: its clean images are not those of the baseline"
    return f"is not compared on {_seeds(differing)}: the clean images are not those of the baseline"


def _seeds(seeds: list[str]) -> str:
    return f"{'seed' if len(seeds) == 1 else 'seeds'} {listed(seeds)}"
