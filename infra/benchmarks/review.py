"""Tasks pushed per second to a real Label Studio, and the pull of 50 changes out of 10,000 tasks.

The server runs on the same machine over SQLite, so these are wall times of both sides together. Targets: at least 250
tasks/s, at most 3 s; exit code 1 where one is missed.
"""

import argparse
import json
import sys
import tempfile
import time
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq

from annotator.installation import cache_folder, install
from annotator.label_studio import LabelStudio
from annotator.ledger import open_ledger
from annotator.pull import pull
from annotator.push import push
from annotator.server import start, stop
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
            server = LabelStudio(transport=Http(url=started.server.url, token=started.credentials.token))
            speed, seconds = measured(run, server, started.server.url, num_tasks)
        finally:
            stop(data)
    print(f"push  {speed:,.0f} tasks/s of {NUM_WORDS} words (target {MIN_TASKS_PER_SECOND:,.0f})")
    print(f"pull  {seconds:.2f} s for {NUM_CHANGES} changes of {num_tasks:,} tasks (target {MAX_PULL_SECONDS:.0f})")
    return int(speed < MIN_TASKS_PER_SECOND or seconds > MAX_PULL_SECONDS)


def measured(run: Path, server: LabelStudio, url: str, num_tasks: int) -> tuple[float, float]:
    """Returns tasks per second of the first push, and the seconds of a pull of the changes after one that saw all."""
    begin = time.perf_counter()
    push(run, server, url=url)
    speed = num_tasks / (time.perf_counter() - begin)
    pull(run, server, url=url)
    for task in list(open_ledger(run, "document").known.values())[:NUM_CHANGES]:
        body = json.dumps({"result": [ANSWER]}).encode()
        server.transport.send(Request(method="POST", path=f"/api/tasks/{task}/annotations/", body=body))
    begin = time.perf_counter()
    (found,) = pull(run, server, url=url)
    seconds = time.perf_counter() - begin
    assert found.num_answered == NUM_CHANGES, f"expected {NUM_CHANGES} answers, found {found.num_answered}"
    return speed, seconds


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
