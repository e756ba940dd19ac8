"""Hints from a review server that somebody answered: a web server that learns nothing else from them.

Label Studio calls once, waits a second at most and signs nothing, so a call says only *look now*: what was answered
comes from the next pull. A call carries a secret that was drawn when we began to listen, compared in constant time;
its body is not read. The listener is bound to this machine's loopback address.
"""

import hmac
import secrets
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

HOST = "127.0.0.1"
HEADER = "X-Gristmill-Secret"
MOST_BODY_BYTES = 1 << 20
"""Of a call that is taken; Label Studio is asked to send none, and ours would be a few hundred bytes."""
SLOW_SECONDS = 2.0
MOST_CALLS = 32
"""At the same time; further ones are refused."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Hints:
    """A listener: its port, the secret that calls must carry, and whether one came."""

    port: int
    secret: str = field(repr=False)
    came: threading.Event

    @property
    def url(self) -> str:
        """Where a server on this machine calls."""
        return f"http://{HOST}:{self.port}/"

    def wait(self, seconds: float) -> bool:
        """Waits for a hint, so long at most; returns whether one came, and forgets it."""
        came = self.came.wait(seconds)
        self.came.clear()
        return came


@contextmanager
def listening(port: int = 0) -> Iterator[Hints]:
    """Listens until left; port 0 takes a free one.

    Raises:
        OSError: the port is taken.
    """
    secret, came = secrets.token_urlsafe(32), threading.Event()
    with _Server((HOST, port), _handler(secret.encode(), came)) as server:
        thread = threading.Thread(target=server.serve_forever, name="hints", daemon=True)
        thread.start()
        try:
            yield Hints(port=server.server_port, secret=secret, came=came)
        finally:
            server.shutdown()
            thread.join()


class _Server(ThreadingHTTPServer):
    """Takes so many calls at a time; what breaks off concerns nobody."""

    daemon_threads = True
    block_on_close = False

    def __init__(self, address: tuple[str, int], handler: type[BaseHTTPRequestHandler]) -> None:
        self._free = threading.BoundedSemaphore(MOST_CALLS)
        super().__init__(address, handler)

    def process_request(self, request: object, client_address: object) -> None:
        if self._free.acquire(blocking=False):
            super().process_request(request, client_address)  # type: ignore[arg-type]
        else:
            self.shutdown_request(request)  # type: ignore[arg-type]

    def process_request_thread(self, request: object, client_address: object) -> None:
        try:
            super().process_request_thread(request, client_address)  # type: ignore[arg-type]
        finally:
            self._free.release()

    def handle_error(self, request: object, client_address: object) -> None:
        """Says nothing: a traceback would show what strangers send."""


def _handler(secret: bytes, came: threading.Event) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        timeout = SLOW_SECONDS
        server_version, sys_version = "gristmill", ""

        def do_POST(self) -> None:
            given = self.headers.get(HEADER, "").encode(errors="replace")
            size = self.headers.get("Content-Length", "0")
            if not hmac.compare_digest(given, secret):
                self._answer(403)
            elif not size.isascii() or not size.isdigit() or int(size[:12]) > MOST_BODY_BYTES:
                self._answer(413)
            else:
                self._answer(204)
                came.set()

        def _answer(self, status: int) -> None:
            self.close_connection = True
            self.send_response_only(status)
            self.send_header("Content-Length", "0")
            self.send_header("Connection", "close")
            self.end_headers()

        def log_message(self, format: str, *args: object) -> None:
            """Says nothing."""

    return Handler
