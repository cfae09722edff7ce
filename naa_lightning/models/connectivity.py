"""Whether a host can be reached, found out in bounded time."""

from functools import cache
from http.client import HTTPException
from threading import Thread
from urllib.error import HTTPError
from urllib.request import Request, urlopen


@cache
def is_online(url: str, seconds: float = 3.0) -> bool:
    """Return whether the server of `url` answers within `seconds`.

    Looking up a name can take far longer than any timeout that sockets know, so that the question is asked in a
    thread that is left behind. Each server is asked once per process.

    Example:
        >>> is_online("http://127.0.0.1:9", seconds=1)
        False
    """
    answers: list[bool] = []

    def ask() -> None:
        try:
            with urlopen(Request(url, method="HEAD"), timeout=seconds):
                answers.append(True)
        except HTTPError:
            answers.append(True)
        except (OSError, ValueError, HTTPException):  # ValueError: no URL at all
            answers.append(False)

    thread = Thread(target=ask, daemon=True)
    thread.start()
    thread.join(seconds)
    return any(answers)
