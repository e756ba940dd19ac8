"""Measures what asking a model costs us: 200 requests at once against a slow server in a process of its own.

Usage: python infra/benchmarks/completions.py [--rounds 5]

The server answers after SERVER_SECONDS, on a real socket, over kept connections. Each round asks NUM_REQUESTS different
requests of 4 kB through endpoint, budget and kept answers, then once more from what is kept. CPU seconds are ours alone
(user and system, of this process), by request; memory is what the process has at most above what it had before. Writes
infra/benchmarks/results/completions.json; exits 1 where a target is missed.
"""

import json
import resource
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from records import RESULTS, circumstances, save

from curation.synthesis.recipes.requests import Request
from pipelines.completing.answers import Answers
from pipelines.completing.asking import Asker
from pipelines.completing.budget import Budget, Pace, Prices
from pipelines.completing.endpoint import Endpoint

CONCURRENCY, NUM_REQUESTS, SERVER_SECONDS, ROUNDS = 200, 4_000, 1.0, 5
MOST_MILLISECONDS, MOST_MEGABYTES = 5.0, 100.0
SERVER = """
import http.server, json, sys, threading, time
at_once, most, lock = 0, 0, threading.Lock()
class Handler(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    def log_message(self, *_): pass
    def do_GET(self): self.say({"most": most})
    def do_POST(self):
        global at_once, most
        with lock:
            at_once += 1
            most = max(most, at_once)
        self.rfile.read(int(self.headers["Content-Length"]))
        time.sleep(float(sys.argv[1]))
        with lock:
            at_once -= 1
        text = "An answer of some length. " * 40
        self.say({"choices": [{"message": {"content": text}, "finish_reason": "stop"}],
                  "usage": {"prompt_tokens": 900, "completion_tokens": 250}})
    def say(self, value):
        content = json.dumps(value).encode()
        self.send_response(200)
        self.send_header("Content-Length", str(len(content)))
        self.end_headers()
        self.wfile.write(content)
class Server(http.server.ThreadingHTTPServer):
    daemon_threads = True
    request_queue_size = 1024
server = Server(("127.0.0.1", 0), Handler)
print(server.server_port, flush=True)
server.serve_forever()
"""


def requests(first: int) -> list[Request]:
    """Returns different requests, numbered from `first`."""
    passage = "A passage of some length about nothing much. " * 90
    common = {"template": "00", "model": "m", "api": "chat", "system": "Rewrite.", "temperature": 0.0, "top_p": 1.0}
    return [
        Request(**common, user=f"{number} {passage}", max_tokens=256, seed=1)  # type: ignore[arg-type]
        for number in range(first, first + NUM_REQUESTS)
    ]


def measure(url: str, folder: Path, first: int) -> dict[str, float]:
    """Returns CPU milliseconds per request, asked and kept, and the seconds it took."""
    endpoint = Endpoint(url=url, network="loopback", read_seconds=60, connections=CONCURRENCY)
    asker = Asker(
        completer=endpoint,
        answers=Answers(folder / "answers.sqlite"),
        budget=Budget(max_tokens=None, max_cost=None, prices=Prices(prompt=1, completion=2)),
        pace=Pace(per_second=None, now=time.monotonic, sleep=time.sleep),
        concurrency=CONCURRENCY,
        attempts=3,
    )
    asked = requests(first)
    figures = {}
    for name in ("asked", "kept"):
        cpu, wall = time.process_time(), time.monotonic()
        answers = sum(answer is not None for answer in asker.answers_to(asked))
        assert answers == NUM_REQUESTS, "every request has an answer"
        figures[f"{name}_cpu_milliseconds"] = 1000 * (time.process_time() - cpu) / NUM_REQUESTS
        figures[f"{name}_seconds"] = time.monotonic() - wall
    endpoint.close()
    asker.answers.close()
    return figures


def main() -> None:
    """Measures, prints and saves."""
    assert RESULTS.parent.exists(), "run from a checkout"
    server = subprocess.Popen([sys.executable, "-c", SERVER, str(SERVER_SECONDS)], stdout=subprocess.PIPE, text=True)
    try:
        assert server.stdout is not None, "stdout is a pipe"
        url = f"http://127.0.0.1:{int(server.stdout.readline())}/v1"
        before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
        with tempfile.TemporaryDirectory() as folder:
            rounds = [measure(url, Path(folder), number * NUM_REQUESTS) for number in range(ROUNDS)]
        grown = (resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before) / 1024
        import urllib3  # noqa: PLC0415 - only to ask the server how many it had at once

        most = json.loads(urllib3.request("GET", f"{url}/most").data)["most"]
    finally:
        server.kill()
        server.wait()
    medians = {name: round(statistics.median(one[name] for one in rounds), 3) for name in rounds[0]}
    missed = [name for name, bad in (
        ("cpu", medians["asked_cpu_milliseconds"] > MOST_MILLISECONDS),
        ("memory", grown > MOST_MEGABYTES),
        ("concurrency", most != CONCURRENCY),
    ) if bad]  # fmt: skip
    result: dict[str, object] = {
        **circumstances("urllib3", "tenacity"),
        "requests_per_round": NUM_REQUESTS,
        "concurrency": CONCURRENCY,
        "most_at_once_at_the_server": most,
        "server_seconds": SERVER_SECONDS,
        "medians": medians,
        "memory_grown_megabytes": round(grown, 1),
        "targets": {"asked_cpu_milliseconds": MOST_MILLISECONDS, "memory_grown_megabytes": MOST_MEGABYTES},
        "missed": missed,
        "rounds": rounds,
    }
    print(json.dumps({name: result[name] for name in ("medians", "memory_grown_megabytes", "missed")}, indent=1))
    print(save("completions", result))
    sys.exit(bool(missed))


if __name__ == "__main__":
    main()
