"""A run directory as Arrow datasets and DuckDB tables, on a local disk or an object store.

Every folder is a dataset of its parts in unit order; `connect` gives a DuckDB connection in which each folder is a
table. DuckDB scans the datasets through Arrow, so one code path serves every file system, and it never opens a file,
loads an extension or reads a Python variable by itself: what a query can see is what was registered here.
"""

import json
import os
import secrets
import tempfile
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import duckdb
import pyarrow as pa
import pyarrow.dataset as ds

from curation.errors import InputError, VerifyError
from curation.schema import (
    ACCOUNT,
    CANARIES,
    CONTAMINATED_ITEMS,
    DEAD_LETTER,
    DECISIONS,
    DOCUMENT,
    GOLD,
    LINKS,
    PEOPLE_DECISIONS,
    PROVENANCE,
    REVIEW_TASKS,
    SIGNATURES,
    TOKENS,
    VERDICTS,
)
from pipelines.store import Store

if TYPE_CHECKING:
    from pipelines.whatif import WhatIf

LATEST_ROUND = "rounds/latest"
"""Names the round, a run directory under `rounds/`, in which people's answers counted last."""
MEMORY_BYTES = 1 << 30
MAX_THREADS = 4
"""DuckDB's share of a machine; queries on a run are short and often run beside the pipeline."""

_REVIEW = [field for field in DECISIONS if field.name not in {"doc_id", "source", "split"}]
_FILES = pa.schema(
    [(name, pa.string()) for name in ("source", "path", "digest", "format", "compression", "problem")]
    + [("bytes", pa.int64())]
)

TABLES: Mapping[str, tuple[str, pa.Schema]] = {
    "files": ("inputs", _FILES),
    "measured": ("measured", DOCUMENT),
    "accounts": ("accounts", ACCOUNT),
    "dead_letter": ("dead_letter", DEAD_LETTER),
    "signatures": ("signatures", SIGNATURES),
    "verdicts": ("verdicts", VERDICTS),
    "links": ("links", LINKS),
    "canaries": ("canaries", CANARIES),
    "contamination": ("contamination", CONTAMINATED_ITEMS),
    "decisions": ("decisions", DECISIONS),
    "documents": ("documents", pa.schema([*DOCUMENT, DECISIONS.field("cluster_id"), DECISIONS.field("split")])),
    "review": ("review", pa.schema([*PROVENANCE, pa.field("text", pa.string()), *_REVIEW])),
    "tasks": ("tasks", REVIEW_TASKS),
    "sent": ("sent", REVIEW_TASKS),
    "people": ("people", PEOPLE_DECISIONS),
    "gold": ("gold", GOLD),
    "tokens": ("tokens", TOKENS),
}
"""Table name -> (folder, columns that an empty folder has)."""


@dataclass(frozen=True, slots=True)
class Run:
    """An opened run; nothing is read before it is asked for.

    Each folder is a property; `run.sql("SELECT ... FROM documents")` answers as a DuckDB relation.
    """

    store: Store

    @property
    def documents(self) -> ds.Dataset:
        """Kept documents: text, provenance, signals, cluster and split."""
        return self.dataset("documents")

    @property
    def measured(self) -> ds.Dataset:
        """Every readable document: text, provenance and signals."""
        return self.dataset("measured")

    @property
    def decisions(self) -> ds.Dataset:
        """One row per readable document: its state and what decided it."""
        return self.dataset("decisions")

    @property
    def signals(self) -> duckdb.DuckDBPyRelation:
        """Signals of every readable document, without text: ids, source and the `signal.*` columns."""
        return self.sql("SELECT * FROM signals")

    @property
    def review(self) -> ds.Dataset:
        """Documents that wait for people, with reasons."""
        return self.dataset("review")

    @property
    def links(self) -> ds.Dataset:
        """Verified links between documents that are the same."""
        return self.dataset("links")

    @property
    def dead_letter(self) -> ds.Dataset:
        """Records that could not be read, with the reason and their byte range."""
        return self.dataset("dead_letter")

    @property
    def shards(self) -> ds.Dataset:
        """Training rows of the latest export, in stage order.

        Raises:
            InputError: the run has no export.
        """
        name = self.latest_export
        if name is None:
            raise InputError(f"{self.store.uri}: expected an export, found none; add `shards:` to the spec and run it")
        return _dataset(self.store, self.store.names(f"exports/{name}/stages", ".parquet"), pa.schema([]))

    @property
    def latest_export(self) -> str | None:
        """The name of the newest export in `exports/`, None where there is none."""
        if not self.store.exists("exports/latest"):
            return None
        return self.store.read("exports/latest").decode().strip()

    def parts(self, table: str) -> list[str]:
        """Returns the files of a table, relative to the run, in unit order."""
        return self.store.names(TABLES[table][0], ".parquet")

    def dataset(self, table: str) -> ds.Dataset:
        """Returns the dataset of one of `TABLES`; its rows are in input order when scanned in order."""
        return _dataset(self.store, self.parts(table), TABLES[table][1])

    def manifest(self) -> dict[str, object]:
        """Returns `manifest.json`, empty while the run is unfinished.

        Raises:
            VerifyError: it is not a JSON object.
        """
        if not self.store.exists("manifest.json"):
            return {}
        try:
            content = json.loads(self.store.read("manifest.json"))
        except ValueError as error:
            raise VerifyError(f"{self.store.uri}/manifest.json: expected JSON, found {error}") from None
        if not isinstance(content, dict):
            raise VerifyError(f"{self.store.uri}/manifest.json: expected an object, found {type(content).__name__}")
        return content

    def connect(
        self, *, memory_bytes: int = MEMORY_BYTES, tables: Collection[str] = TABLES
    ) -> duckdb.DuckDBPyConnection:
        """Returns a new DuckDB connection with folders as tables, and `signals` beside `measured`; close it when done.

        Args:
            memory_bytes: DuckDB's limit; beyond it, it spills to a temporary folder of its own.
            tables: the folders; all of them take 50 ms to open.
        """
        connection = connect(memory_bytes=memory_bytes)
        for table in tables:
            connection.register(table, self.dataset(table))
        if "measured" in tables:
            connection.execute(_SIGNALS)
        return connection

    def sql(self, query: str) -> duckdb.DuckDBPyRelation:
        """Returns the answer to a query over the run's tables."""
        return self.connect().sql(query)

    def whatif(self, *settings: str, exact: bool = False, count: int = 3, seed: int = 0) -> "WhatIf":
        """Returns what other thresholds would have kept, from what the run measured; changes nothing in it.

        Args:
            settings: `GATE.RULE.KEY=VALUE` each, as `gristmill whatif --set` takes them.
            exact: link again from stored signatures, for exact counts after deduplication.
            count: sampled documents of each kind of change.
            seed: another seed, other samples.

        Raises:
            SpecError: a setting is wrong, or one of `dedup` comes without `exact`.
            InputError: the run is unfinished, or `exact` is asked of a run that is not local.
        """
        from pipelines.progress import silent  # noqa: PLC0415 - that module imports this one
        from pipelines.whatif import Question, what_if  # noqa: PLC0415

        question = Question(settings=settings, exact=exact, count=count, seed=seed)
        return what_if(self, question, progress=silent())


_SIGNALS = "CREATE VIEW signals AS SELECT COLUMNS(lambda name: name NOT IN ('text', 'edits')) FROM measured"


def open_run(path: str | Path) -> Run:
    """Opens a run directory (a path, or a URL such as `s3://bucket/run`).

    Raises:
        InputError: there is no run at `path`.
    """
    store = Store(str(path))
    if not any(store.exists(name) for name in ("spec.yaml", "manifest.json", "inputs/files.parquet")):
        raise InputError(f"{path}: expected a run directory (with spec.yaml or manifest.json), found none")
    return Run(store)


def connect(*, memory_bytes: int = MEMORY_BYTES) -> duckdb.DuckDBPyConnection:
    """Returns an in-memory DuckDB connection that keeps to itself.

    It never installs or loads extensions, reads no Python variables of its callers, and spills to a folder that it
    makes when it must and removes when closed.
    """
    return duckdb.connect(
        ":memory:",
        config={
            "memory_limit": f"{memory_bytes // (1 << 20)}MiB",
            "threads": min(MAX_THREADS, os.cpu_count() or 1),
            "temp_directory": str(Path(tempfile.gettempdir()) / f"gristmill-duckdb-{secrets.token_hex(8)}"),
            "autoinstall_known_extensions": False,
            "autoload_known_extensions": False,
            "python_enable_replacements": False,
        },
    )


def seal(connection: duckdb.DuckDBPyConnection) -> None:
    """Takes from `connection` all access to files, network and settings, for SQL that a user wrote."""
    connection.execute("SET enable_external_access = false")
    connection.execute("SET lock_configuration = true")


def _dataset(store: Store, names: list[str], schema: pa.Schema) -> ds.Dataset:
    if not names:
        return ds.dataset(schema.empty_table())
    filesystem, root = store.resolve()
    return ds.dataset([f"{root}/{name}" for name in names], format="parquet", filesystem=filesystem)
