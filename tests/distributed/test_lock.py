import os
import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from naa_lightning.distributed.lock import exclusive
from naa_lightning.distributed.stopping import Stopped, stop_noted


def test_the_second_waits_for_the_first(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level("INFO", "naa_lightning")
    order = []
    waiting = threading.Event()

    def second() -> None:
        waiting.set()
        with exclusive(tmp_path / "folder" / "lock", "training a"):
            order.append("second")

    with exclusive(tmp_path / "folder" / "lock", "training a"):
        thread = threading.Thread(target=second)
        thread.start()
        waiting.wait(10)
        thread.join(0.5)
        order.append("first")
    thread.join(30)
    assert order == ["first", "second"]
    assert caplog.messages == ["training a: waiting for another process that does so"]


def test_an_error_lets_the_next_one_in(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level("INFO", "naa_lightning")
    with pytest.raises(ZeroDivisionError), exclusive(tmp_path / "lock", "training a"):
        raise ZeroDivisionError
    with exclusive(tmp_path / "lock", "training a"):
        assert caplog.messages == []


def test_different_files_do_not_wait_for_each_other(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level("INFO", "naa_lightning")
    with exclusive(tmp_path / "a", "training a"), exclusive(tmp_path / "b", "training b"):
        assert caplog.messages == []


@contextmanager
def sigterm_soon() -> Iterator[None]:
    timer = threading.Timer(0.3, os.kill, (os.getpid(), signal.SIGTERM))
    timer.start()
    yield
    timer.join()


def test_who_waits_stops_when_asked(tmp_path: Path) -> None:
    held, stopped = threading.Event(), threading.Event()

    def first() -> None:
        with exclusive(tmp_path / "lock", "training a"):
            held.set()
            stopped.wait(30)

    thread = threading.Thread(target=first)
    thread.start()
    assert held.wait(30)
    try:
        with (
            stop_noted(),
            sigterm_soon(),
            pytest.raises(Stopped, match="stopped by SIGTERM at training b"),
            exclusive(tmp_path / "lock", "training b"),
        ):
            pytest.fail("two are inside")
    finally:
        stopped.set()
        thread.join(30)
