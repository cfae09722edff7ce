"""A folder belongs to the run that is in it."""

import json
import multiprocessing
import os
import re
import socket
from pathlib import Path

import pytest

from naa_lightning.distributed.folder_lock import FILE_NAME, alone_in
from naa_lightning.exceptions import UserError


def enter(folder: Path, entered: "multiprocessing.connection.Connection") -> None:
    """Stay in a folder until killed."""
    with alone_in(folder):
        entered.send(os.getpid())
        multiprocessing.Event().wait(60)


def test_a_second_run_is_refused_and_the_first_one_named(tmp_path: Path) -> None:
    folder = tmp_path / "run"
    with alone_in(folder):
        who = f"{folder} is in use by process {os.getpid()} on {socket.gethostname()}: wait for it, or choose another"
        with pytest.raises(UserError, match=re.escape(who)), alone_in(folder):
            pass
    with alone_in(folder):
        pass


def test_an_error_leaves_the_folder_free(tmp_path: Path) -> None:
    with pytest.raises(ZeroDivisionError), alone_in(tmp_path):
        raise ZeroDivisionError
    with alone_in(tmp_path):
        pass


def test_a_process_that_is_killed_leaves_the_folder_free(tmp_path: Path) -> None:
    context = multiprocessing.get_context("spawn")
    here, there = context.Pipe()
    process = context.Process(target=enter, args=(tmp_path, there))
    process.start()
    assert here.recv() == process.pid
    with pytest.raises(UserError, match=f"in use by process {process.pid} on"), alone_in(tmp_path):
        pass
    process.kill()
    process.join()
    with alone_in(tmp_path):
        assert json.loads((tmp_path / FILE_NAME).read_text())[0] == os.getpid()


@pytest.mark.parametrize("said", ["", "{", "[1]", "null"])
def test_a_run_that_has_not_said_who_it_is_yet(said: str, tmp_path: Path) -> None:
    with alone_in(tmp_path):
        (tmp_path / FILE_NAME).write_text(said)
        with pytest.raises(UserError, match="is in use by another run"), alone_in(tmp_path):
            pass
