"""What the runs of a sweep share, and whether its rows can be compared: if not, which differ in what."""

from collections.abc import Mapping
from pathlib import Path

import pandas as pd

from naa_lightning.records.results import RunResults
from naa_lightning.report.sweep.cells import BLACK_BOX_MEAN, DEFENDED_MEAN
from naa_lightning.report.sweep.table import SweepTable
from naa_lightning.report.wording import budget_text, counted, listed

_NAMED = 6


def facts_of(records: Mapping[Path, RunResults]) -> pd.DataFrame:
    """Return what numbers depend on besides attack and surrogate, as text: a line for each run, by its folder.

    A model that some run attacked is no target of that run's mean, which is no such difference.
    """
    attacked = {model.model for run in records.values() for model in run.targets.values() if model.role == "white-box"}
    facts = {
        folder: {
            "number of images": counted(record.images, "image"),
            "images": record.data,
            "budget": budget_text(record.budget) or None,
            "aim": "targeted" if record.targeted else "untargeted",
            "version": f"naa_lightning {record.version}",
        }
        | {
            f"targets of the {title}, attacked ones aside": listed(
                [name for name in mean.targets if record.targets[name].model not in attacked], _NAMED
            )
            or "none"
            for title, mean in ((BLACK_BOX_MEAN, record.black_box_mean), (DEFENDED_MEAN, record.defended_mean))
        }
        for folder, record in records.items()
    }
    return pd.DataFrame.from_dict(facts, orient="index")


def differences(facts: pd.DataFrame, table: SweepTable) -> dict[str, list[tuple[str, str]]]:
    """Return the facts in which rows differ, each with its values and the names of the rows that have them."""
    rows = table.rows.explode("folders")
    of_rows = facts.reindex(rows.folders).fillna("unknown").set_axis(rows["name"] + " on " + rows.surrogate)
    return {
        str(name): [
            (value, listed(list(dict.fromkeys(alike.index)), _NAMED))
            for value, alike in sorted(of_rows[name].groupby(of_rows[name]), key=lambda item: -len(item[1]))
        ]
        for name in of_rows
        if of_rows[name].nunique() > 1
    }
