"""What rates, measures and phases are called and mean, and which paper reports which rate: two tables beside this."""

import csv
from collections.abc import Mapping
from importlib.resources import files
from typing import Any


def _rows(name: str) -> list[dict[str, str]]:
    return list(csv.DictReader(files("naa_lightning.report").joinpath(name).read_text(encoding="utf-8").splitlines()))


DEFINITIONS = {(row["kind"], row["key"]): row for row in _rows("meanings.csv")}
"""By kind and key in `results.json`: "name", "meaning" and "format", those of `measures`, one a column."""

SHORT = {key: definition["name"] for (kind, key), definition in DEFINITIONS.items() if kind == "rate"}
"""The names of the rates."""

CONVENTIONS = _rows("conventions.csv")
"""The rate that a "paper", called as in `conf/attack/`, or a benchmark calls its success rate, by "year".

"rate" is its name in `TransferRates`, "images" are those that it is over, and "source" is where code or text says so.
Where all images are classified correctly by every target, by choice, error and success rate are one number. A paper
that is absent was not checked.
"""


def own_convention(config: Mapping[str, Any]) -> dict[str, str] | None:
    """Return the convention of the paper of the attack in a run's configuration; None where it is unknown."""
    attack = config.get("attack")
    citation = str(attack.get("paper")) if isinstance(attack, Mapping) else ""
    return next((convention for convention in CONVENTIONS if convention["paper"] in citation), None)
