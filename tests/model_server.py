"""A server on this machine that speaks OpenAI's API, counts what it is asked, and fails as it is told.

It answers by itself, or as `content` says: what a real server answers now (tests.real_model) or answered once.
"""

import hashlib
import http.server
import json
import threading
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field

from curation.synthesis.verification.pieces import sentences_of


def rewritten(passage: str) -> str:
    """Returns a passage that says the same with some plain words left out, last sentence first."""
    return " ".join(_shorter(sentence) for sentence in reversed(sentences_of(passage)))


def _shorter(sentence: str) -> str:
    words = sentence.split()
    plain = {"the", "a", "an", "of", "that", "very", "its", "their"}
    return " ".join(word for word in words if word not in plain)


@dataclass(slots=True)
class ModelServer:
    """What a running server saw, and how it answers the request of a number (from 1): a status, or None to hang up."""

    url: str = ""
    answer: Callable[[str], str] = rewritten
    content: Callable[[str, bytes, str | None], tuple[int, bytes]] | None = None
    """Status and body for a path, a body and the header Authorization; None: `answer` in OpenAI's form."""
    status: Callable[[int], int | None] = lambda _: 200
    seen: Counter[str] = field(default_factory=Counter)
    """Requests by digest of their body."""
    answered: set[str] = field(default_factory=set)
    headers: list[dict[str, str]] = field(default_factory=list)
    most_at_once: int = 0
    last_answered: int | None = None
    """Requests after this one wait for `release`; None: none waits."""
    arrived: threading.Condition = field(default_factory=threading.Condition)
    _at_once: int = 0

    def begin(self, body: bytes, headers: dict[str, str]) -> int:
        """Counts a request; returns its number."""
        with self.arrived:
            self.seen[hashlib.sha256(body).hexdigest()] += 1
            self.headers.append(headers)
            self._at_once += 1
            self.most_at_once = max(self.most_at_once, self._at_once)
            self.arrived.notify_all()
            return self.seen.total()

    def wait_for_turn(self, number: int) -> None:
        """Returns when the request of a number may be answered."""
        with self.arrived:
            self.arrived.wait_for(lambda: self.last_answered is None or number <= self.last_answered)

    def release(self) -> None:
        """Lets every request be answered."""
        with self.arrived:
            self.last_answered = None
            self.arrived.notify_all()

    def end(self, body: bytes) -> None:
        """Counts an answer."""
        with self.arrived:
            self.answered.add(hashlib.sha256(body).hexdigest())
            self._at_once -= 1


@contextmanager
def serving() -> Iterator[ModelServer]:
    """Yields a server, ended with the block."""
    known = ModelServer()

    class Handler(http.server.BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def log_message(self, *_: object) -> None:
            pass

        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["Content-Length"]))
            number = known.begin(body, dict(self.headers))
            known.wait_for_turn(number)
            status = known.status(number)
            if status is None:
                self.close_connection = True
                known.end(b"")
                return
            if status != 200:
                content = b'{"error": "told to"}'
            elif known.content:
                status, content = known.content(self.path, body, self.headers["Authorization"])
            else:
                content = json.dumps(_answer(known, json.loads(body))).encode()
            known.end(body)
            self.send_response(status)
            if status == 429:
                self.send_header("Retry-After", "7")
            if status == 302:
                self.send_header("Location", "http://127.0.0.1:1/elsewhere")
            self.send_header("Content-Length", str(len(content)))
            self.end_headers()
            self.wfile.write(content)

    class Server(http.server.ThreadingHTTPServer):
        daemon_threads = True
        request_queue_size = 512

        def handle_error(self, *_: object) -> None:
            """A client that was killed hung up."""

    with Server(("127.0.0.1", 0), Handler) as running:
        known.url = f"http://127.0.0.1:{running.server_port}/v1"
        thread = threading.Thread(target=running.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        try:
            yield known
        finally:
            known.release()
            running.shutdown()
            thread.join()


def _answer(known: ModelServer, request: dict[str, object]) -> dict[str, object]:
    if "messages" in request:
        passage = request["messages"][1]["content"].partition("\n")[2].rpartition("\n")[0]
        choice = {"message": {"role": "assistant", "content": known.answer(passage)}}
    else:
        choice = {"text": known.answer(str(request["prompt"]))}
    usage = {"prompt_tokens": 50, "completion_tokens": 30}
    return {"choices": [{**choice, "finish_reason": "stop"}], "usage": usage}
