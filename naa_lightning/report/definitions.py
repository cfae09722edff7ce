"""What rates, measures and phases are called and mean, and which paper reports which rate: two tables beside this."""

import csv
from importlib.resources import files


def _rows(name: str) -> list[dict[str, str]]:
    return list(csv.DictReader(files("naa_lightning.report").joinpath(name).read_text(encoding="utf-8").splitlines()))


DEFINITIONS = {(row["kind"], row["key"]): row for row in _rows("meanings.csv")}
"""By kind and key in `results.json`: "name", "meaning" and "format", those of `page.measures`, one a column."""

CONVENTIONS = _rows("conventions.csv")
"""The rate that a "paper", called as in `conf/attack/`, or a benchmark calls its success rate, by "year".

"rate" is its name in `TransferRates`, "images" are those that it is over, and "source" is where code or text says so.
Where all images are classified correctly by every target, by choice, error and success rate are one number. A paper
that is absent was not checked.
"""
