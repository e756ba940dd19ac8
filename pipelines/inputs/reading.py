"""One work unit to record batches of `curation.schema.READ`; what becomes no document goes to the accounts.

A bad record or file never raises: it is a dead letter with its extent. The readers record skipped extents, dead letters
and each file's end; whoever extracts text records documents, and dead letters where extraction failed.
"""

from collections.abc import Iterator
from contextlib import closing
from typing import BinaryIO

import pyarrow as pa

from pipelines.inputs.accounts import Accounts
from pipelines.inputs.decompression import Bounds, ByteStream
from pipelines.inputs.files import InputFile
from pipelines.inputs.jsonl import read_jsonl
from pipelines.inputs.lines import Lines, Oversized, first_line_start, read_lines
from pipelines.inputs.open import open_raw
from pipelines.inputs.parquet import read_parquet
from pipelines.inputs.rows import MAX_BATCH_BYTES, Origin
from pipelines.inputs.text import read_text_file, read_text_lines
from pipelines.inputs.units import Piece, WorkUnit
from pipelines.inputs.warc import read_warc
from pipelines.spec import InputSpec, Limits

__all__ = ["Accounts", "blocks_of", "read_unit", "stream_of"]


def read_unit(unit: WorkUnit, given: InputSpec, limits: Limits, accounts: Accounts) -> Iterator[pa.RecordBatch]:
    """Yields the unit's records in input order, in batches of about `limits.batch_bytes`.

    Args:
        unit: from `plan_units`.
        given: the input the unit belongs to.
        limits: bounds; see `pipelines.spec.Limits`.
        accounts: takes every extent that does not become a row, and each file's end.

    Raises:
        InputError: a file has another size than when it was listed, or can no longer be read: that is not the data's
            fault, and must not change the output.
    """
    for piece in unit.pieces:
        if piece.file.problem is not None:
            _refuse(piece.file, piece.file.problem, piece.file.detail, accounts)
            continue
        try:
            raw = open_raw(piece.file)
        except PermissionError:
            _refuse(piece.file, "permission_denied", "no permission to read it", accounts)
            continue
        with closing(raw):
            yield from _read(piece, raw, Origin(file=piece.file, source=unit.source, given=given), limits, accounts)


def _refuse(file: InputFile, problem: str, detail: str, accounts: Accounts) -> None:
    """Makes one dead letter of a file that is not read: its extent is the stored bytes."""
    accounts.dead_letter(file.path, 0, max(file.bytes, 0), problem, detail)
    accounts.end(file.path, max(file.bytes, 0))


def _read(piece: Piece, raw: BinaryIO, origin: Origin, limits: Limits, accounts: Accounts) -> Iterator[pa.RecordBatch]:
    file = piece.file
    if file.format == "warc":
        yield from read_warc(file, raw, origin.given, limits, accounts)
    elif file.format == "parquet":
        yield from read_parquet(raw, (piece.start, piece.end), origin, limits, accounts)
    else:
        stream = stream_of(raw, file, limits)
        if file.format == "text" and origin.given.document == "file":
            yield from read_text_file(stream, origin, accounts, max_bytes=limits.record_bytes)
            _close(stream, file, accounts)
        else:
            yield from _read_lines(stream, piece, origin, limits, accounts)


def stream_of(raw: BinaryIO, file: InputFile, limits: Limits) -> ByteStream:
    """Returns the decompressed bytes of an opened file."""
    bounds = Bounds(stream_bytes=limits.stream_bytes, expansion=limits.expansion, grace_bytes=limits.record_bytes)
    return ByteStream(raw, file.compression or "none", bounds)


def blocks_of(stream: ByteStream, piece: Piece, limits: Limits) -> Iterator[Lines | Oversized]:
    """Yields the lines that start in a piece of a file, up to the damage that ends it, if any."""
    start = first_line_start(stream.raw, piece.start) if piece.start else 0
    stream.position = start
    yield from _until_fault(read_lines(stream, offset=start, stop=piece.end, max_bytes=limits.record_bytes), stream)


def _read_lines(
    stream: ByteStream, piece: Piece, origin: Origin, limits: Limits, accounts: Accounts
) -> Iterator[pa.RecordBatch]:
    batch_bytes = min(limits.batch_bytes, MAX_BATCH_BYTES)
    reader = read_jsonl if piece.file.format == "jsonl" else read_text_lines
    yield from reader(blocks_of(stream, piece, limits), origin, accounts, batch_bytes=batch_bytes)
    if piece.end is None:
        _close(stream, piece.file, accounts)


def _until_fault(blocks: Iterator[Lines | Oversized], stream: ByteStream) -> Iterator[Lines | Oversized]:
    """Yields the blocks without a last line that damage has cut: it may go on."""
    for block in blocks:
        if isinstance(block, Lines) and block.last_is_cut and stream.broken is not None:
            stream.unused_bytes = len(block.lines[-1])
        else:
            yield block


def _close(stream: ByteStream, file: InputFile, accounts: Accounts) -> None:
    """Reports the file's damage at the places it was met, with the record that it cut, and the file's end."""
    for fault in stream.faults:
        cut = stream.unused_bytes if fault.is_final else 0
        accounts.dead_letter(file.path, fault.position - cut, cut, fault.reason, fault.detail)
    accounts.end(file.path, stream.position)
