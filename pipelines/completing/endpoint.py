"""An OpenAI-compatible server over HTTP: vLLM, llama.cpp, Ollama, SGLang, or a service.

The key comes from the environment and is in no representation, error or log; no redirect is followed, so that it stays
with the server it is for. An answer above `MAX_ANSWER_BYTES` is refused unread.
"""

import json
import os
from dataclasses import dataclass, field
from typing import cast

import urllib3
from urllib3.connection import HTTPConnection, HTTPSConnection

from curation.synthesis.recipes.requests import Request, Response
from pipelines.completing.addresses import Network, check_endpoint, check_peer
from pipelines.completing.completer import Busy, Paused, Refused
from pipelines.inputs.confinement import check_model_server

KEY_VARIABLE = "GRISTMILL_COMPLETIONS_KEY"
MAX_ANSWER_BYTES = 4 << 20
CONNECT_SECONDS = 5.0
OK, TOO_MANY, TIMEOUT, SERVER_ERROR = 200, 429, 408, 500
UNKNOWN = {401, 403, 404, 405}
"""No question of ours would be answered: the key, the model's name or the path is wrong."""


def key_of_environment() -> str | None:
    """Returns the key for the server, or null: many on one's own machine ask for none."""
    return os.environ.get(KEY_VARIABLE) or None


@dataclass(frozen=True, slots=True, kw_only=True)
class Endpoint:
    """A server by URL, e.g. http://127.0.0.1:8000/v1."""

    url: str
    network: Network
    read_seconds: float
    connections: int
    key: str | None = field(default=None, repr=False)
    _pool: list[urllib3.PoolManager] = field(default_factory=list, repr=False, compare=False)

    def __post_init__(self) -> None:
        """Refuses what is no endpoint, or none for this process; makes the pool, which connects when it is needed."""
        check_endpoint(self.url, self.network)
        check_model_server(self.url)
        self._pool.append(_pool(self.network, self.connections))

    def close(self) -> None:
        """Closes every connection."""
        self._pool[0].clear()

    def complete(self, request: Request) -> Response:
        """Asks once; see `Completer`."""
        path, body = _message(request)
        headers = {"Content-Type": "application/json", "Accept": "application/json"}
        if self.key is not None:
            headers["Authorization"] = f"Bearer {self.key}"
        try:
            answer = self._pool[0].request(
                "POST",
                f"{self.url.rstrip('/')}/{path}",
                body=body,
                headers=headers,
                redirect=False,
                preload_content=False,
                timeout=urllib3.Timeout(connect=CONNECT_SECONDS, read=self.read_seconds),
            )
            content = b""
            try:
                content = answer.read(MAX_ANSWER_BYTES + 1)
            finally:
                if len(content) > MAX_ANSWER_BYTES:
                    answer.close()
                answer.release_conn()
        except urllib3.exceptions.HTTPError as error:
            raise Busy(f"{self.url}: {_why(error)}") from None
        if answer.status != OK:
            raise self._error(answer.status, answer.headers.get("Retry-After"), content)
        return _response(content, request.api, self.url)

    def _error(self, status: int, retry_after: str | None, content: bytes) -> Busy | Refused | Paused:
        if status in {TOO_MANY, TIMEOUT} or status >= SERVER_ERROR:
            seconds = float(retry_after) if retry_after and retry_after.isascii() and retry_after.isdigit() else None
            return Busy(f"{self.url}: answered {status}", after_seconds=seconds)
        said = content[:200].decode(errors="replace")
        if self.key is not None:
            said = said.replace(self.key, "[key]")
        if status in UNKNOWN:
            return Paused(
                f"{self.url}: answered {status}: {said!r}; check completions.endpoint, synthesis.model.name and "
                f"{KEY_VARIABLE} in the environment"
            )
        return Refused(f"{self.url}: answered {status}: {said!r}")


def _message(request: Request) -> tuple[str, bytes]:
    common = {
        "model": request.model,
        "temperature": request.temperature,
        "top_p": request.top_p,
        "max_tokens": request.max_tokens,
        "seed": request.seed,
    }
    if request.api == "chat":
        messages = [{"role": "system", "content": request.system}, {"role": "user", "content": request.user}]
        return "chat/completions", json.dumps({**common, "messages": messages}).encode()
    return "completions", json.dumps({**common, "prompt": f"{request.system}\n\n{request.user}\n\n"}).encode()


def _response(content: bytes, api: str, url: str) -> Response:
    """Returns the answer in a server's JSON.

    Raises:
        Busy: it is none, or too long: a proxy's page, a broken answer.
    """
    try:
        if len(content) > MAX_ANSWER_BYTES:
            raise ValueError
        answer = json.loads(content)
        choice = answer["choices"][0]
        text = choice["message"]["content"] if api == "chat" else choice["text"]
        usage = cast("dict[str, int]", answer.get("usage") or {})
        return Response(
            text=str(text or ""),
            is_whole=choice.get("finish_reason") != "length",
            prompt_tokens=int(usage.get("prompt_tokens") or 0),
            completion_tokens=int(usage.get("completion_tokens") or 0),
        )
    except (ValueError, LookupError, TypeError, AttributeError, RecursionError):
        raise Busy(
            f"{url}: expected an answer as OpenAI's API has it, found {len(content)} bytes of something else"
        ) from None


def _pool(network: Network, connections: int) -> urllib3.PoolManager:
    """Returns a pool whose connections check where they lead before anything is sent."""

    class Plain(HTTPConnection):
        def connect(self) -> None:
            super().connect()
            check_peer(self.sock.getpeername()[0], network)

    class Secure(HTTPSConnection):
        def connect(self) -> None:
            super().connect()
            check_peer(self.sock.getpeername()[0], network)

    pool = urllib3.PoolManager(maxsize=connections, block=True, retries=False)
    http = type("HttpPool", (urllib3.HTTPConnectionPool,), {"ConnectionCls": Plain})
    https = type("HttpsPool", (urllib3.HTTPSConnectionPool,), {"ConnectionCls": Secure})
    pool.pool_classes_by_scheme = {"http": http, "https": https}
    return pool


def _why(error: urllib3.exceptions.HTTPError) -> str:
    if isinstance(error, urllib3.exceptions.ReadTimeoutError):
        return "no answer in time"
    if isinstance(error, urllib3.exceptions.ConnectTimeoutError | urllib3.exceptions.NewConnectionError):
        return "nothing listens there"
    return "the answer broke off" if isinstance(error, urllib3.exceptions.ProtocolError) else type(error).__name__
