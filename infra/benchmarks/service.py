"""How long the service takes to answer, over HTTP on loopback: 10,000 jobs in its database, a run of 100,000 documents.

Every page (the routes are the application's own, so that none is forgotten) and the questions of the API behind them,
beside an export of 100,000 documents, a training of 20,000 steps, 200 schedules, 1,000 tokens and 100,000 entries in
the audit log. The first answer after a start is told apart from the ones after it, and the first byte from the whole
answer. Target: 200 ms an answer. Wall times depend on what else runs, so the machine's load stands beside them, and
what decides is the CPU time of both sides: exit code 1 where the first answer or the median of the others is above.
"""

import argparse
import dataclasses
import json
import os
import shutil
import statistics
import sys
import tempfile
import time
import urllib.request
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))  # the tests' made-up runs are in no package

from sqlalchemy import insert, update

from curation.identity import doc_id
from infra.benchmarks.records import circumstances, save
from pipelines.rundir import open_run
from pipelines.service.database import writing
from pipelines.service.schedules import NewSchedule
from pipelines.service.service import Service
from pipelines.service.tables import STATES, AuditEntry, Job, Token
from pipelines.service.trainings import Point
from pipelines.shards import export_shards
from tests.many_documents import write_many
from tests.pipelines.service.page_addresses import Shown, addresses
from tests.pipelines.service.services import live, new_job, service_in
from tests.token_runs import documents, texts, write_run

NUM_JOBS, NUM_DOCUMENTS, PARTS = 10_000, 100_000, 16
NUM_SCHEDULES, NUM_TOKENS, NUM_ENTRIES, TRAINING_STEPS = 200, 1_000, 100_000, 20_000
MAX_SECONDS = 0.2


def main() -> int:
    """Measures every question and returns the exit code."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=20, help="times that each is asked (20)")
    rounds = parser.parse_args().rounds
    with tempfile.TemporaryDirectory() as scratch:
        service = service_in(Path(scratch))
        shown, secret = filled(service, Path(scratch, "run"))
        with live(service, prepared=True) as url:
            asked = {path: path for paths in addresses(shown).values() for path in paths}
            pages = {name_of(path, shown): timed(url + path, rounds, secret) for path in asked}
            answers = {name: timed(url + path, rounds, secret) for name, path in questions(shown.job).items()}
            answers["send ten documents to review"] = sent(f"{url}/api/jobs/{shown.job}/review/send", rounds, secret)
    both = {**pages, **answers}
    missed = [
        name
        for name, found in both.items()
        if max(found["first_cpu_seconds"], found["median_cpu_seconds"]) > MAX_SECONDS
    ]
    result = {
        "circumstances": circumstances("fastapi", "sqlalchemy", "duckdb", "pyarrow"),
        "load": os.getloadavg()[0],
        "jobs": NUM_JOBS,
        "documents": NUM_DOCUMENTS,
        "rounds": rounds,
        "target_seconds": MAX_SECONDS,
        "pages": pages,
        "answers": answers,
    }
    for name, found in both.items():
        columns = ("first_seconds", "first_cpu_seconds", "median_seconds", "median_cpu_seconds")
        print(" ".join(f"{found[column] * 1000:7.1f}" for column in columns), name)
    print(save("service", result))
    print(
        f"above {MAX_SECONDS} s: {', '.join(missed)}"
        if missed
        else f"the first answer and the median of the others are within {MAX_SECONDS} s of CPU time everywhere"
    )
    return 1 if missed else 0


def filled(service: Service, run: Path) -> tuple[Shown, str]:
    """Fills the database and writes the run; returns what its pages show, and the token of an administrator."""
    add_rows(service)
    write_many(run, documents=NUM_DOCUMENTS, parts=PARTS)
    shutil.rmtree(run / "tokens")  # of another form than a run's
    export = add_export(run)
    (run / "report.html").write_bytes(b" " * 1_000_000)  # the page only sends what lies there
    job = service.jobs.submit(new_job(service))
    with writing(service.jobs.engine) as session:
        session.execute(update(Job).where(Job.id == job.id).values(run=str(run), state="done"))
    training = service.trainings.register(
        export=export, name="many", host="here", global_batch=64, steps=2 * TRAINING_STEPS
    )
    stages = ("warmup", "main", "anneal")
    for first in range(0, TRAINING_STEPS, 1000):
        points = [
            Point(step=step, stage=stages[step % 3], loss=4.0, losses={stages[step % 3]: 4.0})
            for step in range(first, first + 1000)
        ]
        service.trainings.tell(training.id, points, state="running")
    document, other = (row.hex() for row in copy_and_its_survivor(run))
    shown = Shown(
        job=job.id, document=document, other=other, export=export, exported_document=doc_id("web", "file", 9).hex(),
        training=training.id,
    )  # fmt: skip
    return shown, service.tokens.make("the benchmark", ("admin",))


def add_rows(service: Service) -> None:
    """Fills the tables of jobs, schedules, tokens and the audit log."""
    rows = []
    for number in range(NUM_JOBS):
        row = service.jobs.row_of(new_job(service, name=f"job-{number % 100}"))
        row.state = STATES[2 + number % 3]
        values = {column.name: getattr(row, column.name) for column in Job.__table__.columns}
        rows.append(values | {"id": f"{number:021x}", "counts": {"read": number, "kept": number}})
    tokens = [
        {"name": f"nightly-{number}", "sha256": f"{number:064x}", "scopes": ["read"], "created_ms": number}
        for number in range(NUM_TOKENS)
    ]
    entries = [
        {"at_ms": number, "who": f"bot-{number % 50}", "what": f"POST /jobs/{number:021x}/cancel", "status": 202}
        for number in range(NUM_ENTRIES)
    ]
    with writing(service.jobs.engine) as session:
        for table, values in ((Job, rows), (Token, tokens), (AuditEntry, entries)):
            session.execute(insert(table), values)
    for number in range(NUM_SCHEDULES):
        new = NewSchedule(name=f"nightly-{number}", trigger="cron", expression="30 3 * * *", job=new_job(service))
        service.schedules.add(new)


def add_export(run: Path) -> str:
    """Exports as many documents into the run; returns the name of the export."""
    with tempfile.TemporaryDirectory() as scratch:
        step = NUM_DOCUMENTS // PARTS
        batches = (documents(texts(step, seed=part), first=part * step) for part in range(PARTS))
        request = write_run(Path(scratch), batches)
        shards = dataclasses.replace(request.shards, sequence_length=512, rows_per_group=2048, rows_per_file=131_072)
        export_shards(dataclasses.replace(request, shards=shards))
        shutil.copytree(Path(scratch, "exports"), run / "exports")
    return (run / "exports/latest").read_text().strip()


def copy_and_its_survivor(run: Path) -> tuple[bytes, bytes]:
    """Returns the ids of a document of the run and of the one that was kept in its place."""
    with open_run(run).connect(tables=("decisions",)) as connection:
        query = "SELECT doc_id, survivor_id FROM decisions WHERE survivor_id IS NOT NULL ORDER BY doc_id LIMIT 1"
        found = connection.execute(query).fetchone()
    assert found is not None, "one in ten of those that pass is a copy"
    return found


def name_of(path: str, shown: Shown) -> str:
    """Returns an address with what differs from run to run named."""
    for name, value in dataclasses.asdict(shown).items():
        path = path.replace(value, name.upper())
    return path


def questions(job: str) -> dict[str, str]:
    """Returns what a first page and the pages of a run ask."""
    at = f"/api/jobs/{job}"
    return {
        "jobs": "/api/jobs",
        "jobs, 5,000 pages on": f"/api/jobs?before={NUM_JOBS // 2:021x}",
        "jobs that failed": "/api/jobs?state=failed",
        "job": at,
        "overview": f"{at}/overview",
        "documents": f"{at}/documents",
        "documents that a rule touched": f"{at}/documents?rule=quality/num_words",
        "dropped documents": f"{at}/documents?state=dropped&count=100",
        "clusters": f"{at}/clusters",
        "review": f"{at}/review",
    }


def timed(url: str, rounds: int, secret: str) -> dict[str, float]:
    """Returns the seconds of the first answer, the median and the slowest of the others, and their CPU seconds."""
    headers = {} if url.endswith("/login") else bearer(secret)  # whoever is known is led on from there
    request = urllib.request.Request(url, headers=headers)  # noqa: S310 - loopback
    return summary([once(request) for _ in range(rounds)])


def sent(url: str, rounds: int, secret: str) -> dict[str, float]:
    """Returns the same of documents that are sent to people: ten others each time."""
    headers = bearer(secret)
    kept = f"{url.removesuffix('/review/send')}/documents?state=kept&count=200"
    listed = urllib.request.Request(kept, headers=headers)  # noqa: S310 - loopback
    with urllib.request.urlopen(listed) as answer:  # noqa: S310 - loopback
        ids = [item["document"]["doc_id"] for item in json.loads(answer.read())]
    bodies = [json.dumps({"documents": ids[10 * number : 10 * number + 10]}).encode() for number in range(rounds)]
    as_json = headers | {"Content-Type": "application/json"}
    return summary([once(urllib.request.Request(url, data=body, headers=as_json)) for body in bodies])  # noqa: S310 - loopback


def bearer(secret: str) -> dict[str, str]:
    """Returns the header of a token."""
    return {"Authorization": f"Bearer {secret}"}


def once(request: urllib.request.Request) -> tuple[float, float, float]:
    """Returns the seconds to the first byte of an answer and to its last, and the CPU seconds of both sides."""
    begun, used = time.perf_counter(), time.process_time()
    with urllib.request.urlopen(request) as answer:  # noqa: S310 - loopback
        answer.read(1)
        first = time.perf_counter() - begun
        answer.read()
    return first, time.perf_counter() - begun, time.process_time() - used


def summary(measured: list[tuple[float, float, float]]) -> dict[str, float]:
    """Returns the figures of some answers, of which the first is told apart."""
    first_byte, seconds, cpu = zip(*measured, strict=True)
    return {
        "first_seconds": seconds[0],
        "median_first_byte_seconds": statistics.median(first_byte[1:]),
        "median_seconds": statistics.median(seconds[1:]),
        "max_seconds": max(seconds[1:]),
        "first_cpu_seconds": cpu[0],
        "median_cpu_seconds": statistics.median(cpu[1:]),
    }


if __name__ == "__main__":
    sys.exit(main())
