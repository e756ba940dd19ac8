"""What format a file has: its first decompressed bytes decide, then its name."""

import dataclasses
import os
from typing import BinaryIO

import orjson

from curation.text.media import kind_of
from pipelines.inputs.decompression import PACKED_BYTES, Bounds, ByteStream, compression_of
from pipelines.inputs.files import Compression, Format, InputFile
from pipelines.inputs.open import open_raw
from pipelines.spec import InputSpec

HEAD_BYTES = 1 << 16
_PACKED_SUFFIXES = (".gz", ".zst", ".zstd", ".lz4", ".bgz")
_BY_SUFFIX: dict[str, Format] = {
    ".warc": "warc", ".arc": "warc", ".wet": "warc", ".wat": "warc",
    ".jsonl": "jsonl", ".ndjson": "jsonl", ".jsonlines": "jsonl", ".parquet": "parquet", ".pq": "parquet",
}  # fmt: skip
_UNSUPPORTED = {
    ".csv": "CSV", ".tsv": "TSV", ".json": "JSON that is not one object per line", ".arrow": "Arrow IPC",
    ".feather": "Arrow IPC", ".orc": "ORC", ".avro": "Avro", ".xlsx": "a spreadsheet",
}  # fmt: skip
_OTHER_COMPRESSION = ((b"BZh", "bzip2"), (b"\xfd7zXZ\x00", "xz"), (b"PK\x03\x04", "zip"), (b"7z\xbc\xaf\x27\x1c", "7z"))
_HTML_SUFFIXES = frozenset({".html", ".htm", ".xhtml"})
_PLAIN_SUFFIXES = frozenset({
    ".md", ".markdown", ".rst", ".tex", ".py", ".c", ".h", ".cpp", ".hpp", ".java", ".js", ".ts", ".go", ".rs", ".rb",
    ".sh", ".sql", ".yaml", ".yml", ".toml", ".ini", ".css",
})  # fmt: skip
_UTF16 = (b"\xff\xfe", b"\xfe\xff")


def inspect_file(file: InputFile, given: InputSpec) -> InputFile:
    """Returns `file` with format and compression, or with the problem that makes it one dead letter.

    Args:
        file: as listed; one that has a problem already is returned as it is.
        given: the input; its `format` overrules names, its text column tells JSONL under another name.
    """
    if file.problem is not None:
        return file
    try:
        with open_raw(file) as raw:
            compression, head = _head(raw)
    except PermissionError:
        return dataclasses.replace(file, problem="permission_denied", detail="no permission to read it")
    file = dataclasses.replace(file, compression=compression)
    found = given.format if given.format != "auto" else _format_of(head, file.path, given.columns.content[0])
    problem = _problem_of(head, found, file.path, per_line=found == "jsonl" or given.document == "line")
    if problem is not None:
        return dataclasses.replace(file, problem=problem[0], detail=problem[1])
    return dataclasses.replace(file, format=found)


def content_type_of(path: str) -> str | None:
    """Returns the media type that a text file's name makes certain, or None."""
    suffix = _suffix(path)
    if suffix in _HTML_SUFFIXES:
        return "text/html"
    return "text/plain" if suffix in _PLAIN_SUFFIXES else None


def _suffix(path: str) -> str:
    name = path.lower()
    for packed in _PACKED_SUFFIXES:
        name = name.removesuffix(packed)
    return os.path.splitext(name)[1]


def _head(raw: BinaryIO) -> tuple[Compression, bytes]:
    """Returns the compression and the first decompressed bytes, as many as can be had."""
    compression = compression_of(raw.read(8))
    raw.seek(0)
    bounds = Bounds(stream_bytes=HEAD_BYTES, expansion=1, grace_bytes=HEAD_BYTES + PACKED_BYTES)
    return compression, b"".join(ByteStream(raw, compression, bounds))


def _format_of(head: bytes, path: str, text_column: str) -> Format:
    if head.startswith(b"PAR1"):
        return "parquet"
    if head.startswith((b"WARC/", b"filedesc:")):
        return "warc"
    named = _BY_SUFFIX.get(_suffix(path))
    if named is not None:
        return named
    return "jsonl" if _is_jsonl(head, text_column) else "text"


def _is_jsonl(head: bytes, text_column: str) -> bool:
    """Tells whether the first line that is not blank is a JSON object with the text column."""
    line = next((line for line in head.removeprefix(b"\xef\xbb\xbf").split(b"\n") if line.strip()), b"")
    if not line.lstrip().startswith(b"{"):
        return False
    try:
        record = orjson.loads(line)
    except orjson.JSONDecodeError:
        return len(head) == HEAD_BYTES and len(line) == HEAD_BYTES and b'"%b"' % text_column.encode() in line
    return isinstance(record, dict) and text_column in record


def _problem_of(head: bytes, found: Format, path: str, *, per_line: bool) -> tuple[str, str] | None:
    if found in ("warc", "parquet") or not head:
        return None
    other = next((name for magic, name in _OTHER_COMPRESSION if head.startswith(magic)), None)
    if other is not None:
        return "unsupported_format", f"expected gzip, zstd or lz4, found {other}; unpack it first"
    if found == "text" and _suffix(path) in _UNSUPPORTED:
        named = _UNSUPPORTED[_suffix(path)]
        return "unsupported_format", f"expected WARC, JSONL, Parquet or text, found {named}; convert it to JSONL"
    if per_line and head.startswith(_UTF16):
        return "unsupported_charset", "expected lines in UTF-8, found UTF-16; convert it first"
    # A document per file: extraction tells binary content from text, with all of it at hand.
    if per_line and kind_of(head) == "binary":
        return "binary", f"expected text, found bytes that begin with {head[:16]!r}"
    return None
