import time
from collections.abc import Callable
from functools import partial
from threading import Event

import pytest

from naa_lightning.callbacks.background import Background


def test_a_block_that_fails_ends_when_everything_handed_over_is_done() -> None:
    done: list[int] = []
    gate = Event()

    def work(number: int) -> None:
        gate.wait(60)
        done.append(number)

    def interrupted() -> None:
        with Background(threads=2, waiting=10) as background:
            for number in range(5):
                background.do(partial(work, number))
            assert done == []
            gate.set()
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        interrupted()
    assert sorted(done) == [0, 1, 2, 3, 4]


def test_the_caller_waits_while_too_much_is_outstanding() -> None:
    done: list[int] = []

    def work(number: int) -> None:
        time.sleep(0.005)
        done.append(number)

    with Background(threads=2, waiting=3) as background:
        for number in range(20):
            background.do(partial(work, number))
            assert number + 1 - len(done) <= 3
    assert len(done) == 20


def fail(text: str) -> None:
    raise ValueError(text)


def do(*pieces: Callable[[], None], waiting: int) -> None:
    with Background(threads=1, waiting=waiting) as background:
        for piece in pieces:
            background.do(piece)


def test_an_error_is_raised_where_the_next_piece_waits_for_room_and_that_piece_is_done() -> None:
    done: list[int] = []
    with pytest.raises(ValueError, match="first"):
        do(partial(fail, "first"), partial(done.append, 1), partial(done.append, 2), waiting=1)
    assert done == [1]


def test_pieces_handed_over_together_are_all_done_though_one_fails() -> None:
    done: list[int] = []
    with pytest.raises(ValueError, match="first"), Background(threads=1, waiting=1) as background:
        background.do(partial(fail, "first"), *(partial(done.append, number) for number in range(5)))
    assert done == [0, 1, 2, 3, 4]


def slowly(first: Callable[[], None], pieces: int, done: list[int]) -> None:
    with Background(threads=1, waiting=pieces) as background:
        background.do(first)
        for number in range(pieces - 1):
            time.sleep(0.01)
            background.do(partial(done.append, number))


def test_an_error_is_raised_with_the_next_piece_once_it_has_happened() -> None:
    done: list[int] = []
    with pytest.raises(ValueError, match="first"):
        slowly(partial(fail, "first"), 1000, done)
    assert len(done) < 999


def test_an_error_is_raised_at_the_end_at_the_latest_and_the_others_are_done() -> None:
    done: list[int] = []
    with pytest.raises(ValueError, match="last"):
        do(partial(done.append, 1), partial(done.append, 2), partial(fail, "last"), waiting=10)
    assert done == [1, 2]
