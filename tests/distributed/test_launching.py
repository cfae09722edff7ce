"""Of several ranks that fail, one says why."""

from multiprocessing import get_context
from typing import Any

import pytest
from torch.multiprocessing.spawn import ProcessExitedException

from naa_lightning.distributed.launching import _explained
from naa_lightning.distributed.stopping import Stopped
from naa_lightning.exceptions import RankError, UserError

MISTAKE, BROKEN, ELSEWHERE = UserError("a.png is bad"), RuntimeError("connection closed"), RankError("a.png is bad")


FAILED, STOPPED, KILLED = (1, None), (75, None), (-9, "SIGKILL")


@pytest.mark.parametrize(
    ("outcomes", "first_end", "expected"),
    [
        ([(0, BROKEN), (1, MISTAKE)], FAILED, MISTAKE),
        ([(0, MISTAKE), (1, BROKEN)], FAILED, MISTAKE),
        ([(0, ELSEWHERE), (1, BROKEN), (2, MISTAKE)], FAILED, MISTAKE),
        ([(0, BROKEN), (2, MISTAKE)], KILLED, MISTAKE),
        ([(0, ELSEWHERE), (1, BROKEN)], FAILED, BROKEN),
        ([(0, ELSEWHERE)], FAILED, ELSEWHERE),
        ([(0, BROKEN)], KILLED, UserError("rank 1 was killed (SIGKILL); what is saved so far is kept: go on")),
        ([(0, "stopped at 3"), (1, BROKEN)], STOPPED, Stopped("stopped at 3")),
    ],
)
def test_what_is_said_where_ranks_fail_differently(
    outcomes: list[tuple[int, Any]], first_end: tuple[int, str | None], expected: Exception | Stopped
) -> None:
    queue = get_context("spawn").SimpleQueue()
    for outcome in outcomes:
        queue.put(outcome)
    exit_code, signal_name = first_end
    error = ProcessExitedException("", error_index=1, error_pid=1, exit_code=exit_code, signal_name=signal_name)
    found = _explained(error, queue, "go on")
    assert (type(found), str(found)) == (type(expected), str(expected))
