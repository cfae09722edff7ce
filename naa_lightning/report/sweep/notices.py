"""What a reader of a sweep's table must know."""

from collections.abc import Iterator
from textwrap import shorten

import pandas as pd

from naa_lightning.report.loading import lines_of
from naa_lightning.report.sweep.rows import called
from naa_lightning.report.wording import counted, listed


def notices(rows: pd.DataFrame, cells: pd.DataFrame, outcomes: pd.DataFrame, baseline: str | None) -> Iterator[str]:
    """Yield sentences on what is not compared with the baseline asked for, and on rates that lack seeds or targets."""
    for row in lines_of(rows[rows.doubtful > 0]):
        yield (
            f"{row.name} on {row.surrogate}: the gradient vanished, or changed nothing, for {row.doubtful} of "
            f"{counted(row.images, 'image')}: that those fool nobody says nothing of robustness"
        )
    images = outcomes[["row", "seed", "images"]].drop_duplicates()
    for _, block in rows.groupby("block"):
        surrogate = block.surrogate.iloc[0]
        if not called(block, baseline).any():
            yield f"no row of {surrogate} is called {baseline}, the baseline: nothing is compared"
        baselines = block.index[block.is_baseline]
        for row in lines_of(block):
            reason = _uncompared(images[images.row == row.Index], images[images.row.isin(baselines)])
            if reason:
                yield f"{row.name} on {surrogate} is not compared{reason}"
        seeds = block.seeds.explode().dropna().unique()
        for row in lines_of(block):
            lacking = [str(seed) for seed in seeds if seed not in row.seeds]
            if lacking:
                over = counted(len(row.seeds), "seed")
                yield f"{row.name} on {surrogate} lacks {_seeds(lacking)}: its mean is over {over}"
    for cell in lines_of(cells[cells.failed & (cells.seeds > 0)]):
        row, over = rows.loc[cell.row], counted(int(cell.seeds), "run")
        yield f"{cell.column} failed in runs of {row['name']} on {row.surrogate}: its rate is over {over}"
    means = cells[cells.kind == "mean"]
    for _, alike in means.groupby([means.row.map(rows.block), "column"]):
        targets = alike.targets.explode().dropna().unique()
        for cell in lines_of(alike):
            lost = {name: None for name in targets if name not in cell.targets} | cell.left_out
            if lost:
                why = "; ".join(
                    name if reason is None else f"{name} ({_short(reason)})" for name, reason in lost.items()
                )
                row, over = rows.loc[cell.row], counted(len(cell.targets), "target")
                yield f"the {cell.column} of {row['name']} on {row.surrogate} is over {over}, without {why}"


def _short(reason: str) -> str:
    """Shorten a reason, which `results.json` has in full."""
    return shorten(reason, 80, placeholder=" ...")


def _uncompared(own: pd.DataFrame, theirs: pd.DataFrame) -> str:
    """Say what keeps a row from being compared with its baseline; nothing where nothing does, or it is unknown."""
    shared = own.merge(theirs, on="seed")
    differing = shared.seed[shared.images_x != shared.images_y].astype(str).tolist()
    if own.empty or theirs.empty or (len(shared) and not differing):
        return ""
    if shared.empty:
        return ": it shares no seed with the baseline"
    if len(differing) == len(shared):
        return ": its clean images are not those of the baseline"
    return f" on {_seeds(differing)}: the clean images are not those of the baseline"


def _seeds(seeds: list[str]) -> str:
    return f"{'seed' if len(seeds) == 1 else 'seeds'} {listed(seeds)}"
