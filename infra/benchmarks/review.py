"""Tasks pushed per second to a real Label Studio, and the pull of 50 changes out of 10,000 tasks.

The server runs on the same machine over SQLite, so wall times are of both sides together, and of whatever else runs
there: the result has the CPU time of each side and the machine's load beside them. Targets: at least 250 tasks/s, at
most 3 s; exit code 1 where one is missed.
"""

import argparse
import json
import os
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
from records import circumstances, save

from annotator.installation import cache_folder, install
from annotator.label_studio import LabelStudio
from annotator.ledger import open_ledger
from annotator.pull import answers_of, pull
from annotator.push import push
from annotator.server import Server, start, stop
from annotator.transport import Http, Request
from curation.identity import secure_hash
from curation.schema import REVIEW_TASKS

CACHE = Path(__file__).resolve().parents[2] / ".cache" / "review"
WORDS = "the mill on the river grinds what the farmers of the valley bring in autumn".split()
NUM_WORDS = 300
NUM_CHANGES = 50
MIN_TASKS_PER_SECOND, MAX_PULL_SECONDS = 250.0, 3.0
ANSWER = {"from_name": "decision", "to_name": "text", "type": "choices", "value": {"choices": ["drop"]}}


def main() -> int:
    """Measures both and returns the exit code."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--tasks", type=int, default=10_000, help="tasks to push (10000)")
    num_tasks = parser.parse_args().tasks
    with tempfile.TemporaryDirectory() as scratch:
        run, data = Path(scratch, "run"), Path(scratch, "server")
        write_questions(run, num_tasks)
        started = start(data, lambda: install(cache_folder({"GRISTMILL_REVIEW_CACHE": str(CACHE)})))
        try:
            client = LabelStudio(transport=Http(url=started.server.url, token=started.credentials.token))
            pushed, pulled = measured(run, client, started.server)
        finally:
            stop(data)
    speed, seconds = num_tasks / pushed["wall_seconds"], pulled["wall_seconds"]
    missed = [
        text
        for text, is_missed in (
            (
                f"push: expected at least {MIN_TASKS_PER_SECOND:g} tasks/s, found {speed:.0f}",
                speed < MIN_TASKS_PER_SECOND,
            ),
            (f"pull: expected at most {MAX_PULL_SECONDS:g} s, found {seconds:.2f}", seconds > MAX_PULL_SECONDS),
        )
        if is_missed
    ]
    result = {
        **circumstances("pyarrow", "urllib3"),
        "load_average": os.getloadavg()[0],
        "cores": os.cpu_count(),
        "tasks": num_tasks,
        "words": NUM_WORDS,
        "changes": NUM_CHANGES,
        "push": {**pushed, "tasks_per_second": speed},
        "pull": pulled,
        "targets": {"tasks_per_second": MIN_TASKS_PER_SECOND, "pull_seconds": MAX_PULL_SECONDS},
        "missed": missed,
    }
    print(f"push  {speed:,.0f} tasks/s of {NUM_WORDS} words; {_cpu(pushed)}")
    print(f"pull  {seconds:.2f} s for {NUM_CHANGES} changes of {num_tasks:,} tasks; {_cpu(pulled)}")
    path = save("review", result)
    print("\n".join(missed) or f"targets met; {path}")
    return 1 if missed else 0


def measured(run: Path, client: LabelStudio, server: Server) -> tuple[dict[str, float], dict[str, float]]:
    """Returns the times of the first push, and of a pull of the changes after one that saw all."""
    pushed = timed(lambda: push(run, client, url=server.url), server.pid)
    pull(run, client, url=server.url)
    for task in list(open_ledger(run, "document").known.values())[:NUM_CHANGES]:
        body = json.dumps({"result": [ANSWER]}).encode()
        client.transport.send(Request(method="POST", path=f"/api/tasks/{task}/annotations/", body=body))
    pulled = timed(lambda: pull(run, client, url=server.url), server.pid)
    table = answers_of(run)
    assert table.num_rows == NUM_CHANGES, f"expected {NUM_CHANGES} answers, found {table.num_rows}"
    return pushed, pulled


def timed(act: Callable[[], object], pid: int) -> dict[str, float]:
    """Returns the seconds that an act takes by the clock, and of CPU time here and in the server."""
    wall, ours, theirs = time.perf_counter(), time.process_time(), cpu_seconds(pid)
    act()
    return {
        "wall_seconds": time.perf_counter() - wall,
        "cpu_seconds": time.process_time() - ours,
        "server_cpu_seconds": cpu_seconds(pid) - theirs,
    }


def cpu_seconds(pid: int) -> float:
    """Returns the CPU time of a process so far."""
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def _cpu(times: dict[str, float]) -> str:
    return f"CPU {times['cpu_seconds']:.2f} s, of the server {times['server_cpu_seconds']:.2f} s"


def write_questions(run: Path, num_tasks: int) -> None:
    """Writes `tasks/` of a run directory that holds nothing else."""
    text = " ".join(WORDS[index % len(WORDS)] for index in range(NUM_WORDS))
    rows = [
        {
            "review_key": secure_hash(b"%d" % number).hex(),
            "kind": "document",
            "doc_id": secure_hash(b"%d" % number),
            "text_hash": secure_hash(text.encode()),
            "source": "web",
            "state": "review",
            "route": "doubt",
            "reason": "quality/num_words: 49 against 50",
            "inclusion_probability": 1.0,
            "priority": number,
            "num_reviewers": 1,
            "is_blind": False,
            "prediction": "keep",
            "text": f"{text} {number}",
        }
        for number in range(num_tasks)
    ]
    (run / "tasks").mkdir(parents=True)
    pq.write_table(pa.Table.from_pylist(rows, REVIEW_TASKS), run / "tasks" / "tasks.parquet")


if __name__ == "__main__":
    sys.exit(main())
