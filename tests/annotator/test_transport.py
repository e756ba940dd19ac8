"""What a server can do to an answer on its way: each is an error that says so, and is asked for again."""

import re
import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager

import pytest

from annotator import transport
from annotator.label_studio import LabelStudio
from annotator.transport import Http, Request, Unanswered

WHOAMI = "/api/current-user/whoami"
OK = b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\n"
GOOD = OK + b'Content-Length: 21\r\nConnection: close\r\n\r\n{"email":"a@b.test"}\n'
HALF = OK + b'Content-Length: 21\r\n\r\n{"email"'
HALF_CHUNK = OK + b'Transfer-Encoding: chunked\r\n\r\n15\r\n{"email"'
HALF_HEADER = b"HTTP/1.1 200 OK\r\nContent-"
STALLS, DRIPS = b"stalls", b"drips"


@contextmanager
def serving(*answers: bytes) -> Iterator[tuple[str, list[bytes]]]:
    """A server that gives one answer to each connection, and what it was asked."""
    asked: list[bytes] = []
    with socket.create_server(("127.0.0.1", 0)) as listener:

        def serve() -> None:
            for answer in answers:
                connection, _ = listener.accept()
                with connection:
                    asked.append(connection.recv(65536))
                    if answer == STALLS:
                        connection.recv(1)  # until the client has had enough
                    elif answer == DRIPS:
                        drip(connection)
                    else:
                        connection.sendall(answer)

        thread = threading.Thread(target=serve, daemon=True)
        thread.start()
        yield f"http://127.0.0.1:{listener.getsockname()[1]}", asked
        thread.join(10)
        assert not thread.is_alive()


def drip(connection: socket.socket) -> None:
    """Sends a byte at a time, each soon after the last, without end."""
    connection.sendall(OK + b"Content-Length: 1000000\r\n\r\n")
    connection.settimeout(0.02)
    while True:
        try:
            connection.sendall(b" ")
            if not connection.recv(1):
                return
        except TimeoutError:
            continue
        except OSError:
            return


@pytest.mark.parametrize(
    ("answer", "why"),
    [
        (HALF, "the answer broke off"),
        (HALF_CHUNK, "the answer broke off"),
        (HALF_HEADER, "the answer broke off"),
        (b"", "the answer broke off"),
        (STALLS, "no answer in time"),
        (DRIPS, "no answer in time"),
    ],
    ids=["half a body", "half a chunk", "half a header", "nothing", "stalls", "drips"],
)
def test_an_answer_that_is_not_whole_is_no_answer(answer: bytes, why: str):
    with serving(answer) as (url, _):
        client = Http(url=url, token="secret-token", read_seconds=0.3)
        with pytest.raises(Unanswered, match=f"^{re.escape(f'GET {url}{WHOAMI}: {why}')}$"):
            client.send(Request(method="GET", path=WHOAMI))


def test_what_may_be_asked_twice_is_asked_again_until_the_answer_is_whole():
    waited: list[float] = []
    with serving(HALF, b"", HALF_CHUNK, GOOD) as (url, asked):
        assert LabelStudio(transport=Http(url=url, token="t"), wait=waited.append).whoami() == "a@b.test"
    assert waited == [0.5, 1.0, 2.0], "later and later"
    assert len(asked) == 4


def test_nobody_there_is_said_so():
    with socket.create_server(("127.0.0.1", 0)) as taken:
        url = f"http://127.0.0.1:{taken.getsockname()[1]}"
    with pytest.raises(Unanswered, match=r"nothing listens there$"):
        Http(url=url, token="t").send(Request(method="GET", path=WHOAMI))


def test_an_answer_without_end_is_cut_off(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(transport, "MOST_ANSWER_BYTES", 1000)
    endless = OK + b"Content-Length: 5000\r\n\r\n" + b" " * 5000
    with serving(endless) as (url, _), pytest.raises(Unanswered, match=r"an answer of more than 1,000 bytes$"):
        Http(url=url, token="t").send(Request(method="GET", path=WHOAMI))


def test_a_redirect_is_not_followed_so_the_token_stays_where_it_belongs():
    with serving() as (other, stolen):
        moved = f"HTTP/1.1 302 Found\r\nLocation: {other}/\r\nContent-Length: 0\r\nConnection: close\r\n\r\n".encode()
        with serving(moved) as (url, asked):
            assert Http(url=url, token="secret-token").send(Request(method="GET", path=WHOAMI)).status == 302
    assert b"Token secret-token" in asked[0]
    assert stolen == []


def test_a_compressed_answer_is_not_unpacked():
    body = b"\x1f\x8b" + b"\x00" * 20
    packed = OK + b"Content-Encoding: gzip\r\nContent-Length: 22\r\nConnection: close\r\n\r\n" + body
    with serving(packed) as (url, _):
        assert Http(url=url, token="t").send(Request(method="GET", path=WHOAMI)).body == body
