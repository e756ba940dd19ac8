"""A finished run of many made-up documents, written as tables: signals are drawn, texts and signatures are left out."""

import json
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from curation.identity import type_of_id
from curation.schema import DECISIONS, LINKS
from pipelines.judging import gates_of, judge_part
from pipelines.measuring import Job
from pipelines.parts import read_part, write_part
from pipelines.rundir import Run, open_run
from pipelines.spec import GateSpec, InputSpec, JobSpec
from pipelines.spec_file import dump_spec
from pipelines.store import Store

SOURCES = ("books", "news", "web")
LANGUAGES = ("de", "en", "fr", "th")
GATES = ("quality", "repetition")
UNSAID = ("url", "user_id", "warc_record_id", "license", "extractor")
SPEC = JobSpec(
    job="many",
    inputs={source: InputSpec(files=("data",), domain=source, gates=GATES) for source in SOURCES},
    gates={name: GateSpec(preset=f"gopher_{name}") for name in GATES},
)


def write_many(folder: Path, *, documents: int, parts: int) -> Run:
    """Writes a run whose documents fall on both sides of every rule; one in ten of those that pass is a copy."""
    draw = np.random.default_rng(0)
    store = Store(str(folder))
    job = Job(spec=SPEC, fingerprint="0" * 64, store=store)
    for number in range(parts):
        part = f"part-{number:05d}-00000000"
        source = SOURCES[number * len(SOURCES) // parts]
        write_part(store, f"measured/{part}.parquet", *_batches(_measured(source, documents // parts, draw)))
        judge_part(job, part)
        _write_decided(store, part, draw)
    (folder / "spec.yaml").write_text(dump_spec(SPEC))
    (folder / "manifest.json").write_text(json.dumps({"fingerprint": job.fingerprint}))
    return open_run(folder)


def _measured(source: str, count: int, draw: np.random.Generator) -> pa.Table:
    ids = draw.integers(0, 256, (count, 16), dtype=np.uint8).tobytes()
    rules = {rule.column: rule for of_source in gates_of(SPEC) for gate in of_source.gates for rule in gate.rules}
    return pa.table(
        {
            "doc_id": pa.FixedSizeBinaryArray.from_buffers(type_of_id, count, [None, pa.py_buffer(ids)]),
            "source": pa.repeat(source, count),
            "domain": pa.repeat(source, count),
            "path": pa.repeat("a.jsonl", count),
            "offset": pa.array(np.arange(count) * 1000),
            **{name: pa.nulls(count, pa.string()) for name in UNSAID},
            "text": pa.repeat("Made up. " * 20, count),
            "signal.language": pa.array(LANGUAGES).take(pa.array(draw.integers(0, len(LANGUAGES), count))),
            **{name: _values(rule.min, rule.max, count, draw) for name, rule in sorted(rules.items())},
        }
    )


def _values(low: float | None, high: float | None, count: int, draw: np.random.Generator) -> pa.Array:
    """Draws values of which about one in fifty lies beyond each bound, and one in a hundred is null."""
    start = 0.0 if low is None else low
    end = high if high is not None else 4 * start
    width = end - start
    values = start - 0.02 * width * (low is not None) + draw.random(count) * width * 1.04
    return pa.array(values, mask=draw.random(count) < 0.01)


def _write_decided(store: Store, part: str, draw: np.random.Generator) -> None:
    verdicts = read_part(store, f"verdicts/{part}.parquet")
    count = verdicts.num_rows
    kept = np.asarray(verdicts["state"].to_numpy(zero_copy_only=False) == "kept")
    copy = kept & (draw.random(count) < 0.1)
    state = np.where(copy, "dropped", verdicts["state"].to_numpy(zero_copy_only=False))
    decided_by = np.where(copy, "dedup/near", verdicts["decided_by"].to_numpy(zero_copy_only=False))
    first = draw.choice(np.flatnonzero(kept & ~copy), count)
    survivor = verdicts["doc_id"].take(pa.array(first))
    in_cluster = copy | np.isin(np.arange(count), first[copy])
    cluster = verdicts["doc_id"].take(pa.array(np.where(copy, first, np.arange(count))))
    none = pa.scalar(None, type_of_id)
    columns = {field.name: pa.nulls(count, field.type) for field in DECISIONS}
    lists = {name: pa.array([[]] * count, DECISIONS.field(name).type) for name in ("failed", "review_reasons")}
    columns |= lists | {
        "doc_id": verdicts["doc_id"],
        "source": read_part(store, f"measured/{part}.parquet", ["source"])["source"],
        "state": pa.array(state.tolist(), pa.string()),
        "decided_by": pa.array(decided_by.tolist(), pa.string()),
        "survivor_id": pc.if_else(pa.array(copy), survivor, none),
        "cluster_id": pc.if_else(pa.array(in_cluster), cluster, none),
    }
    links = {
        "doc_id": verdicts["doc_id"].filter(pa.array(copy)),
        "earlier_id": survivor.filter(pa.array(copy)),
        "kind": pa.repeat("near", int(copy.sum())),
        **{name: pa.repeat(value, int(copy.sum())) for name, value in (("jaccard", 0.8), ("threshold", 0.7))},
    }
    write_part(store, f"links/{part}.parquet", *_batches(pa.table(links, schema=LINKS)))
    text_bytes = pa.array(draw.integers(300, 30_000, count))
    stays = pa.array(state == "kept")
    tokens = {"doc_id": verdicts["doc_id"].filter(stays), "num_tokens": pc.divide(text_bytes.filter(stays), 4)}
    decisions = pa.table({name: column for name, column in columns.items() if name != "audit"})
    write_part(store, f"decisions/{part}.parquet", *_batches(decisions))
    write_part(
        store,
        f"signatures/{part}.parquet",
        *_batches(pa.table({"doc_id": verdicts["doc_id"], "text_hash": verdicts["doc_id"], "text_bytes": text_bytes})),
    )
    write_part(store, f"tokens/{part}.parquet", *_batches(pa.table(tokens)))


def _batches(table: pa.Table) -> tuple[pa.Schema, list[pa.RecordBatch]]:
    return table.schema, table.to_batches()
