"""`gristmill init`: a spec proposed from the files themselves; format and columns are guessed from content."""

import json
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq

from curation.errors import InputError
from curation.text.extract import Extract
from pipelines.inputs.accounts import Accounts
from pipelines.inputs.decompression import Bounds, ByteStream
from pipelines.inputs.files import InputFile
from pipelines.inputs.open import list_files, open_raw
from pipelines.inputs.reading import read_unit
from pipelines.inputs.sniff import inspect_file
from pipelines.inputs.units import Piece, WorkUnit
from pipelines.spec import Columns, InputSpec, Limits

SHOWN_DOCUMENTS = 3
SHOWN_CHARS = 300
SAMPLED_RECORDS = 100
HEAD_BYTES = 4 << 20
KNOWN = {
    "id": ("id", "doc_id", "_id", "uuid", "guid"),
    "url": ("url", "uri", "link", "source_url"),
    "language": ("lang", "language", "locale"),
    "license": ("license", "licence", "license_id"),
    "date": ("date", "timestamp", "created", "published", "crawl_date"),
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Proposal:
    """A spec's text, and lines that show what the files hold."""

    spec: str
    shown: tuple[str, ...]


def propose_spec(patterns: Sequence[str], *, folder: Path) -> Proposal:
    """Returns a spec for the files that `patterns` name; the spec is to lie in `folder`.

    Raises:
        InputError: no file, no format that can be read, or no column of text.
    """
    files = list_files([str(_absolute(pattern)) for pattern in patterns], Path())
    given = InputSpec(files=tuple(patterns))
    looked = [inspect_file(file, _guessed(file, given)) for file in files]
    readable = [file for file in looked if file.format is not None]
    if not readable:
        problems = "; ".join(f"{file.path}: {file.problem} {file.detail}" for file in looked[:3])
        raise InputError(f"{', '.join(patterns)}: expected WARC, JSONL, Parquet or text, found {problems or 'no file'}")
    first = readable[0]
    given = _guessed(first, given)
    shown = [
        f"{len(files)} files, {sum(file.bytes for file in files):,} bytes; {first.path}: {first.format}, {first.compression}"
    ]
    shown += _documents(first, given)
    return Proposal(spec=_spec_text(patterns, folder, first, given), shown=tuple(shown))


def _absolute(pattern: str) -> str:
    return pattern if "://" in pattern or pattern.startswith("/") else str(Path.cwd() / pattern)


def _guessed(file: InputFile, given: InputSpec) -> InputSpec:
    """Returns `given` with the columns that the first records of a JSONL or Parquet file have."""
    records = _records(file)
    if not records:
        return given
    names = list(dict.fromkeys(name for record in records for name in record))
    texts = {
        name: sum(len(str(record.get(name) or "")) for record in records if isinstance(record.get(name), str))
        for name in names
    }
    lower = {name.lower(): name for name in reversed(names)}
    found = {role: next((lower[name] for name in known if name in lower), None) for role, known in KNOWN.items()}
    text = "text" if texts.get("text") else max(texts, key=lambda name: (texts[name], name))
    if not texts[text]:
        raise InputError(f"{file.path}: expected a column of text, found only {', '.join(names[:10])}")
    return replace(given, columns=Columns(text=text, **found))


def _records(file: InputFile) -> list[dict[str, object]]:
    try:
        with open_raw(file) as raw:
            head = raw.read(4)
            raw.seek(0)
            if head == b"PAR1":
                table = pq.ParquetFile(pa.PythonFile(raw, mode="r")).read_row_group(0).slice(0, SAMPLED_RECORDS)
                return table.to_pylist()  # type: ignore[no-any-return]
            looked = inspect_file(file, InputSpec(files=("x",)))
            stream = ByteStream(
                raw,
                looked.compression or "none",
                Bounds(stream_bytes=HEAD_BYTES, expansion=1000, grace_bytes=HEAD_BYTES),
            )
            lines = stream.read(HEAD_BYTES).split(b"\n")[:SAMPLED_RECORDS]
    except (OSError, pa.ArrowException, IndexError):
        return []
    return [record for record in map(_record, lines) if record]


def _record(line: bytes) -> dict[str, object]:
    try:
        value = json.loads(line)
    except (ValueError, RecursionError):
        return {}
    return value if isinstance(value, dict) else {}


def _documents(file: InputFile, given: InputSpec) -> list[str]:
    """Returns the first documents of a file, cut short."""
    unit = WorkUnit(index=0, source="sample", pieces=(Piece(file=file),))
    shown: list[str] = []
    for raw in read_unit(unit, given, Limits(), Accounts(source="sample")):
        texts = Extract(mode=given.extract)(raw.slice(0, SAMPLED_RECORDS))["text"].to_pylist()
        shown += [" ".join(text[:SHOWN_CHARS].split()) for text in texts if text]
        if len(shown) >= SHOWN_DOCUMENTS:
            break
    return [f"document {number}: {text}" for number, text in enumerate(shown[:SHOWN_DOCUMENTS], start=1)]


def _spec_text(patterns: Sequence[str], folder: Path, file: InputFile, given: InputSpec) -> str:
    listed = ", ".join(json.dumps(_seen_from(pattern, folder)) for pattern in patterns)
    columns = given.columns
    lines = [
        "# Written by `gristmill init`; every key is explained in docs/spec.md.",
        "job: curated",
        "inputs:",
        "  data:",
        f"    files: [{listed}]",
        f"    format: auto                  # {file.path} is {file.format}",
    ]
    if file.format in {"jsonl", "parquet"}:
        lines += [
            "    columns:",
            *(
                f"      {name}: {json.dumps(getattr(columns, name))}"
                for name in ("text", "id", "url", "language", "license", "date")
            ),
        ]
    lines += [
        "    gates: [language, quality]    # judged in this order",
        "gates:",
        "  language:",
        "    rules:",
        "      # most likely language at least this probable; close calls go to people",
        "      - {signal: language_score, min: 0.5, review_within: 0.05}",
        "  quality:",
        "    preset: gopher_repetition     # Rae et al. 2021, Table A1",
        "# dedup is on: exact, then near duplicates (MinHash 14 x 8, verified Jaccard >= 0.7)",
        "# for training shards train a tokenizer (gristmill tokenizer train) and add:",
        "# shards: {tokenizer: tokenizer.json, sequence_length: 2048, order: warmup}",
    ]
    return "\n".join(lines) + "\n"


def _seen_from(pattern: str, folder: Path) -> str:
    """Returns a relative pattern as seen from the spec's folder."""
    if "://" in pattern or pattern.startswith("/") or folder.resolve() == Path.cwd():
        return pattern
    return str(Path.cwd() / pattern)
