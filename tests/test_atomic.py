"""Files are there whole or not at all."""

import errno
import os
import subprocess
import sys
import threading
from pathlib import Path

import pytest

from naa_lightning.atomic import write_atomically

FULL = """
import resource, sys
from pathlib import Path
from naa_lightning.atomic import write_atomically
resource.setrlimit(resource.RLIMIT_FSIZE, (1000, 1000))
try:
    write_atomically(Path(sys.argv[1]), b"x" * 2000)
except OSError as error:
    print(error.filename)
"""


def test_text_and_bytes_are_written_with_their_folders(tmp_path: Path) -> None:
    write_atomically(tmp_path / "a" / "b.txt", "schön")
    write_atomically(tmp_path / "a" / "b.bin", b"\r\n")
    assert (tmp_path / "a" / "b.txt").read_bytes() == b"sch\xc3\xb6n"
    assert (tmp_path / "a" / "b.bin").read_bytes() == b"\r\n"
    assert len(list((tmp_path / "a").iterdir())) == 2


def test_a_file_that_grows_too_large_leaves_what_was_there(tmp_path: Path) -> None:
    path = tmp_path / "results.json"
    path.write_bytes(b"before")
    run = subprocess.run([sys.executable, "-c", FULL, path], capture_output=True, text=True, check=True)
    assert run.stdout.strip() == str(path)
    assert path.read_bytes() == b"before"
    assert list(tmp_path.iterdir()) == [path]


def test_content_is_on_the_disk_before_the_file_has_its_name(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "results.json"
    synced: list[tuple[int, bool]] = []
    monkeypatch.setattr(os, "fsync", lambda file: synced.append((os.fstat(file).st_size, path.exists())))
    write_atomically(path, b"x" * 5000)
    assert synced == [(5000, False)]


def test_an_error_on_the_way_to_the_disk_names_the_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(_: int) -> None:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(OSError, match="No space left on device") as caught:
        write_atomically(tmp_path / "results.json", "content")
    assert (caught.value.errno, caught.value.filename) == (errno.ENOSPC, str(tmp_path / "results.json"))
    assert not list(tmp_path.iterdir())


def test_a_file_in_place_of_the_folder_is_told_as_such(tmp_path: Path) -> None:
    (tmp_path / "run").write_text("a file")
    with pytest.raises(FileExistsError):
        write_atomically(tmp_path / "run" / "results.json", "content")


def test_writers_of_one_file_do_not_meet(tmp_path: Path) -> None:
    path = tmp_path / "shared"
    contents = [bytes([65 + number]) * 20000 for number in range(4)]
    seen: list[bytes] = []
    errors: list[Exception] = []

    def write(content: bytes) -> None:
        try:
            for _ in range(50):
                write_atomically(path, content)
                seen.append(path.read_bytes())
        except Exception as error:  # noqa: BLE001 - reported below, out of its thread
            errors.append(error)

    threads = [threading.Thread(target=write, args=[content]) for content in contents]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert not errors
    assert set(seen) <= set(contents)
    assert list(tmp_path.iterdir()) == [path]
