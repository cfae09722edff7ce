"""Exact neuron attribution of images, as numbers."""

from dataclasses import dataclass

import pyarrow as pa

from naa_lightning.records.table import Table


@dataclass(frozen=True)
class AttributionRow:
    """A row of `attribution.parquet`: one statistic of one image.

    Args:
        id: The image's row in the data set's own order.
        part: What is described: "clean" or "adversarial", the attribution of either image; "effect", of the attack on
            it; "naa", the agreement of the attack's approximation with it; or a further attacked layer, its agreement.
        statistic: The name of the statistic in `AttributionStatistics`, `AttackEffect` or `Agreement`.
        value: Its value; None where it has none.
    """

    id: int
    part: str
    statistic: str
    value: float | None


def _one_statistic_a_row(table: pa.Table, version: int) -> pa.Table:
    """Bring version 1, one row per image with columns such as "clean/gini", to one row per statistic."""
    parts = (name.rpartition("/") for name in table.column_names if name != "id")
    rows = [
        {"id": row["id"], "part": part, "statistic": statistic, "value": row[f"{part}/{statistic}"]}
        for part, _, statistic in parts
        for row in table.to_pylist()
    ]
    return pa.Table.from_pylist(rows, schema=TABLE.schema)


TABLE = Table("attribution.parquet", AttributionRow, upgraded=_one_statistic_a_row)
write_attributions = TABLE.write
read_attributions = TABLE.read
