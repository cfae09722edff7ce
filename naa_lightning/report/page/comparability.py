"""Whether the rows of a sweep can be compared, and if not, which differ in what."""

import pandas as pd

from naa_lightning.records.results import BudgetResult
from naa_lightning.report.sweep.cells import BLACK_BOX_MEAN, DEFENDED_MEAN
from naa_lightning.report.sweep.table import SweepTable
from naa_lightning.report.wording import budget_text, counted, listed

_NAMED = 6


def differences(table: SweepTable) -> dict[str, list[tuple[str, str]]]:
    """Return the properties in which rows differ, each with its values and the names of the rows that have them.

    A model that some run attacked is no target of that row's mean, which is no such difference.
    """
    if table.rows.empty:
        return {}
    labels = table.rows["name"] + " on " + table.rows.surrogate
    runs = table.rows.folders.explode().rename("folder").reset_index().merge(table.runs.drop_duplicates("folder"))
    found = {
        "images": runs.data,
        "number of images": runs.images.map(lambda number: counted(number, "image")),
        "budget": pd.Series([_budget(norm, eps) for norm, eps in zip(runs.norm, runs.eps, strict=True)]),
        "aim": runs.targeted.map({True: "targeted", False: "untargeted"}),
        "version": "naa_lightning " + runs.version,
    }
    found = {name: values.set_axis(runs.row) for name, values in found.items()}
    attacked = set(table.runs.target[table.runs.model.isin(table.runs.model[table.runs.role == "white-box"])])
    for column in (BLACK_BOX_MEAN, DEFENDED_MEAN):
        means = table.cells[table.cells.column == column].set_index("row").targets
        others = means.map(lambda targets: listed([name for name in targets if name not in attacked], _NAMED))
        known = others.reindex(table.rows.index).fillna("")
        found[f"targets of the {column}, attacked ones aside"] = known.replace("", "none")
    return {
        name: [
            (str(value), listed(list(dict.fromkeys(labels[rows])), _NAMED))
            for value, rows in sorted(values.groupby(values).groups.items(), key=lambda item: -len(item[1]))
        ]
        for name, values in found.items()
        if values.nunique() > 1
    }


def _budget(norm: str, eps: float) -> str:
    return "unknown" if pd.isna(eps) else budget_text(BudgetResult(norm=norm, eps=eps))
