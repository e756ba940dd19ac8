"""What an unknown file most likely holds: which column is the text, which say where it is from, what a document is.

Guesses for `gristmill init`; a run never guesses. The text is the column `text`, else the column of strings that are
longest on average.
"""

from collections.abc import Mapping, Sequence

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from curation.errors import BadRecord
from pipelines.inputs.accounts import Accounts
from pipelines.inputs.decompression import Bounds, ByteStream
from pipelines.inputs.files import InputFile
from pipelines.inputs.json_lines import parse_line
from pipelines.inputs.open import as_arrow, open_raw
from pipelines.inputs.parquet_rows import is_text
from pipelines.inputs.reading import read_unit
from pipelines.inputs.sniff import content_type_of
from pipelines.inputs.units import Piece, WorkUnit
from pipelines.spec import Columns, InputSpec, Limits

HEAD_BYTES = 1 << 20
HEAD_RECORDS = 100
MAX_COLUMNS = 32
MIN_LINES = 20
"""Lines without a blank one among them that make a text file a list of documents."""

SAMPLE_LIMITS = Limits(batch_bytes=1 << 16, stream_bytes=1 << 30)

ROLES: Mapping[str, tuple[str, ...]] = {
    "id": ("id", "doc_id", "docid", "document_id", "_id", "uuid", "guid"),
    "url": ("url", "uri", "link", "source_url", "target_uri"),
    "language": ("lang", "language", "locale", "lang_code"),
    "license": ("license", "licence", "license_id", "rights"),
    "date": ("date", "timestamp", "created", "created_at", "published", "crawl_date", "fetch_time"),
}
"""Names of columns (lower case, most certain first) by what they hold."""


def columns_of(file: InputFile) -> Columns | None:
    """Returns the columns that a JSONL or Parquet file most likely has.

    Args:
        file: looked at, as JSONL or Parquet.

    Returns:
        None where no column holds text: there is no record in the first MiB (or row group), or no string.
    """
    means = _means_of_parquet(file) if file.format == "parquet" else _means_of_lines(head_of(file).split(b"\n"))
    roles = _roles(list(means))
    texts = {name: mean for name, mean in means.items() if mean > 0 and name not in roles.values()}
    if not texts:
        return None
    text = "text" if "text" in texts else max(texts, key=lambda name: texts[name])
    return Columns(text=text, **{role: roles.get(role, getattr(Columns(), role)) for role in ROLES})


def names_of(file: InputFile) -> list[str]:
    """Returns the columns of a JSONL (in its first MiB) or Parquet file; none where it is damaged."""
    if file.format == "parquet":
        return _parquet_schema(file).names  # type: ignore[no-any-return]
    return list(_means_of_lines(head_of(file).split(b"\n")))


def is_list_of_lines(file: InputFile, *, max_bytes: int) -> bool:
    """Tells whether each line of a text file is a document of its own, rather than the file one document.

    Args:
        file: looked at, as text.
        max_bytes: a file longer than that (as stored) cannot be one document.
    """
    if content_type_of(file.path) is not None:
        return False
    lines = head_of(file).removesuffix(b"\n").split(b"\n")
    return file.bytes > max_bytes or (len(lines) >= MIN_LINES and all(line.strip() for line in lines))


def head_of(file: InputFile) -> bytes:
    """Returns the first MiB of a file, decompressed, up to the last whole line; damage ends it early."""
    bounds = Bounds(stream_bytes=2 * HEAD_BYTES, expansion=SAMPLE_LIMITS.expansion, grace_bytes=2 * HEAD_BYTES)
    head = b""
    with open_raw(file) as raw:
        for piece in ByteStream(raw, file.compression or "none", bounds):
            head += piece
            if len(head) >= HEAD_BYTES:
                return head[: head.rfind(b"\n") + 1]
    return head


def _roles(names: Sequence[str]) -> dict[str, str]:
    by_lower = {name.lower(): name for name in reversed(names)}
    found = {
        role: next((by_lower[known] for known in likely if known in by_lower), None) for role, likely in ROLES.items()
    }
    return {role: name for role, name in found.items() if name is not None}


def _means_of_lines(lines: Sequence[bytes]) -> dict[str, float]:
    """Returns the mean length of the strings of each key, in order of first sight; 0 for keys of other values."""
    totals: dict[str, int] = {}
    records = 0
    for line in lines:
        if not line.strip() or records == HEAD_RECORDS:
            continue
        try:
            record, _ = parse_line(line)
        except BadRecord:
            continue
        records += 1
        for name, value in record.items():
            totals[name] = totals.get(name, 0) + (len(value) if isinstance(value, str) else 0)
    return {name: total / records for name, total in totals.items()}


def _means_of_parquet(file: InputFile) -> dict[str, float]:
    """Returns the mean length of the first texts of each string column; 0 for other columns.

    Strings are read as a run would read them, so that a hostile file is held within the same limits.
    """
    schema = _parquet_schema(file)
    strings = [field.name for field in schema if is_text(field.type)][:MAX_COLUMNS]
    return {name: _mean_length(file, name) if name in strings else 0.0 for name in schema.names}


def _parquet_schema(file: InputFile) -> pa.Schema:
    """Returns the schema of a Parquet file, without a column where its footer is damaged."""
    try:
        with open_raw(file) as raw:
            return pq.read_schema(as_arrow(raw))
    except (OSError, pa.ArrowException):
        return pa.schema([])


def _mean_length(file: InputFile, column: str) -> float:
    given = InputSpec(files=(file.uri,), format="parquet", columns=Columns(text=column, **dict.fromkeys(ROLES)))
    unit = WorkUnit(index=0, source="sample", pieces=(Piece(file=file, start=0, end=1),))  # the first row group
    batch = next(read_unit(unit, given, SAMPLE_LIMITS, Accounts(source="sample")), None)
    if batch is None:
        return 0.0
    content = batch["text"] if batch["text"].null_count < batch.num_rows else batch["raw"]
    return float(pc.mean(pc.fill_null(pc.binary_length(content), 0)).as_py() or 0)
