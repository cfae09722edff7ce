"""The description of a run's files in docs/ is that of the code.

`python -m tests.records.test_documentation` writes it anew.
"""

import inspect
import json
import re
from dataclasses import fields
from typing import Any

import pytest

from naa_lightning.records import AttributionRow, PerturbationRow, PictureRow, Prediction, RunResults
from naa_lightning.records.attributions import TABLE as ATTRIBUTIONS
from naa_lightning.records.perturbations import TABLE as PERTURBATIONS
from naa_lightning.records.pictures import TABLE as PICTURES
from naa_lightning.records.predictions import TABLE as PREDICTIONS
from naa_lightning.records.table import Table
from tests.experiments import ROOT

SCHEMA, PAGE = ROOT / "docs" / "results.schema.json", ROOT / "docs" / "results.md"
TABLES: list[Table[Any]] = [PREDICTIONS, PERTURBATIONS, ATTRIBUTIONS, PICTURES]


def schema() -> str:
    return json.dumps(RunResults.model_json_schema(mode="serialization"), indent=2) + "\n"


def meanings(kind: type) -> dict[str, str]:
    """What the docstring of a dataclass says of its fields."""
    text = inspect.getdoc(kind) or ""
    arguments = text.partition("Args:\n")[2]
    found = re.findall(r"^    ([\w, ]+): (.+(?:\n        .+)*)", arguments, re.MULTILINE)
    return {name: " ".join(meaning.split()) for names, meaning in found for name in names.split(", ")}


def described(table: Table[Any]) -> str:
    """The columns of a table in Markdown."""
    says = meanings(table.kind)
    rows = [f"| `{column.name}` | {column.type} | {says[column.name]} |" for column in table.schema]
    return "\n".join([f"### `{table.name}`", "", "| column | type | meaning |", "| --- | --- | --- |", *rows])


def test_the_schema_is_that_of_the_results() -> None:
    assert SCHEMA.read_text() == schema()


@pytest.mark.parametrize("table", TABLES, ids=lambda table: table.name)
def test_every_column_is_described(table: Table[Any]) -> None:
    assert described(table) in PAGE.read_text()


def test_every_field_of_every_row_is_a_column() -> None:
    for table, kind in zip(TABLES, (Prediction, PerturbationRow, AttributionRow, PictureRow), strict=True):
        assert table.schema.names == [field.name for field in fields(kind)]


if __name__ == "__main__":
    SCHEMA.write_text(schema())
    text = PAGE.read_text()
    head = text.partition("### `")[0]
    PAGE.write_text(head + "\n\n".join(map(described, TABLES)) + "\n")
