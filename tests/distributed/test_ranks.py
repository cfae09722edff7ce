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
from torch.distributed.rendezvous import rendezvous

from naa_lightning.distributed.launching import in_ranks
from naa_lightning.distributed.ranks import Place, Ranks, joined, place_given
from naa_lightning.distributed.stopping import Stopped, asked_to_stop, sigterm_noted, stop_if_asked
from naa_lightning.exceptions import UserError


def together(folder: Path, place: Place) -> Mapping[str, Any]:
    """Everything that ranks do with each other."""
    with joined(place) as ranks:
        assert not torch.distributed.is_initialized()  # or metrics would wait for all ranks
        first_before = []

        def seen() -> None:
            first_before.append((folder / "first").exists())
            if ranks.first:
                time.sleep(0.5)
                (folder / "first").touch()

        ranks.first_before_others(seen)
        found = {
            "gathered": ranks.gathered(lambda: f"rank {place.rank}"),
            "everywhere": ranks.gathered(lambda: ranks.first),
            "from_first": ranks.from_first(lambda: place.rank),
            "waited": ranks.gathered(lambda: first_before),
            "share": ranks.gathered(lambda: ranks.share(range(5))),
            "own": ranks.everywhere(lambda: place.rank),
        }
        assert ranks.part() == (place.rank == 0)
        return {**found, "alone": ranks.gathered(lambda: place.rank) if ranks.first else None}


def test_what_ranks_do_with_each_other(tmp_path: Path) -> None:
    found = in_ranks(2, together, tmp_path, going_on="")
    assert found["gathered"] == ["rank 0", "rank 1"]
    assert found["everywhere"] == [True, False]
    assert found["from_first"] == found["own"] == 0
    assert found["waited"] == [[False], [True]]
    assert found["share"] == [[0, 2, 4], [1, 3]]
    assert found["alone"] == [0]


def fails(error: Exception, place: Place) -> None:
    """The second rank fails at its part of the work."""

    def work() -> None:
        if place.rank == 1:
            raise error

    with joined(place) as ranks:
        ranks.gathered(work)
        pytest.fail("went on")


def test_a_mistake_that_one_rank_finds_ends_all() -> None:
    with pytest.raises(UserError, match=r"^image 3 is bad$"):
        in_ranks(2, fails, UserError("image 3 is bad"), going_on="")


def test_an_error_of_ours_keeps_its_traceback() -> None:
    with pytest.raises(RuntimeError, match=r"(?s)in work.*ZeroDivisionError: by nothing"):
        in_ranks(2, fails, ZeroDivisionError("by nothing"), going_on="")


def is_killed(rank: int, place: Place) -> None:
    with joined(place) as ranks:
        if place.rank == rank:
            os.kill(os.getpid(), signal.SIGKILL)
        ranks.gathered(lambda: None)


def is_killed_while_others_join(rank: int, place: Place) -> None:
    if place.rank == rank:
        store, _, _ = next(iter(rendezvous(place.rendezvous, place.rank, place.world_size)))
        for _ in range(1200):
            if store.num_keys() > 1:  # the other one has told its address
                break
            time.sleep(0.05)
        os.kill(os.getpid(), signal.SIGKILL)
    with joined(place):
        pytest.fail("found them")


@pytest.mark.parametrize(("work", "rank"), [(is_killed, 0), (is_killed, 1), (is_killed_while_others_join, 0)])
def test_a_rank_that_is_killed_ends_all(work: Callable[[int, Place], None], rank: int) -> None:
    begun = time.monotonic()
    with pytest.raises(UserError, match=rf"^rank {rank} was killed \(SIGKILL\); what is saved so far is kept: go on$"):
        in_ranks(2, work, rank, going_on="go on")
    assert time.monotonic() - begun < 120


def works_until_asked(folder: Path, place: Place) -> None:
    with joined(place), sigterm_noted():
        (folder / f"{place.rank}").touch()
        if place.rank == 0:
            while not (folder / "1").exists():
                time.sleep(0.05)
            os.kill(os.getppid(), signal.SIGTERM)
        while not asked_to_stop():
            time.sleep(0.05)
        (folder / f"{place.rank} has finished").touch()
        stop_if_asked("work")


def test_sigterm_is_passed_on_to_all(tmp_path: Path) -> None:
    handler = signal.getsignal(signal.SIGTERM)
    with pytest.raises(Stopped, match="stopped by SIGTERM at work") as stopped:
        in_ranks(2, works_until_asked, tmp_path, going_on="")
    assert stopped.value.code == 75
    assert sorted(path.name for path in tmp_path.iterdir()) == ["0", "0 has finished", "1", "1 has finished"]
    assert signal.getsignal(signal.SIGTERM) == handler


def test_a_process_alone_needs_nobody() -> None:
    with joined(place_given()) as ranks:
        assert not torch.distributed.is_initialized()
        assert ranks.first
        assert ranks.gathered(lambda: 3) == [3]
        assert ranks.share("abc") == ["a", "b", "c"]
        with pytest.raises(ZeroDivisionError):
            ranks.everywhere(lambda: 1 // 0)
    assert Ranks().part()


SLURM = {
    "SLURM_STEP_NUM_TASKS": "9",
    "SLURM_PROCID": "8",
    "SLURM_LOCALID": "0",
    "SLURM_NODEID": "2",
    "SLURM_STEP_TASKS_PER_NODE": "4(x2),1",
    "SLURM_STEP_NODELIST": "gpu[07-09]",
    "SLURM_JOB_ID": "1234",
    "SLURM_STEP_ID": "0",
}


def given(environment: Mapping[str, str], monkeypatch: pytest.MonkeyPatch) -> Place:
    for name in ("MASTER_ADDR", "MASTER_PORT"):
        monkeypatch.delenv(name, raising=False)
    for name, value in environment.items():
        monkeypatch.setenv(name, value)
    return place_given()


def test_the_place_that_srun_gives(monkeypatch: pytest.MonkeyPatch) -> None:
    place = given(SLURM, monkeypatch)
    assert (place.rank, place.world_size, place.local_rank, place.local_size) == (8, 9, 0, 1)
    assert place.rendezvous.startswith("tcp://gpu07:")
    assert place.starter == "srun"
    assert given({"SLURM_STEP_ID": "1"}, monkeypatch).rendezvous != place.rendezvous
    assert given({"MASTER_ADDR": "head", "MASTER_PORT": "1"}, monkeypatch).rendezvous == "tcp://head:1"


def test_one_task_of_srun_is_a_process_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    assert given(SLURM | {"SLURM_STEP_NUM_TASKS": "1"}, monkeypatch) == Place()
    monkeypatch.delenv("SLURM_STEP_NUM_TASKS")  # a batch script, outside of any srun
    assert place_given() == Place()


def test_the_place_that_torchrun_gives(monkeypatch: pytest.MonkeyPatch) -> None:
    elastic = {
        "TORCHELASTIC_RUN_ID": "none",
        "RANK": "5",
        "WORLD_SIZE": "8",
        "LOCAL_RANK": "1",
        "LOCAL_WORLD_SIZE": "4",
    }
    assert given(elastic, monkeypatch) == Place(5, 8, 1, 4, "env://", "torchrun")


def test_ranks_that_do_not_find_each_other(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("naa_lightning.distributed.ranks.TO_JOIN", timedelta(seconds=1))
    alone = Place(rank=1, world_size=2, rendezvous="tcp://127.0.0.1:9")
    with (
        pytest.raises(UserError, match=r"^rank 1 of 2 does not find the others at tcp://127\.0\.0\.1:9 .*MASTER_ADDR"),
        joined(alone),
    ):
        pytest.fail("found them")
