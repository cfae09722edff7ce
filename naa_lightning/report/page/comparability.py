"""Whether the rows of a sweep can be compared, and if not, which differ in what."""

from collections.abc import Sequence

import pandas as pd

from naa_lightning.records.results import BudgetResult
from naa_lightning.report.page.wording import budget_text, counted, listed
from naa_lightning.report.sweep.cells import BLACK_BOX_MEAN, DEFENDED_MEAN
from naa_lightning.report.sweep.table import SweepTable

_NAMED = 6


def differences(table: SweepTable) -> dict[str, list[tuple[str, str]]]:
    """Return the properties in which rows differ, each with its values and the names of the rows that have them.

    A model that some run attacked is no target of that row's mean, which is no such difference.
    """
    labels = table.rows["name"] + " on " + table.rows.surrogate
    runs = table.rows.folders.explode().rename("folder").reset_index().merge(table.runs.drop_duplicates("folder"))
    facts = pd.DataFrame(
        {
            "images": runs.data,
            "number of images": [counted(number, "image") for number in runs.images],
            "budget": [_budget(norm, eps) for norm, eps in zip(runs.norm, runs.eps, strict=True)],
            "aim": runs.targeted.map({True: "targeted", False: "untargeted"}),
            "version": "naa_lightning " + runs.version,
        }
    ).set_index(runs.row)
    found: dict[str, pd.Series] = {str(name): facts[name] for name in facts}
    attacked = set(table.runs.target[table.runs.model.isin(table.runs.model[table.runs.role == "white-box"])])
    for column in (BLACK_BOX_MEAN, DEFENDED_MEAN):
        found[f"targets of the {column}, attacked ones aside"] = _targets(table, column, attacked)
    return {
        name: [
            (str(value), _first_of(list(dict.fromkeys(labels[rows])), _NAMED))
            for value, rows in sorted(values.groupby(values).groups.items(), key=lambda item: -len(item[1]))
        ]
        for name, values in found.items()
        if values.nunique() > 1
    }


def _budget(norm: str, eps: float) -> str:
    return "unknown" if pd.isna(eps) else budget_text(BudgetResult(norm=norm, eps=eps))


def _targets(table: SweepTable, column: str, attacked: set[str]) -> pd.Series:
    """Describe each row's set of targets by its size and by its members that are not in all sets, empty ones aside."""
    cells = table.cells[table.cells.column == column].set_index("row").targets
    sets = cells.map(lambda names: set(names) - attacked).reindex(table.rows.index)
    sets = sets.map(lambda names: names if isinstance(names, set) else set())
    common = set.intersection(*known) if (known := [names for names in sets if names]) else set()
    return sets.map(lambda names: _described(names, sorted(names - common)))


def _described(names: set[str], own: Sequence[str]) -> str:
    if not names:
        return "none"
    return counted(len(names), "target") + (f", with {_first_of(own, 3)}" if own else "")


def _first_of(names: Sequence[str], shown: int) -> str:
    return listed(names) if len(names) <= shown else f"{', '.join(names[:shown])} and {len(names) - shown} more"
