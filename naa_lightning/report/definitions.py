"""What rates, measures and phases are called and mean, and which paper reports which rate: two tables beside this."""

import csv
from importlib.resources import files
from typing import NamedTuple


class Definition(NamedTuple):
    """A row of `meanings.csv`.

    Args:
        kind: What it is one of: "rate", "perturbation", "attribution", "effect", "agreement", "cost" or "phase".
        key: Its key in `results.json`.
        name: Its name.
        format: How a value is written: the names of formats in `naa_lightning.report.page.measures`, one a column.
        meaning: What it is.
    """

    kind: str
    key: str
    name: str
    format: str
    meaning: str


class Convention(NamedTuple):
    """A row of `conventions.csv`: the rate that a paper calls its success rate.

    Where all images are classified correctly by every target, by choice, error and success rate are one number. A paper
    that is absent was not checked.

    Args:
        paper: The title of the paper, as in `conf/attack/`, or the name of a benchmark.
        year: The year of publication.
        rate: The name, in `TransferRates`, of the rate that the paper reports.
        images: The images that the rate is over.
        source: The place in code or text that says so.
    """

    paper: str
    year: str
    rate: str
    images: str
    source: str


def _rows(name: str) -> list[dict[str, str]]:
    return list(csv.DictReader(files("naa_lightning.report").joinpath(name).read_text(encoding="utf-8").splitlines()))


DEFINITIONS = {(row["kind"], row["key"]): Definition(**row) for row in _rows("meanings.csv")}
CONVENTIONS = tuple(Convention(**row) for row in _rows("conventions.csv"))
