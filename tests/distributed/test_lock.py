import os
import signal
import threading
from pathlib import Path

import pytest

from naa_lightning.distributed.lock import one_at_a_time
from naa_lightning.distributed.stopping import Stopped, sigterm_noted


def test_the_second_waits_for_the_first(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level("INFO", "naa_lightning")
    order = []
    waiting = threading.Event()

    def second() -> None:
        waiting.set()
        with one_at_a_time(tmp_path / "folder" / "lock", "training a"):
            order.append("second")

    with one_at_a_time(tmp_path / "folder" / "lock", "training a"):
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
    with pytest.raises(ZeroDivisionError), one_at_a_time(tmp_path / "lock", "training a"):
        raise ZeroDivisionError
    with one_at_a_time(tmp_path / "lock", "training a"):
        assert caplog.messages == []


def test_different_files_do_not_wait_for_each_other(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level("INFO", "naa_lightning")
    with one_at_a_time(tmp_path / "a", "training a"), one_at_a_time(tmp_path / "b", "training b"):
        assert caplog.messages == []


def test_who_waits_stops_when_asked(tmp_path: Path) -> None:
    stopped = pytest.raises(Stopped, match="stopped by SIGTERM at training b")
    with sigterm_noted(), one_at_a_time(tmp_path / "lock", "training a"):
        os.kill(os.getpid(), signal.SIGTERM)
        with stopped, one_at_a_time(tmp_path / "lock", "training b"):
            pytest.fail("two are inside")
