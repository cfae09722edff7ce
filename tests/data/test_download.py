import hashlib
import socket
from collections.abc import Callable
from pathlib import Path

import pytest

from naa_lightning.data.download import RemoteFile, fetch_missing
from naa_lightning.exceptions import UserError

Serve = Callable[[Path], str]


@pytest.fixture
def published(tmp_path: Path) -> Path:
    folder = tmp_path / "published"
    folder.mkdir()
    for number in range(20):
        (folder / f"{number}.bin").write_bytes(bytes([number]) * 1000)
    return folder


def listing(published: Path) -> list[RemoteFile]:
    return [
        RemoteFile(path.name, f"kept/{path.name}", hashlib.sha256(path.read_bytes()).digest())
        for path in sorted(published.iterdir())
    ]


def contents(folder: Path) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in folder.iterdir()}


def test_fetches_everything_and_nothing_twice(tmp_path: Path, published: Path, serve: Serve) -> None:
    url, files = serve(published), listing(published)
    fetch_missing(url, tmp_path / "copy", files)
    assert contents(tmp_path / "copy" / "kept") == contents(published)
    fetch_missing("http://127.0.0.1:1", tmp_path / "copy", files)


def test_a_corrupted_file_is_not_kept_and_the_download_continues(tmp_path: Path, published: Path, serve: Serve) -> None:
    url, files = serve(published), listing(published)
    (published / "7.bin").write_bytes(b"corrupted")
    with pytest.raises(UserError, match=r"7\.bin is not the published kept/7\.bin \(its SHA-256 differs\)"):
        fetch_missing(url, tmp_path / "copy", files)
    kept = contents(tmp_path / "copy" / "kept")
    assert kept.items() <= contents(published).items()
    assert "7.bin" not in kept
    (published / "7.bin").write_bytes(bytes([7]) * 1000)
    fetch_missing(url, tmp_path / "copy", files)
    assert contents(tmp_path / "copy" / "kept") == contents(published)


def test_a_file_that_the_server_lacks_is_named(tmp_path: Path, published: Path, serve: Serve) -> None:
    files = listing(published)
    (published / "3.bin").unlink()
    with pytest.raises(UserError, match=r"3\.bin cannot be fetched .*404"):
        fetch_missing(serve(published), tmp_path / "copy", files)


def test_no_server_is_told_at_once(tmp_path: Path, published: Path) -> None:
    with socket.socket() as closed:
        closed.bind(("127.0.0.1", 0))
        url = f"http://127.0.0.1:{closed.getsockname()[1]}"
        with pytest.raises(UserError, match=r"is out of reach.*`root=PATH`"):
            fetch_missing(url, tmp_path, listing(published))


def test_a_malformed_url_and_an_unwritable_folder(tmp_path: Path, published: Path, serve: Serve) -> None:
    with pytest.raises(UserError, match=r"nowhere/0\.bin is out of reach"):
        fetch_missing("nowhere", tmp_path, listing(published))
    (tmp_path / "file").write_text("a file, not a folder")
    with pytest.raises(UserError, match=r"cannot be written .*`cache=PATH`"):
        fetch_missing(serve(published), tmp_path / "file", listing(published))
