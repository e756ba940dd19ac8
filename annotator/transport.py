"""How requests reach a Label Studio server: one method, so that tests can stand in for the network.

An answer with an error status is a `Response`; `Unanswered` means that it is not known whether the server did what
was asked (it is down, too slow, or broke off): the caller looks before it asks again.
"""

import time
from dataclasses import dataclass, field
from typing import Protocol
from urllib.parse import urlencode, urlsplit

import urllib3

from curation.errors import GristmillError

CONNECT_SECONDS, READ_SECONDS = 5.0, 120.0
"""An import of 500 long documents took up to 12 s on two busy cores; ten times that, and the server is stuck."""

NO_CONTENT = 204
LENGTHS = ("Content-Length", "Transfer-Encoding")
PIECE_BYTES = 1 << 16
MOST_ANSWER_BYTES = 1 << 28
"""Six times 200 rewrites of 200,000 ASCII characters, the largest page that we ask for."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Request:
    """What is asked: `path` below the server's URL, `query` as pairs, `body` as JSON bytes."""

    method: str
    path: str
    query: tuple[tuple[str, str], ...] = ()
    body: bytes | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Response:
    """A whole answer, whatever its status."""

    status: int
    body: bytes


class Unanswered(GristmillError):
    """No whole answer came; the server may or may not have done what was asked."""


class Transport(Protocol):
    """The seam between us and a server."""

    def send(self, request: Request) -> Response:
        """Returns the server's whole answer.

        Raises:
            Unanswered: none came.
        """
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class Http:
    """A server by URL and token. The token is in no representation, error or log."""

    url: str
    token: str = field(repr=False)
    read_seconds: float = READ_SECONDS
    pool: urllib3.PoolManager = field(default_factory=lambda: urllib3.PoolManager(retries=False), repr=False)

    def __post_init__(self) -> None:
        """Refuses what is no web address."""
        parts = urlsplit(self.url)
        if parts.scheme not in {"http", "https"} or not parts.hostname or parts.username or parts.password:
            raise GristmillError(
                "review server: expected a URL such as http://127.0.0.1:8080 without user or password, found "
                f"{parts._replace(netloc=parts.netloc.rpartition('@')[2]).geturl()!r}"
            )

    def send(self, request: Request) -> Response:
        """Returns the server's answer; follows no redirect, so that the token stays with the server it is for."""
        target = f"{self.url.rstrip('/')}{request.path}"
        if request.query:
            target += f"?{urlencode(request.query)}"
        headers = {"Authorization": f"Token {self.token}", "Accept": "application/json"}
        if request.body is not None:
            headers["Content-Type"] = "application/json"
        try:
            answer = self.pool.request(
                request.method,
                target,
                body=request.body,
                headers=headers,
                redirect=False,
                preload_content=False,
                decode_content=False,
                timeout=urllib3.Timeout(connect=CONNECT_SECONDS, read=self.read_seconds),
            )
            return Response(status=answer.status, body=self._whole(answer))
        except urllib3.exceptions.HTTPError as error:
            raise Unanswered(f"{request.method} {self.url}{request.path}: {_why(error)}") from None

    def _whole(self, answer: urllib3.BaseHTTPResponse) -> bytes:
        """Reads an answer, for as long and as much as any answer of ours takes; one without a length may be cut."""
        deadline, pieces, size = time.monotonic() + self.read_seconds, [], 0
        try:
            if answer.status != NO_CONTENT and not any(name in answer.headers for name in LENGTHS):
                raise _Unusable("the answer broke off")
            while piece := answer.read1(PIECE_BYTES, decode_content=False):
                pieces.append(piece)
                size += len(piece)
                if size > MOST_ANSWER_BYTES:
                    raise _Unusable(f"an answer of more than {MOST_ANSWER_BYTES:,} bytes")
                if time.monotonic() > deadline:
                    raise urllib3.exceptions.ReadTimeoutError(self.pool, self.url, "")  # type: ignore[arg-type]
            answer.release_conn()
        except urllib3.exceptions.HTTPError:
            answer.close()
            raise
        return b"".join(pieces)


class _Unusable(urllib3.exceptions.HTTPError):
    """An answer that arrived and cannot be used; its text says why."""


def _why(error: urllib3.exceptions.HTTPError) -> str:
    """Returns what happened without the target of the request, which can be long and holds queries."""
    if isinstance(error, _Unusable):
        return str(error)
    if isinstance(error, urllib3.exceptions.ReadTimeoutError):
        return "no answer in time"
    if isinstance(error, urllib3.exceptions.ConnectTimeoutError | urllib3.exceptions.NewConnectionError):
        return "nothing listens there"
    if isinstance(error, urllib3.exceptions.ProtocolError | urllib3.exceptions.IncompleteRead):
        return "the answer broke off"
    return type(error).__name__
