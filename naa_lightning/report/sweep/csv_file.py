"""The table of a sweep for programs."""

import csv
import io

from naa_lightning.report.sweep.summary import Block, Cell, Column, Row, Summary

HEADS = (
    "surrogate",
    "attack",
    "setting",
    "data",
    "rate",
    "target",
    "kind",
    "white_box",
    "seeds",
    "mean",
    "spread",
    "failed",
    "best",
    "baseline",
    "better",
    "worse",
    "p",
    "p_holm",
)


def to_csv(summary: Summary) -> str:
    """Write one line per cell, shares in [0, 1]; unknown values are empty.

    Targets that a row's runs do not have are left out.
    """
    content = io.StringIO()
    writer = csv.writer(content, lineterminator="\n")
    writer.writerow(HEADS)
    for block in summary.blocks:
        for row in block.rows:
            for column, cell in zip(summary.columns, row.cells, strict=True):
                if cell.rates or cell.failed:
                    writer.writerow(_line(block, row, column, cell))
    return content.getvalue()


def _line(block: Block, row: Row, column: Column, cell: Cell) -> list[object]:
    test = cell.comparison
    return [
        block.surrogate,
        row.attack,
        row.setting,
        block.data,
        block.rate,
        column.name,
        column.kind,
        _flag(cell.white_box),
        len(cell.rates),
        cell.mean,
        cell.spread,
        _flag(cell.failed),
        _flag(cell.best),
        *((test.baseline, test.better, test.worse, test.p, test.p_holm) if test else [None] * 5),
    ]


def _flag(value: bool) -> str:
    return "true" if value else "false"
