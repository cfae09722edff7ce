"""The table of a sweep."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from statistics import fmean, stdev
from typing import Literal

HEAT_MAP = "heatmap.png"
ALPHA = 0.05
"""The adjusted p-value below which a row differs from its baseline."""


@dataclass(frozen=True)
class Column:
    """A target, or a mean over targets.

    Args:
        name: The name of the target, or of the mean.
        kind: Whether it is an undefended target, a defended one, or a mean over black-box targets.
    """

    name: str
    kind: Literal["undefended", "defended", "mean"]


@dataclass(frozen=True)
class Comparison:
    """A row against its baseline on the same images.

    Args:
        baseline: The name of the row compared with.
        better: Number of images on which the row does better.
        worse: Number of images on which it does worse.
        p: The p-value of McNemar's exact test; see `naa_lightning.report.sweep.paired.compare`.
        p_holm: The p-value adjusted by Holm for all tests of the table.
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
        rates: The rates of the runs that have one, one per seed, in [0, 1].
        white_box: Whether the images were crafted on the target's model.
        failed: Whether the target failed in a run.
        best: Whether no row of the block is higher; set where there are several, white-box cells aside.
        comparison: The comparison with the baseline; None where there is none.
    """

    rates: tuple[float, ...] = ()
    white_box: bool = False
    failed: bool = False
    best: bool = False
    comparison: Comparison | None = None

    @property
    def mean(self) -> float | None:
        """The mean over seeds; None where there is no rate."""
        return fmean(self.rates) if self.rates else None

    @property
    def spread(self) -> float | None:
        """The standard deviation over seeds; None where there are not two."""
        return stdev(self.rates) if len(self.rates) > 1 else None

    @property
    def differs(self) -> bool:
        """Whether the row differs from the baseline."""
        return self.comparison is not None and self.comparison.differs


@dataclass(frozen=True)
class Row:
    """Runs that differ in nothing but their seed.

    Args:
        attack: The name of the attack.
        setting: The other options that were swept, as text; empty where there are none.
        seeds: The seeds of the runs.
        folders: The folders of the runs.
        cells: The cells, in the order of the table's columns.
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
        surrogate: The name of the surrogate.
        data: The name of the data set.
        rate: The headline rate: "success_rate", or "target_rate" of targeted runs.
        rows: The rows, in the order of the jobs.
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
        columns: The targets, those without a defence first, then the means.
        blocks: The blocks of rows.
        notices: Sentences that a reader must know.
        failed: The reason why a job failed, by its folder.
        unfinished: The folders of jobs that neither finished nor failed.
        folders: The folders of the finished runs, also of those that do not count.
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
