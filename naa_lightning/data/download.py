"""Fetching a published data set: every file is checked before it is kept, and a broken-off download continues."""

import hashlib
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor, as_completed
from http.client import HTTPException
from pathlib import Path
from typing import NamedTuple
from urllib.request import urlopen

from tqdm import tqdm

from naa_lightning.atomic import write_atomically
from naa_lightning.exceptions import DataError, MissingDataError
from naa_lightning.models.connectivity import is_online

READ_SECONDS = 20.0
THREADS = 8
REMEDY = "connect to the network, or name a local copy with `root=PATH`"


class RemoteFile(NamedTuple):
    """A file to fetch: `address` relative to the base URL, `file` relative to the destination, its SHA-256."""

    address: str
    file: str
    digest: bytes


def fetch_missing(url: str, destination: Path, files: Sequence[RemoteFile]) -> None:
    """Fetch those files that the destination lacks.

    Raises:
        DataError: The server does not answer in time or lacks a file, a file has another digest than it should, or
            it cannot be written. Files fetched before that stay.
    """
    missing = [file for file in files if not (destination / file.file).is_file()]
    if not missing:
        return
    require_reachable(f"{url}/{missing[0].address}", destination / missing[0].file)
    pool = ThreadPoolExecutor(THREADS)
    try:
        jobs = [pool.submit(_fetch_checked, url, destination, file) for file in missing]
        for job in tqdm(as_completed(jobs), desc="downloading", total=len(jobs), unit="file"):
            job.result()
    finally:
        pool.shutdown(cancel_futures=True)


def require_reachable(address: str, wanted: Path) -> None:
    """Check in a few seconds that a server answers, whatever its answer.

    Args:
        address: The URL of a file of the server.
        wanted: The path at which that file is missing.

    Raises:
        DataError: It does not.
    """
    if not is_online(address):
        raise MissingDataError(f"{wanted} is missing and {address} is out of reach; {REMEDY}")


def fetch(address: str) -> bytes:
    """Read a file from a server.

    Raises:
        DataError: It cannot be read.
    """
    try:
        with urlopen(address, timeout=READ_SECONDS) as response:
            content: bytes = response.read()
    except (OSError, HTTPException, ValueError) as error:
        raise MissingDataError(f"{address} cannot be fetched ({error}); run again to continue, {REMEDY}") from error
    return content


def save(path: Path, content: bytes) -> None:
    """Write a file whole.

    Raises:
        DataError: It cannot be written.
    """
    try:
        write_atomically(path, content)
    except OSError as error:
        raise DataError(f"{path} cannot be written ({error}); choose another folder with `cache=PATH`") from error


def _fetch_checked(url: str, destination: Path, file: RemoteFile) -> None:
    content = fetch(f"{url}/{file.address}")
    if hashlib.sha256(content).digest() != file.digest:
        raise DataError(
            f"{url}/{file.address} is not the published {file.file} (its SHA-256 differs); "
            "run again, or name another source with `url=URL` or `root=PATH`"
        )
    save(destination / file.file, content)
