"""Long work in pieces, with a bar that says what is running and how long the rest takes."""

from collections.abc import Callable, Sequence
from typing import NamedTuple

from rich.console import Console
from rich.progress import BarColumn, Progress, TextColumn, TimeElapsedColumn, TimeRemainingColumn
from rich.table import Column

from naa_lightning.exceptions import UserError, in_one_line


class Job(NamedTuple):
    """A piece of work.

    Args:
        what: It is called.
        cost: About how long it takes, in any unit that all pieces share.
        do: Does it.
    """

    what: str
    cost: float
    do: Callable[[], None]


def do_all(jobs: Sequence[Job], console: Console) -> dict[str, str]:
    """Do one job after another.

    Returns:
        Which ones cannot be done, and why.
    """
    failed: dict[str, str] = {}
    bar = Progress(
        TextColumn("{task.description}", table_column=Column()),
        BarColumn(bar_width=20),
        TimeElapsedColumn(table_column=Column(no_wrap=True)),
        TimeRemainingColumn(table_column=Column(no_wrap=True)),
        console=console,
        speed_estimate_period=24 * 3600,  # of all that was done: jobs are long and unlike each other
    )
    with bar:
        task = bar.add_task("", total=sum(job.cost for job in jobs))
        for number, job in enumerate(jobs, 1):
            bar.update(task, description=f"{number} of {len(jobs)}: {job.what}")
            try:
                job.do()
            except UserError as error:
                failed[job.what] = in_one_line(error)
            bar.advance(task, job.cost)
        bar.update(task, description=f"{len(jobs)} measurements")
    return failed
