"""Hints wake a pull and do nothing else, whoever sends what."""

import http.client
import socket
from collections.abc import Iterator
from pathlib import Path

import pytest

from annotator.hints import HEADER, MOST_BODY_BYTES, Hints, listening
from annotator.pull import Pulled
from annotator.transport import Unanswered
from annotator.watching import pulls
from curation.errors import GristmillError


@pytest.fixture(scope="module")
def hints() -> Iterator[Hints]:
    with listening() as found:
        yield found


def call(hints: Hints, method: str = "POST", body: bytes = b"", **headers: str) -> int:
    connection = http.client.HTTPConnection("127.0.0.1", hints.port, timeout=10)
    try:
        connection.request(
            method, "/", body=body, headers={name.replace("_", "-"): text for name, text in headers.items()}
        )
        return connection.getresponse().status
    finally:
        connection.close()


def raw(hints: Hints, content: bytes) -> bytes:
    with socket.create_connection(("127.0.0.1", hints.port), timeout=10) as connection:
        connection.sendall(content)
        return connection.recv(65536)


def test_a_call_with_the_secret_is_a_hint_once(hints: Hints):
    assert call(hints, body=b'{"action": "ANNOTATION_CREATED"}', **{HEADER: hints.secret}) == 204
    assert hints.wait(10)
    assert not hints.wait(0)


@pytest.mark.parametrize(
    ("method", "headers", "status"),
    [
        ("POST", {}, 403),
        ("POST", {HEADER: "wrong"}, 403),
        ("POST", {HEADER: "\xff\xfe"}, 403),
        ("GET", {HEADER: "secret"}, 501),
        ("POST", {HEADER: "secret", "Content-Length": str(MOST_BODY_BYTES + 1)}, 413),
        ("POST", {HEADER: "secret", "Content-Length": "-1"}, 413),
        ("POST", {HEADER: "secret", "Content-Length": "9" * 5000}, 413),
        ("POST", {HEADER: "secret", "Content-Length": "²"}, 413),
    ],
)
def test_other_calls_are_refused_and_are_no_hint(method: str, headers: dict[str, str], status: int, hints: Hints):
    lines = [f"{name}: {hints.secret if text == 'secret' else text}" for name, text in headers.items()]
    request = "\r\n".join([f"{method} / HTTP/1.1", "Host: x", *lines, "", ""]).encode("latin-1")
    assert int(raw(hints, request).split()[1]) == status
    assert not hints.wait(0)


def test_strangers_who_say_half_or_rubbish_keep_nobody_waiting(hints: Hints):
    stalled = [socket.create_connection(("127.0.0.1", hints.port), timeout=10) for _ in range(8)]
    for connection, said in zip(stalled, (b"", b"POST", b"\x00\xff" * 50, b"POST / HTTP/1.1\r\n") * 2, strict=True):
        connection.sendall(said)
    assert call(hints, **{HEADER: hints.secret}) == 204
    assert hints.wait(10)
    for connection in stalled:
        connection.close()


def test_only_this_machine_can_call(hints: Hints):
    lines = [line.split() for line in Path("/proc/net/tcp").read_text().splitlines()[1:]]
    listening_at = [line[1] for line in lines if line[3] == "0A" and line[1].endswith(f":{hints.port:04X}")]
    assert listening_at == [f"0100007F:{hints.port:04X}"]


def test_the_secret_is_in_no_representation(hints: Hints):
    assert hints.secret not in repr(hints)
    assert len(hints.secret) >= 40


def test_a_server_that_is_away_is_waited_for_and_anything_else_ends_the_watch():
    found = [Pulled(kind="document", project=1, num_answered=2, num_skipped=0, num_deleted=0, config_changed=False)]
    away, refused, waits = Unanswered("nothing listens there"), GristmillError("token refused"), []
    script: list[object] = [found, away, found, refused]

    def pull() -> list[Pulled]:
        what = script.pop(0)
        if isinstance(what, Exception):
            raise what
        return what  # type: ignore[return-value]

    watched = pulls(pull, lambda: waits.append(1))
    assert [next(watched) for _ in range(3)] == [found, away, found]
    with pytest.raises(GristmillError, match="token refused"):
        next(watched)
    assert len(waits) == 3, "a wait after each"
