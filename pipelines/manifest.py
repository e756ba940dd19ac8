"""`manifest.json`: what a run is and what it holds, written last. No manifest, no run."""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from importlib import metadata

from curation.errors import VerifyError
from pipelines.measuring import Job, plan_of
from pipelines.run_plan import decisive_settings
from pipelines.rundir import open_run
from pipelines.shards import Export
from pipelines.store import Store

FORMAT_VERSION = "1.0"
FOLDERS = (
    "inputs", "measured", "signatures", "dead_letter", "accounts", "verdicts",
    "links", "canaries", "contamination", "decisions", "documents", "review", "rulings", "tasks",
    "tokens", "exports",
)  # fmt: skip
NAME = "manifest.json"
POINTER = "exports/latest"


@dataclass(frozen=True, slots=True, kw_only=True)
class Manifest:
    """A finished run's manifest."""

    job: str
    fingerprint: str
    version: str
    counts: dict[str, int]
    files: dict[str, tuple[int, str]]  # name -> (bytes, sha256)
    export: str | None
    content: Mapping[str, object]


COUNTS = """
SELECT (SELECT count(*) FROM files) AS input_files,
       (SELECT coalesce(sum(bytes), 0) FROM files)::BIGINT AS input_bytes,
       (SELECT coalesce(sum(count), 0) FROM accounts WHERE kind = 'skipped')::BIGINT AS skipped,
       (SELECT count(*) FROM dead_letter) AS dead_letters,
       (SELECT count(*) FROM measured) AS read,
       (SELECT count(*) FROM decisions WHERE state = 'kept') AS kept,
       (SELECT count(*) FROM decisions WHERE state = 'dropped') AS dropped,
       (SELECT count(*) FROM decisions WHERE state = 'review') AS review,
       (SELECT count(*) FROM decisions WHERE starts_with(decided_by, 'dedup/exact_')) AS exact_duplicates,
       (SELECT count(*) FROM decisions WHERE decided_by = 'dedup/url') AS url_duplicates,
       (SELECT count(*) FROM decisions WHERE decided_by = 'dedup/near') AS near_duplicates,
       (SELECT count(*) FROM decisions WHERE chained) AS chained,
       (SELECT count(*) FROM decisions WHERE decided_by = 'dedup/near_borderline') AS borderline,
       (SELECT count(*) FROM decisions WHERE decided_by = 'dedup/cluster_undecided') AS undecided,
       (SELECT count(*) FROM decisions WHERE split = 'validation') AS validation,
       (SELECT count(*) FROM links) AS links
"""


def count_documents(store: Store, export: Export | None) -> dict[str, int]:
    """Returns the counts of a run from its written tables, and the totals of its export."""
    with open_run(store.uri).connect() as connection:
        relation = connection.sql(COUNTS)
        counts = {name: int(value) for name, value in zip(relation.columns, relation.fetchall()[0], strict=True)}
    totals = export.manifest["totals"] if export else {}
    assert isinstance(totals, Mapping), "the exporter writes totals as a mapping"
    return counts | {f"export_{name}": int(value) for name, value in sorted(totals.items())}


def write_manifest(
    job: Job, counts: dict[str, int], *, hot_buckets: int, export: Export | None, parent: str | None = None
) -> None:
    """Digests every published file and publishes the manifest; the run is finished by this.

    Args:
        job: the job.
        counts: from `count_documents`.
        hot_buckets: buckets with more documents than are compared.
        export: of the run, if it has one.
        parent: fingerprint of the run that people's answers decided once more.
    """
    names = [name for folder in FOLDERS for name in job.store.names(folder)]
    written = [job.store.digest(name) for name in sorted([*names, "spec.yaml"])]
    content = {
        "format_version": FORMAT_VERSION,
        "job": job.spec.job,
        "fingerprint": job.fingerprint,
        "parent": parent,
        "version": metadata.version("gristmill"),
        "plan": plan_of(job.spec).configuration(),
        "settings": decisive_settings(job.spec),
        "counts": counts,
        "hot_buckets": hot_buckets,
        "laws": {"input": "holds", "documents": "holds", "tokens": "holds" if export else "not applicable"},
        "export": export.name if export else None,
        "files": [{"name": item.name, "bytes": item.bytes, "sha256": item.sha256} for item in written],
    }
    job.store.write(NAME, json.dumps(content, indent=1, sort_keys=True, ensure_ascii=True).encode() + b"\n")


def read_manifest(store: Store) -> Manifest | None:
    """Returns the manifest of a run, None while it is unfinished.

    Raises:
        VerifyError: the manifest is not of a form that this version reads.
    """
    if not store.exists(NAME):
        return None
    try:
        content = json.loads(store.read(NAME))
        if str(content["format_version"]).split(".")[0] != FORMAT_VERSION.split(".", maxsplit=1)[0]:
            raise VerifyError(
                f"{store.uri}/{NAME}: expected format {FORMAT_VERSION}, found {content['format_version']}"
            )
        return Manifest(
            job=str(content["job"]),
            fingerprint=str(content["fingerprint"]),
            version=str(content["version"]),
            counts={str(name): int(value) for name, value in content["counts"].items()},
            files={str(item["name"]): (int(item["bytes"]), str(item["sha256"])) for item in content["files"]},
            export=content["export"],
            content=content,
        )
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise VerifyError(
            f"{store.uri}/{NAME}: expected a run's manifest, found {type(error).__name__}: {error}"
        ) from None
