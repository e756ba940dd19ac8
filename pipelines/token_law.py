"""The law of tokens, counted by DuckDB on what was written: token store, shards and order of an export.

Nothing the exporter had in memory is used. A document's tokens in the rows, less the declared overlaps, must be a whole
number of emissions of all its tokens and EOS; that number must be the one in `order.parquet`; a document of
the validation split is emitted exactly once; no document is on both sides.
"""

import json
import tempfile
from collections.abc import Iterator

import duckdb
import pyarrow as pa
import pyarrow.dataset as ds
from pyarrow import fs

from curation.curriculum.shard_schema import ORDER, shard_schema
from curation.curriculum.synthetic_share import most_synthetic
from curation.curriculum.tokens import TokenBalance
from curation.errors import ConservationError
from curation.identity import type_of_id
from curation.schema import TOKENS
from pipelines.export_folder import MANIFEST, MOST_SYNTHETIC, ORDER_FILE, VALIDATION
from pipelines.store import Store

MADE = pa.schema([pa.field("doc_id", type_of_id), pa.field("generator", pa.string())])
MEMORY = "1GB"
SHARD_COLUMNS = ("n_valid", "continued", "doc_lens", "doc_ids")

PER_DOCUMENT = """
CREATE TABLE documents AS
WITH kept AS (SELECT doc_id, num_tokens + 1 AS length FROM tokens WHERE split = $split),
pieces AS (
    SELECT unnest(doc_ids) AS doc_id, unnest(doc_lens)::BIGINT AS length,
           (continued AND generate_subscripts(doc_ids, 1) = 1)::INTEGER AS overlap
    FROM shards),
written AS (SELECT doc_id, sum(length - overlap)::BIGINT AS tokens FROM pieces GROUP BY doc_id),
ordered AS (SELECT doc_id, count(*) AS emissions FROM ordering GROUP BY doc_id)
SELECT doc_id, kept.length, coalesce(written.tokens, 0) AS written, coalesce(ordered.emissions, 0) AS emissions
FROM kept FULL JOIN written USING (doc_id) FULL JOIN ordered USING (doc_id)
"""

WRONG = """
SELECT lower(hex(doc_id)), coalesce(length, 0), written, emissions FROM documents
WHERE length IS NULL OR written <> length * emissions OR ($split = 'validation' AND emissions <> 1)
ORDER BY ALL LIMIT 5
"""

BALANCE = """
SELECT (SELECT coalesce(sum(length - 1), 0) FROM documents)::BIGINT,
       (SELECT count(length) FROM documents)::BIGINT,
       (SELECT coalesce(sum(n_valid), 0) FROM shards)::BIGINT,
       (SELECT coalesce(sum(continued::INTEGER), 0) FROM shards)::BIGINT,
       (SELECT coalesce(sum(length * greatest(emissions - 1, 0)), 0) FROM documents)::BIGINT,
       (SELECT coalesce(sum(length) FILTER (emissions = 0), 0) FROM documents)::BIGINT
"""


SYNTHETIC = """
SELECT coalesce(sum(length * emissions) FILTER (generator IS NOT NULL), 0)::BIGINT,
       coalesce(sum(length * emissions), 0)::BIGINT
FROM documents LEFT JOIN made USING (doc_id)
"""


def token_findings(store: Store, folder: str) -> list[str]:
    """Returns what breaks the law of tokens in the export `folder` of a run, one line each; empty when it holds."""
    found: list[str] = []
    for split in ("train", VALIDATION):
        side = folder if split == "train" else f"{folder}/{VALIDATION}"
        with tempfile.TemporaryDirectory(prefix="gristmill-") as spill, duckdb.connect() as connection:
            _prepare(connection, store, side, spill)
            connection.execute(PER_DOCUMENT, {"split": split})
            found += [f"law of tokens: {side}: {line}" for line in _differences(connection, store, side, split)]
    return found


def check_tokens(store: Store, folder: str) -> None:
    """Does nothing when the law of tokens holds in the export `folder` of a run.

    Raises:
        ConservationError: it does not; names the first documents.
    """
    found = token_findings(store, folder)
    if found:
        raise ConservationError("; ".join(found))


def _prepare(connection: duckdb.DuckDBPyConnection, store: Store, side: str, spill: str) -> None:
    settings = {"memory_limit": MEMORY, "temp_directory": spill, "autoinstall_known_extensions": False}
    for name, value in settings.items():
        connection.execute(f"SET {name} = '{value}'")
    shards = pa.schema(
        [shard_schema(sequence_length=1, dtype="uint16", tokenizer_sha256="").field(n) for n in SHARD_COLUMNS]
    )
    connection.register("tokens", _dataset(store, store.names("tokens", ".parquet"), TOKENS))
    connection.register("shards", _dataset(store, store.names(f"{side}/stages", ".parquet"), shards))
    connection.register("made", _dataset(store, store.names("documents", ".parquet"), MADE))
    connection.register("ordering", _dataset(store, [f"{side}/{ORDER_FILE}"], ORDER))


def _dataset(store: Store, names: list[str], schema: pa.Schema) -> ds.Dataset:
    filesystem, root = store.resolve()
    assert isinstance(filesystem, fs.FileSystem), "a store lies on an Arrow file system"
    return ds.dataset([f"{root}/{name}" for name in names], schema=schema, format="parquet", filesystem=filesystem)


def _differences(connection: duckdb.DuckDBPyConnection, store: Store, side: str, split: str) -> Iterator[str]:
    for doc_id, length, written, emissions in connection.execute(WRONG, {"split": split}).fetchall():
        yield f"document {doc_id}: expected {emissions} emissions of {length} tokens with EOS, found {written} tokens"
    row = connection.execute(BALANCE).fetchone()
    assert row is not None, "an aggregate without GROUP BY has one row"
    names = ("kept_tokens", "eos_tokens", "row_tokens", "overlap_tokens", "repeat_tokens", "left_out_tokens")
    balance = TokenBalance(**dict(zip(names, row, strict=True)))
    try:
        balance.check()
    except ConservationError as error:
        yield str(error)
    manifest = json.loads(store.read(f"{side}/{MANIFEST}"))
    totals = manifest["totals"]
    if MOST_SYNTHETIC in manifest:
        yield from _synthetic(connection, manifest)
    for key, name in zip(("kept", "eos", "tokens", "overlaps", "repeats", "left_out"), names, strict=True):
        if totals[key] != getattr(balance, name):
            yield f"manifest.json: totals.{key}: expected {getattr(balance, name)}, found {totals[key]}"


def _synthetic(connection: duckdb.DuckDBPyConnection, manifest: dict[str, object]) -> Iterator[str]:
    """Yields what is wrong with the share of synthetic tokens, counted from the kept documents and the order."""
    ((synthetic, emitted),) = connection.execute(SYNTHETIC).fetchall()
    totals, fraction = manifest["totals"], manifest[MOST_SYNTHETIC]
    assert isinstance(totals, dict), "the exporter wrote it"
    assert isinstance(fraction, float), "the exporter wrote it"
    if totals["synthetic"] != synthetic:
        yield f"manifest.json: totals.synthetic: expected {synthetic}, found {totals['synthetic']}"
    most = most_synthetic(emitted - synthetic, fraction=fraction)
    if manifest["split"] == "train" and synthetic > most:
        yield f"expected at most {most} synthetic tokens ({fraction:g} of all), found {synthetic}"
