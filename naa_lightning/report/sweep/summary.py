"""The table of a sweep."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from statistics import fmean, stdev
from typing import Literal

HEAT_MAP = "heatmap.png"
ALPHA = 0.05
"""Below this adjusted p-value a row differs from its baseline."""


@dataclass(frozen=True)
class Column:
    """What rows are measured on.

    Args:
        name: Of the target, or of the mean.
        kind: Whether it is a target, one behind a defence, or a mean of black-box targets.
    """

    name: str
    kind: Literal["undefended", "defended", "mean"]


@dataclass(frozen=True)
class Comparison:
    """A row against its baseline on the same images.

    Args:
        baseline: Name of the row compared with.
        better: Images on which the row does better.
        worse: Images on which it does worse.
        p: Of McNemar's exact test; see `naa_lightning.report.sweep.paired.compare`.
        p_holm: The same, adjusted by Holm for all tests of the table.
    """

    baseline: str
    better: int
    worse: int
    p: float
    p_holm: float

    @property
    def differs(self) -> bool:
        """Whether chance alone would hardly do it."""
        return self.p_holm < ALPHA


@dataclass(frozen=True)
class Cell:
    """A row's headline rate on a target, or its mean over targets.

    Args:
        rates: Of the runs that have it, one per seed, in [0, 1].
        white_box: Whether the images were crafted on the target's model.
        failed: Whether a run could not ask the target.
        best: Whether no row of the block is higher; set where there are several, white-box cells aside.
        comparison: With the baseline; None where there is none to make.
    """

    rates: tuple[float, ...] = ()
    white_box: bool = False
    failed: bool = False
    best: bool = False
    comparison: Comparison | None = None

    @property
    def mean(self) -> float | None:
        """Over seeds; None where there is no number."""
        return fmean(self.rates) if self.rates else None

    @property
    def spread(self) -> float | None:
        """The standard deviation over seeds; None where there are not two."""
        return stdev(self.rates) if len(self.rates) > 1 else None

    @property
    def differs(self) -> bool:
        """Whether it differs from the baseline."""
        return self.comparison is not None and self.comparison.differs


@dataclass(frozen=True)
class Row:
    """Runs that differ in nothing but their seed.

    Args:
        attack: Its name.
        setting: What else was swept; empty where nothing was.
        seeds: Of the runs.
        folders: Of the runs.
        cells: In the order of the table's columns.
        is_baseline: Whether the other rows of the block are compared with it.
    """

    attack: str
    setting: str
    seeds: tuple[int | None, ...]
    folders: tuple[Path, ...]
    cells: tuple[Cell, ...]
    is_baseline: bool = False

    @property
    def name(self) -> str:
        """The attack with its setting."""
        return f"{self.attack} {self.setting}".rstrip()


@dataclass(frozen=True)
class Block:
    """Rows that can be compared: of one surrogate, data set and rate.

    Args:
        surrogate: Its name.
        data: Name of the data set.
        rate: The headline rate: "success_rate", or "target_rate" of targeted runs.
        rows: In the order of the jobs.
    """

    surrogate: str
    data: str
    rate: str
    rows: tuple[Row, ...]

    @property
    def baseline(self) -> str | None:
        """Name of the row that the others are compared with."""
        return next((row.name for row in self.rows if row.is_baseline), None)


@dataclass(frozen=True)
class Summary:
    """The table of a sweep, with what a reader must know.

    Args:
        columns: Targets, those without a defence first, then means.
        blocks: Of rows.
        notices: What to mind, in sentences.
        failed: Why jobs failed, by folder.
        unfinished: Folders of jobs that neither finished nor failed.
        folders: Of the finished runs, also of those that do not count.
    """

    columns: tuple[Column, ...]
    blocks: tuple[Block, ...]
    notices: Sequence[str]
    failed: Mapping[Path, str]
    unfinished: Sequence[Path]
    folders: Sequence[Path]

    @property
    def rows(self) -> list[Row]:
        """All rows."""
        return [row for block in self.blocks for row in block.rows]

    @property
    def has_settings(self) -> bool:
        """Whether anything was swept besides surrogate, attack and seed."""
        return any(row.setting for row in self.rows)

    @property
    def rates(self) -> list[str]:
        """The headline rates in the table."""
        return list(dict.fromkeys(block.rate for block in self.blocks))

    @property
    def data(self) -> list[str]:
        """The data sets in the table."""
        return list(dict.fromkeys(block.data for block in self.blocks))

    @property
    def baselines(self) -> list[str]:
        """Names of the rows that others are compared with."""
        return list(dict.fromkeys(block.baseline for block in self.blocks if block.baseline is not None))
