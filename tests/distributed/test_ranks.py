"""Several processes share work, and fail and stop together."""

import os
import signal
import time
from collections.abc import Callable, Mapping
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
import torch.distributed
from torch.distributed import rendezvous

from naa_lightning.distributed.launching import launch
from naa_lightning.distributed.process_info import ProcessInfo, detect_process
from naa_lightning.distributed.ranks import Ranks, joined
from naa_lightning.distributed.stopping import Stopped, asked_to_stop, stop_if_asked, stop_noted
from naa_lightning.exceptions import UserError


def together(folder: Path, process: ProcessInfo) -> Mapping[str, Any]:
    """Everything that ranks do with each other."""
    with joined(process) as ranks:
        assert not torch.distributed.is_initialized()  # or metrics would wait for all ranks
        first_before = []

        def seen() -> None:
            first_before.append((folder / "first").exists())
            if ranks.first:
                time.sleep(0.5)
                (folder / "first").touch()

        ranks.first_before_others(seen)
        found = {
            "gathered": ranks.gathered(lambda: f"rank {process.rank}"),
            "everywhere": ranks.gathered(lambda: ranks.first),
            "from_first": ranks.from_first(lambda: process.rank),
            "waited": ranks.gathered(lambda: first_before),
            "share": ranks.gathered(lambda: ranks.share(range(5))),
            "own": ranks.everywhere(lambda: process.rank),
        }
        assert ranks.part() == (process.rank == 0)
        return {**found, "alone": ranks.gathered(lambda: process.rank) if ranks.first else None}


def test_what_ranks_do_with_each_other(tmp_path: Path) -> None:
    found = launch(2, together, tmp_path, resume_hint="")
    assert found["gathered"] == ["rank 0", "rank 1"]
    assert found["everywhere"] == [True, False]
    assert found["from_first"] == found["own"] == 0
    assert found["waited"] == [[False], [True]]
    assert found["share"] == [[0, 2, 4], [1, 3]]
    assert found["alone"] == [0]


def fails(error: Exception, process: ProcessInfo) -> None:
    """The second rank fails at its part of the work."""

    def work() -> None:
        if process.rank == 1:
            raise error

    with joined(process) as ranks:
        ranks.gathered(work)
        pytest.fail("went on")


def test_a_mistake_that_one_rank_finds_ends_all() -> None:
    with pytest.raises(UserError, match=r"^image 3 is bad$"):
        launch(2, fails, UserError("image 3 is bad"), resume_hint="")


def test_an_error_of_ours_keeps_its_traceback() -> None:
    with pytest.raises(RuntimeError, match=r"(?s)in work.*ZeroDivisionError: by nothing"):
        launch(2, fails, ZeroDivisionError("by nothing"), resume_hint="")


def is_killed(rank: int, process: ProcessInfo) -> None:
    with joined(process) as ranks:
        if process.rank == rank:
            os.kill(os.getpid(), signal.SIGKILL)
        ranks.gathered(lambda: None)


def is_killed_while_others_join(rank: int, process: ProcessInfo) -> None:
    if process.rank == rank:
        store, _, _ = next(iter(rendezvous(process.init_method, process.rank, process.world_size)))
        for _ in range(1200):
            if store.num_keys() > 1:  # the other one has told its address
                break
            time.sleep(0.05)
        os.kill(os.getpid(), signal.SIGKILL)
    with joined(process):
        pytest.fail("found them")


@pytest.mark.parametrize(("work", "rank"), [(is_killed, 0), (is_killed, 1), (is_killed_while_others_join, 0)])
def test_a_rank_that_is_killed_ends_all(work: Callable[[int, ProcessInfo], None], rank: int) -> None:
    begun = time.monotonic()
    with pytest.raises(UserError, match=rf"^rank {rank} was killed \(SIGKILL\); what is saved so far is kept: go on$"):
        launch(2, work, rank, resume_hint="go on")
    assert time.monotonic() - begun < 120


def works_until_asked(asking: tuple[Path, signal.Signals, bool], process: ProcessInfo) -> None:
    folder, number, all_of_them = asking
    with joined(process), stop_noted():
        (folder / f"{process.rank}").touch()
        if process.rank == 0:
            while not (folder / "1").exists():
                time.sleep(0.05)
            os.kill(os.getppid(), number)
            if all_of_them:  # as a terminal does, here even twice
                time.sleep(1.1)
                os.kill(os.getpid(), number)
        while not asked_to_stop():
            time.sleep(0.05)
        (folder / f"{process.rank} has finished").touch()
        stop_if_asked("work")


@pytest.mark.parametrize(
    ("number", "name", "code", "all_of_them"),
    [(signal.SIGTERM, "SIGTERM", 75, False), (signal.SIGINT, "Ctrl-C", 130, True)],
)
def test_what_asks_for_a_stop_is_passed_on_to_all(
    number: signal.Signals, name: str, code: int, all_of_them: bool, tmp_path: Path
) -> None:
    handler = signal.getsignal(number)
    with pytest.raises(Stopped, match=f"stopped by {name} at work") as stopped:
        launch(2, works_until_asked, (tmp_path, number, all_of_them), resume_hint="")
    assert stopped.value.code == code
    assert sorted(path.name for path in tmp_path.iterdir()) == ["0", "0 has finished", "1", "1 has finished"]
    assert signal.getsignal(number) == handler


def test_a_process_alone_needs_nobody() -> None:
    with joined(detect_process()) as ranks:
        assert not torch.distributed.is_initialized()
        assert ranks.first
        assert ranks.gathered(lambda: 3) == [3]
        assert ranks.share("abc") == ["a", "b", "c"]
        with pytest.raises(ZeroDivisionError):
            ranks.everywhere(lambda: 1 // 0)
    assert Ranks().part()


def test_ranks_that_do_not_find_each_other(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("naa_lightning.distributed.ranks.JOIN_TIMEOUT", timedelta(seconds=1))
    alone = ProcessInfo(rank=1, world_size=2, init_method="tcp://127.0.0.1:9")
    with (
        pytest.raises(UserError, match=r"^rank 1 of 2 does not find the others at tcp://127\.0\.0\.1:9 .*MASTER_ADDR"),
        joined(alone),
    ):
        pytest.fail("found them")
