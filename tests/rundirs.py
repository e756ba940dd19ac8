"""Builds run directories from a list of documents, without running a job: for everything that reads runs."""

import json
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq

from curation.identity import doc_id, hash_bytes
from curation.quality.gates import Rule, When
from curation.schema import ACCOUNT, DEAD_LETTER, DECISIONS, DOCUMENT, LINKS, TOKENS
from pipelines.rundir import Run, open_run
from pipelines.spec import GateSpec, InputSpec, JobSpec
from pipelines.spec_file import dump_spec

SIGNALS = ("num_words", "alpha_word_fraction", "dup_line_fraction", "num_chars")
FIELDS = (pa.field("signal.language", pa.string()), *(pa.field(f"signal.{name}", pa.float64()) for name in SIGNALS))
MEASURED = pa.schema([*DOCUMENT, *FIELDS])
KEPT = pa.schema([*MEASURED, *(DECISIONS.field(name) for name in ("cluster_id", "cluster_size", "split"))])
REVIEW = pa.schema([*MEASURED, *(item for item in DECISIONS if item.name not in {"doc_id", "source", "split"})])
FILES = pa.schema(
    [
        ("source", pa.string()),
        ("path", pa.string()),
        ("bytes", pa.int64()),
        ("digest", pa.string()),
        ("format", pa.string()),
        ("compression", pa.string()),
        ("problem", pa.string()),
    ]
)
GATES = {
    "quality": GateSpec(
        rules=(
            Rule(signal="num_words", min=50, max=100_000),
            Rule(signal="alpha_word_fraction", min=0.8, review_within=0.05),
            Rule(signal="dup_line_fraction", max=0.3, when=When(language=("en",))),
        )
    ),
    "language": GateSpec(rules=(Rule(signal="language", one_of=("en", "de")),)),
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Doc:
    """One document of a made-up run; `twin` is the index of the earlier document it is linked to."""

    text: str = "The quick brown fox jumps over the lazy dog."
    source: str = "web"
    path: str = "pages/a.warc.gz"
    url: str | None = None
    user_id: str | None = None
    language: str | None = "en"
    state: str = "kept"
    decided_by: str | None = None
    failed: tuple[dict[str, object], ...] = ()
    review_reasons: tuple[str, ...] = ()
    twin: int | None = None
    kind: str = "near"  # of LINK_KINDS
    jaccard: float = 0.75
    split: str = "train"
    license: str | None = None
    domain: str | None = None
    extra: str | None = None
    generator: str | None = None
    template: str | None = None
    signals: dict[str, float | None] = field(default_factory=dict)


def job(name: str = "made", sources: Sequence[str] = ("web",)) -> JobSpec:
    """Returns a spec with two gates for every source."""
    inputs = {source: InputSpec(files=("data/*",), gates=("quality", "language")) for source in sources}
    return JobSpec(job=name, inputs=inputs, gates=GATES)


def write_run(
    folder: Path,
    docs: Sequence[Doc] = (),
    *,
    dead: Sequence[dict[str, object]] = (),
    skipped: Sequence[tuple[str, int]] = (),
    spec: JobSpec | None = None,
    parts: int = 1,
) -> Run:
    """Writes a whole run directory and opens it.

    Args:
        folder: where.
        docs: documents, in input order.
        dead: rows of DEAD_LETTER.
        skipped: (reason, count) of skipped records.
        spec: the job; None: `job()`.
        parts: how many parts the documents are dealt to, in order.
    """
    ids = [doc_id(doc.source, doc.path, index) for index, doc in enumerate(docs)]
    size = -(-len(docs) // parts) if docs else 0
    for part in range(parts):
        rows = range(part * size, min((part + 1) * size, len(docs)))
        tables = _tables(docs, ids, rows)
        first = part == 0
        tables.append(("accounts", ACCOUNT, _accounts(skipped, dead) if first else []))
        tables.append(("dead_letter", DEAD_LETTER, list(dead) if first else []))
        for name, schema, table in tables:
            _write(folder / name / f"part-{part:05d}-0123abcd.parquet", schema, table)
    files = sorted({(doc.source, doc.path) for doc in docs})
    common = {"bytes": 1000, "digest": "00" * 16, "format": "warc"}
    _write(
        folder / "inputs" / "files.parquet",
        FILES,
        [{"source": source, "path": path} | common for source, path in files],
    )
    (folder / "spec.yaml").write_text(dump_spec(spec or job(sources=sorted({doc.source for doc in docs}) or ["web"])))
    (folder / "manifest.json").write_text(json.dumps(_manifest(docs, spec)))
    return open_run(folder)


def _write(path: Path, schema: pa.Schema, rows: list[dict[str, object]]) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    pq.write_table(pa.Table.from_pylist(rows, schema), path)


def identity(docs: Sequence[Doc], index: int) -> bytes:
    """Returns the id that `write_run` gives the document at `index`."""
    return doc_id(docs[index].source, docs[index].path, index)


def _tables(docs: Sequence[Doc], ids: list[bytes], rows: range) -> list[tuple[str, pa.Schema, list[dict[str, object]]]]:
    measured = [_measured(docs[row], ids[row], row) for row in rows]
    decisions = [_decision(docs, ids, row) for row in rows]
    joined = [before | {"split": None} | after for before, after in zip(measured, decisions, strict=True)]
    links = [
        {"doc_id": ids[row], "earlier_id": ids[twin], "kind": docs[row].kind, "jaccard": docs[row].jaccard}
        | {"threshold": 0.7}
        for row in rows
        if (twin := docs[row].twin) is not None
    ]
    kept = [row for row in joined if row["state"] == "kept"]
    tokens = [
        {"doc_id": row["doc_id"], "source": row["source"], "split": row["split"]}
        | {"num_tokens": len(str(row["text"])) // 4, "text_bytes": len(str(row["text"]).encode(errors="replace"))}
        for row in kept
    ]
    return [
        ("measured", MEASURED, measured),
        ("decisions", DECISIONS, decisions),
        ("links", LINKS, links),
        ("documents", KEPT, kept),
        ("review", REVIEW, [row for row in joined if row["state"] == "review"]),
        ("tokens", TOKENS, tokens),
    ]


def _measured(doc: Doc, identifier: bytes, row: int) -> dict[str, object]:
    words = float(len(doc.text.split()))
    values = {
        "num_words": words,
        "alpha_word_fraction": 1.0,
        "dup_line_fraction": 0.0,
        "num_chars": float(len(doc.text)),
    }
    signals = {f"signal.{name}": value for name, value in (values | doc.signals).items()}
    provenance = {
        "doc_id": identifier,
        "source": doc.source,
        "path": doc.path,
        "offset": row,
        "length_bytes": len(doc.text),
        "user_id": doc.user_id,
        "url": doc.url,
        "site": doc.url.split("/")[2] if doc.url and doc.url.count("/") > 1 else None,
        "license": doc.license,
        "domain": doc.domain,
        "extra": doc.extra,
        "generator": doc.generator,
        "template": doc.template,
        "raw_hash": hash_bytes(doc.text.encode(errors="replace")),
    }
    return provenance | {"text": doc.text, "edits": [], "signal.language": doc.language} | signals


def _decision(docs: Sequence[Doc], ids: list[bytes], row: int) -> dict[str, object]:
    doc = docs[row]
    root, has_twin = row, doc.twin is not None
    while (twin := docs[root].twin) is not None:
        root = twin
    clustered = has_twin or any(other.twin == row for other in docs[row + 1 : row + 50])
    linked = has_twin and doc.state != "kept"
    return {
        "doc_id": ids[row],
        "source": doc.source,
        "state": doc.state,
        "decided_by": doc.decided_by,
        "failed": list(doc.failed),
        "review_reasons": list(doc.review_reasons),
        "audit": False,
        "cluster_id": ids[root] if clustered else None,
        "cluster_size": 2 if clustered else 1,
        "survivor_id": ids[doc.twin] if linked and doc.twin is not None else None,
        "survivor_jaccard": doc.jaccard if linked else None,
        "chained": False,
        "linked_id": ids[doc.twin] if linked and doc.twin is not None else None,
        "link_kind": doc.kind if linked else None,
        "link_jaccard": doc.jaccard if linked else None,
        "link_threshold": 0.7 if linked else None,
        "split": doc.split if doc.state == "kept" else None,
    }


def _accounts(skipped: Sequence[tuple[str, int]], dead: Sequence[dict[str, object]]) -> list[dict[str, object]]:
    where = {"source": "web", "path": "pages/a.warc.gz"}
    rows: list[dict[str, object]] = []
    for position, (reason, count) in enumerate(skipped):
        rows.append(where | {"kind": "skipped", "reason": reason, "offset": position, "length": 1, "count": count})
    for letter in dead:
        rows.append(
            {name: letter[name] for name in ("source", "path", "offset", "length", "reason")}
            | {"kind": "dead_letter", "count": 1}
        )
    return rows


def _manifest(docs: Sequence[Doc], spec: JobSpec | None) -> dict[str, object]:
    return {
        "format_version": "1.0",
        "job": (spec or job()).job,
        "fingerprint": "f" * 64,
        "version": "0.1.0",
        "plan": [[{"step": "Nfc"}, {"step": "Language"}]],
        "settings": {},
        "counts": {"read": len(docs)},
        "laws": {"input": "holds", "documents": "holds", "tokens": "holds"},
        "hot_buckets": 0,
        "export": None,
        "files": [],
    }


def example_docs() -> list[Doc]:
    """Returns documents that end in every possible way."""
    failed = {"rule": "quality/num_words", "value": 3.0, "threshold": 50.0, "found": None}
    alien = {"rule": "language/language", "value": None, "threshold": None, "found": "fr"}
    near = {"rule": "dedup/near", "value": 0.75, "threshold": 0.7, "found": None}
    exact = {"rule": "dedup/exact_text", "value": 1.0, "threshold": 1.0, "found": None}
    long = "word " * 60
    return [
        Doc(text=long, url="https://a.example/1", user_id="one", split="train"),
        Doc(
            text="three short words",
            url="https://a.example/2",
            state="dropped",
            decided_by="quality/num_words",
            failed=(failed,),
        ),
        Doc(text=long + "du pain", language="fr", state="dropped", decided_by="language/language", failed=(alien,)),
        Doc(
            text=long + "x",
            state="dropped",
            decided_by="dedup/near",
            failed=(near,),
            twin=0,
            source="books",
            path="b.jsonl",
        ),
        Doc(
            text=long,
            state="dropped",
            decided_by="dedup/exact_text",
            failed=(exact,),
            twin=0,
            kind="exact_text",
            jaccard=1.0,
        ),
        Doc(
            text=long,
            state="review",
            decided_by="quality/alpha_word_fraction",
            review_reasons=("quality/alpha_word_fraction: 0.79 against 0.8",),
            signals={"alpha_word_fraction": 0.79},
        ),
        Doc(
            text=long,
            state="review",
            decided_by="dedup/cluster_undecided",
            review_reasons=("dedup/cluster_undecided: held",),
            twin=5,
        ),
        Doc(text="Guten Tag. " * 60, language="de", url="https://b.example/", split="validation", license="CC-BY-4.0"),
        Doc(
            text="same url",
            url="https://a.example/1",
            state="dropped",
            decided_by="quality/num_words",
            failed=(failed,),
        ),
    ]
