import socket
import time
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, HTTPServer
from threading import Thread

import pytest

from naa_lightning.models.connectivity import is_online


class Answers(BaseHTTPRequestHandler):
    """Says 200 for /found and 404 for anything else."""

    def do_HEAD(self) -> None:
        self.send_response(200 if self.path == "/found" else 404)
        self.end_headers()

    def log_message(self, format: str, *args: object) -> None:
        """Keeps the test output clean."""


@pytest.fixture
def server() -> Iterator[str]:
    with HTTPServer(("127.0.0.1", 0), Answers) as server:
        thread = Thread(target=lambda: server.serve_forever(poll_interval=0.02), daemon=True)
        thread.start()
        yield f"http://127.0.0.1:{server.server_port}"
        server.shutdown()
        thread.join()


@pytest.fixture
def port() -> Iterator[socket.socket]:
    """A port that nobody else takes and that does not listen."""
    with socket.socket() as bound:
        bound.bind(("127.0.0.1", 0))
        yield bound


def url(port: socket.socket) -> str:
    return f"http://127.0.0.1:{port.getsockname()[1]}"


@pytest.mark.parametrize("path", ["found", "missing"])
def test_a_server_that_answers_is_reachable(path: str, server: str) -> None:
    assert is_online(f"{server}/{path}")


def test_a_closed_port_is_not_reachable(port: socket.socket) -> None:
    assert not is_online(url(port))


def test_a_silent_server_is_given_up_in_time(port: socket.socket) -> None:
    port.listen()
    started = time.monotonic()
    assert not is_online(url(port), seconds=0.5)
    assert time.monotonic() - started < 1.5


@pytest.mark.filterwarnings("error::pytest.PytestUnhandledThreadExceptionWarning")
def test_a_server_that_speaks_no_http_is_not_reachable(port: socket.socket) -> None:
    port.listen()

    def greet() -> None:
        connection, _ = port.accept()
        with connection:
            connection.recv(1000)
            connection.sendall(b"220 mail server ready\r\n")

    thread = Thread(target=greet, daemon=True)
    thread.start()
    assert not is_online(url(port))
    thread.join()


@pytest.mark.filterwarnings("error::pytest.PytestUnhandledThreadExceptionWarning")
@pytest.mark.parametrize("malformed", ["nowhere", "http://", "http://127.0.0.1:port"])
def test_a_malformed_url_is_not_reachable(malformed: str) -> None:
    assert not is_online(malformed)


def test_a_server_is_asked_once(port: socket.socket) -> None:
    assert not is_online(url(port), seconds=2.0)
    port.listen()
    started = time.monotonic()
    assert not is_online(url(port), seconds=2.0)
    assert time.monotonic() - started < 1
