"""The stage `emit`: kept documents to a token store, and from it an export of training shards."""

from collections.abc import Mapping

from curation.identity import fingerprint
from pipelines.measuring import Job
from pipelines.parts import read_batches
from pipelines.shards import Export, ExportRequest, export_shards
from pipelines.store import Store
from pipelines.token_law import check_tokens, token_findings
from pipelines.tokenize import PinnedTokenizer, encode_part

READ_COLUMNS = ["doc_id", "source", "split", "text"]
TURNS_COLUMNS = ["extractor", "extra"]


def tokenize_part(job: Job, part: str, tokenizer: PinnedTokenizer) -> None:
    """Writes `tokens/` of one part from its kept documents (idempotent)."""
    has_turns = any(given.columns.is_conversation for given in job.spec.inputs.values())
    names = [*READ_COLUMNS, *(TURNS_COLUMNS if has_turns else ())]
    documents = read_batches(job.store, f"documents/{part}.parquet", names)
    encode_part(documents, tokenizer, store=job.store, part=part)


def export_run(
    job: Job,
    parts: tuple[str, ...],
    tokenizer: PinnedTokenizer,
    *,
    parent: str | None = None,
    earlier: Mapping[bytes, int] | None = None,
) -> Export:
    """Publishes the export of a run, named by the digest of plan, decisions and order.

    Args:
        job: the job.
        parts: of the run, in order.
        tokenizer: of the job.
        parent: name of the export that this one replaces.
        earlier: see `ExportRequest`.

    Raises:
        ConservationError: tokens were lost or made up.
    """
    assert job.spec.shards is not None, "the driver exports only where the spec has shards"
    decisions = [job.store.digest(f"decisions/{part}.parquet").sha256 for part in parts]
    request = ExportRequest(
        store=job.store,
        parts=parts,
        tokenizer=tokenizer,
        shards=job.spec.shards,
        seed=job.spec.seed,
        fingerprint=fingerprint([job.fingerprint, *decisions]),
        weights={name: given.weight for name, given in job.spec.inputs.items()},
        domains={name: given.domain for name, given in job.spec.inputs.items() if given.domain},
        provenance={"job": job.spec.job, "run_fingerprint": job.fingerprint},
        parent=parent,
        earlier=earlier or {},
        max_synthetic_fraction=job.spec.synthesis.max_fraction if job.spec.synthesis else None,
    )
    export = export_shards(request)
    check_tokens(job.store, export.folder)
    return export


def verify_export(store: Store, name: str) -> list[str]:
    """Returns what differs between an export and its `MANIFEST.sha256`, and what breaks the law of tokens."""
    folder = f"exports/{name}"
    broken = []
    for line in store.read(f"{folder}/MANIFEST.sha256").decode().splitlines():
        sha256, _, path = line.partition("  ")
        if not store.exists(f"{folder}/{path}"):
            broken.append(f"{folder}/{path}: listed in MANIFEST.sha256, not there")
        elif store.digest(f"{folder}/{path}").sha256 != sha256:
            broken.append(f"{folder}/{path}: differs from its sha256 in MANIFEST.sha256")
    return broken or [f"law of tokens: {finding}" for finding in token_findings(store, folder)]
