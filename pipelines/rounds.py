"""`gristmill resume` of a finished run with answers: judged and linked once more, and exported anew.

A round is a run directory of its own under `rounds/`, named by the answers it counts. What was measured is linked, not
copied or measured again; only texts that people rewrote or corrected are measured, as children that pass the same
gates: whoever holds the old document's id holds the old text. The run, its export and earlier rounds stay as they are;
`rounds/latest` names the newest.
"""

import os
from collections.abc import Iterator
from dataclasses import dataclass, replace

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from curation.errors import ConservationError, InputError
from curation.identity import fingerprint, hash_bytes, secure_hash
from curation.review.corrections import corrected
from curation.review.rulings import Ruled, overruled, rulings_of, without_stale
from curation.schema import DOCUMENT, RULINGS, VERDICTS
from pipelines.borderline import write_pairs
from pipelines.conservation import check_conservation
from pipelines.decided import People, decide_documents
from pipelines.deciding import decide_part
from pipelines.emitting import export_run, tokenize_part
from pipelines.export_folder import ORDER_FILE, VALIDATION
from pipelines.judging import verdicts_of
from pipelines.lock import run_lock
from pipelines.manifest import count_documents, read_manifest, write_manifest
from pipelines.measuring import Job, write_measured
from pipelines.parts import read_part, write_part
from pipelines.progress import Progress
from pipelines.report import write_report
from pipelines.run_plan import decisive_settings
from pipelines.rundir import LATEST_ROUND, Run, open_run
from pipelines.shards import ACCEPTED, Export
from pipelines.spec import JobSpec
from pipelines.spec_file import dump_spec
from pipelines.standing import check_finished, part_names
from pipelines.store import Store
from pipelines.tokenize import PinnedTokenizer

STORED = ("inputs", "measured", "signatures", "accounts", "dead_letter")
ROUNDS = "rounds"
REWRITTEN = "part-rewritten"
EXTRACTOR = "people"
NAME_DIGITS = 16


@dataclass(frozen=True, slots=True, kw_only=True)
class Round:
    """A run decided with people's answers; `num_stale` answers were about texts that have changed since."""

    run: Store
    fingerprint: str
    counts: dict[str, int]
    reused: bool
    num_answers: int
    num_stale: int


def has_answers(run: Run) -> bool:
    """Returns whether people answered anything about a finished run."""
    return bool(run.manifest()) and bool(run.parts("people"))


def decide_with_people(run: Run, spec: JobSpec, *, tokenizer: PinnedTokenizer | None, progress: Progress) -> Round:
    """Decides a finished run once more with people's answers, in `rounds/<digest>`.

    Args:
        run: a finished run on a local disk.
        spec: of the run.
        tokenizer: of its shards, if it has some.
        progress: told about judging and linking.

    Raises:
        InputError: the run is unfinished or not local.
        ConservationError: a law does not hold.
    """
    check_finished(run)
    ruled = rulings_of(run.dataset("people").to_table())
    rulings = without_stale(ruled.table, _text_hashes(run, ruled.table["doc_id"]))
    different = sorted([one.hex(), other.hex()] for one, other in ruled.different)
    said = [[_plain(value) for value in row.values()] for row in rulings.to_pylist()]
    key = fingerprint([run.manifest()["fingerprint"], decisive_settings(spec), said, different])
    store = Store(str(run.store.local_path(f"{ROUNDS}/{key[:NAME_DIGITS]}")))
    job = Job(spec=spec, fingerprint=key, store=store)
    with run_lock(store):
        manifest = read_manifest(store)
        if manifest is None:
            store.sweep()
            fresh = replace(ruled, table=rulings)
            counts = _decide(run, job, fresh, tokenizer=tokenizer, progress=progress)
        run.store.write(LATEST_ROUND, f"{key[:NAME_DIGITS]}\n".encode(), replace=True)
    return Round(
        run=store,
        fingerprint=key,
        counts=manifest.counts if manifest else counts,
        reused=manifest is not None,
        num_answers=ruled.num_answers,
        num_stale=ruled.table.num_rows - rulings.num_rows,
    )


def _decide(
    run: Run,
    job: Job,
    ruled: Ruled,
    *,
    tokenizer: PinnedTokenizer | None,
    progress: Progress,
) -> dict[str, int]:
    store, rulings = job.store, ruled.table
    _link(run.store, store)
    store.write("spec.yaml", dump_spec(job.spec).encode())
    store.write("fingerprint", job.fingerprint.encode() + b"\n")
    write_part(store, "rulings/rulings.parquet", RULINGS, rulings.to_batches())
    _measure_rewrites(run, job, rulings)
    parts = part_names(open_run(store.uri))
    _judge(job, parts, rulings, progress)
    audited = run.sql("SELECT doc_id FROM decisions WHERE audit").fetchall()
    people = People(different=ruled.different, audited=np.array([row[0] for row in audited], dtype="S16"))
    decided = decide_documents(job, parts, progress, people=people)
    write_pairs(store, decided.roster, decided.clustering)
    for part in parts:
        decide_part(job, part)
    check_conservation(store)
    export = _export(run, job, parts, tokenizer) if tokenizer is not None else None
    store.remove("work")
    counts = count_documents(store, export)
    parent = str(run.manifest()["fingerprint"])
    write_manifest(job, counts, hot_buckets=decided.clustering.hot_buckets, export=export, parent=parent)
    write_report(store.uri)
    return counts


def _link(source: Store, target: Store) -> None:
    """Links files by relative paths, so that a run can be moved with its rounds; links vanish with what they name."""
    for name in (name for folder in STORED for name in source.names(folder)):
        link = target.local_path(name)
        link.parent.mkdir(parents=True, exist_ok=True)
        if not link.is_symlink():
            link.symlink_to(os.path.relpath(source.local_path(name), link.parent))


def _judge(job: Job, parts: tuple[str, ...], rulings: pa.Table, progress: Progress) -> None:
    """Publishes `verdicts/`: what the gates say, below what people say."""
    progress.start("judge", len(parts), "parts")
    for number, part in enumerate(parts, start=1):
        judged = (overruled(batch, rulings, unanswered=job.spec.review.unanswered) for batch in verdicts_of(job, part))
        write_part(job.store, f"verdicts/{part}.parquet", VERDICTS, judged)
        progress.update(number)
    progress.finish(f"{len(parts)} parts")


def _measure_rewrites(run: Run, job: Job, rulings: pa.Table) -> None:
    """Measures the texts that people wrote or corrected, as children of the documents that they replace."""
    if pc.any(pc.is_in(rulings["ruling"], pa.array(["rewrite", "edit"]))).as_py():
        write_measured(job, REWRITTEN, _children(run, rulings))


def _children(run: Run, rulings: pa.Table) -> Iterator[pa.RecordBatch]:
    """Yields one DOCUMENT per text that people wrote or corrected, with the provenance of its parent."""
    for ruling, column, child_of in (("rewrite", "rewrite", _rewritten), ("edit", "spans", _edited)):
        chosen = rulings.filter(pc.equal(rulings["ruling"], ruling))
        said = dict(zip(chosen["doc_id"].to_pylist(), chosen[column].to_pylist(), strict=True))
        is_wanted = pc.field("doc_id").isin(pa.array(sorted(said), DOCUMENT.field("doc_id").type))
        parents = run.measured.to_table(columns=DOCUMENT.names, filter=is_wanted).sort_by("doc_id")
        rows = [child_of(row, said[row["doc_id"]]) for row in parents.to_pylist()]
        yield from pa.Table.from_pylist(rows, DOCUMENT).to_batches()


def _edited(parent: dict[str, object], spans: list[dict[str, object]]) -> dict[str, object]:
    """Returns a corrected document: raw bytes are still those of its parent, and edits say what became of them.

    Raises:
        InputError: the run has not kept the text.
    """
    if not parent["text"]:
        raise InputError(
            f"expected the text of document {_plain(parent['doc_id'])}, which people corrected, found none"
        )
    batch = pa.RecordBatch.from_pylist([parent], DOCUMENT)
    (row,) = corrected(batch, [spans]).to_pylist()
    return {**row, **_name(parent, "edit", str(row["text"]).encode())}


def _name(parent: dict[str, object], how: str, content: bytes) -> dict[str, object]:
    identity = parent["doc_id"]
    assert isinstance(identity, bytes), "ids are 16 bytes"
    return {"doc_id": hash_bytes(identity + f"\x00{how}\x00".encode() + content), "parent_id": identity}


def _rewritten(parent: dict[str, object], text: str) -> dict[str, object]:
    content = text.encode(errors="replace")
    return {
        **parent,
        **_name(parent, "rewrite", content),
        "raw_hash": secure_hash(content),
        "extractor": EXTRACTOR,
        "text": content.decode(),
        "edits": [],
    }


def _text_hashes(run: Run, ids: pa.ChunkedArray) -> dict[bytes, bytes]:
    found = run.dataset("signatures").to_table(
        columns=["doc_id", "text_hash"], filter=pc.field("doc_id").isin(ids.combine_chunks())
    )
    return dict(zip(found["doc_id"].to_pylist(), found["text_hash"].to_pylist(), strict=True))


def _export(run: Run, job: Job, parts: tuple[str, ...], tokenizer: PinnedTokenizer) -> Export:
    """Publishes the export of a round: the rows of the last one and a further stage, or all in a new order.

    A document of the last export that is not kept any more, or changed sides, must not stay in its rows: then all are
    ordered anew.
    """
    for part in parts:
        tokenize_part(job, part, tokenizer)
    before = _last_export(run)
    if before is None:
        return export_run(job, parts, tokenizer)
    store, name = before
    earlier = _generations(store, name)
    kept = {doc_id: split for doc_id, split in _kept(job.store)}
    stays = all(kept.get(doc_id) == split for doc_id, (split, _) in earlier.items())
    if job.spec.review.export == "reorder" or not stays:
        return export_run(job, parts, tokenizer, parent=name)
    generations = {doc_id: generation for doc_id, (_, generation) in earlier.items()}
    export = export_run(job, parts, tokenizer, parent=name, earlier=generations)
    _check_rows(store, name, job.store, export.name)
    return export


def _last_export(run: Run) -> tuple[Store, str] | None:
    """Returns where the export of the newest round lies, else that of the run."""
    stores = [run.store]
    if run.store.exists(LATEST_ROUND):
        stores.insert(0, Store(f"{run.store.uri}/{ROUNDS}/{run.store.read(LATEST_ROUND).decode().strip()}"))
    for store in stores:
        name = open_run(store.uri).latest_export
        if name is not None:
            return store, name
    return None


def _orders(store: Store, name: str) -> Iterator[tuple[str, pa.Table]]:
    for split, folder in (("train", f"exports/{name}"), (VALIDATION, f"exports/{name}/{VALIDATION}")):
        yield split, read_part(store, f"{folder}/{ORDER_FILE}", ["doc_id", "stage", "copy", "row", "position"])


def _generations(store: Store, name: str) -> dict[bytes, tuple[str, int]]:
    """Returns side and generation of each document of an export."""
    found: dict[bytes, tuple[str, int]] = {}
    for split, order in _orders(store, name):
        for doc_id, stage in zip(order["doc_id"].to_pylist(), order["stage"].to_pylist(), strict=True):
            number = stage.rpartition("-")[2] if stage.startswith(f"{ACCEPTED}-") else "0"
            found[doc_id] = (split, int(number))
    return found


def _kept(store: Store) -> list[tuple[bytes, str]]:
    return open_run(store.uri).sql("SELECT doc_id, split FROM decisions WHERE state = 'kept'").fetchall()


def _check_rows(store: Store, name: str, new_store: Store, new_name: str) -> None:
    """Raises ConservationError unless the rows of an export begin a later one, in the same order."""
    for (split, before), (_, after) in zip(_orders(store, name), _orders(new_store, new_name), strict=True):
        if not after.slice(0, before.num_rows).equals(before):
            raise ConservationError(
                f"{new_store.uri}/exports/{new_name}: expected the {split} rows of {name} first, found others; "
                "set review.export to reorder"
            )


def _plain(value: object) -> object:
    return value.hex() if isinstance(value, bytes) else value
