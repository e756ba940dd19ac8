"""Plain text and HTML files to rows: one document per file or per line, undecoded (`raw`).

The charset is found when text is extracted, over the whole content. A line is `text/plain` whatever it looks like;
a file's content type follows from its name where that is certain, else content decides.
"""

from collections.abc import Iterator

import pyarrow as pa

from pipelines.inputs.accounts import Accounts
from pipelines.inputs.decompression import ByteStream
from pipelines.inputs.lines import Lines, Oversized
from pipelines.inputs.rows import Origin, read_batch
from pipelines.inputs.sniff import content_type_of


def read_text_file(
    stream: ByteStream, origin: Origin, accounts: Accounts, *, max_bytes: int
) -> Iterator[pa.RecordBatch]:
    """Yields one row with the whole content; none for a file that is broken or above `max_bytes`."""
    path = origin.file.path
    content = bytearray()
    for piece in stream:
        if stream.position <= max_bytes:
            content += piece
        else:
            content.clear()
    size = stream.position
    if stream.broken is not None:
        stream.unused_bytes = size
    elif size > max_bytes:
        accounts.dead_letter(path, 0, size, "record_too_long", f"a document of {size} bytes")
    elif size:
        columns = {"offset": [0], "length_bytes": [size], "raw": [bytes(content)]}
        yield read_batch(origin, {**columns, "content_type": [content_type_of(path)]})


def read_text_lines(
    blocks: Iterator[Lines | Oversized], origin: Origin, accounts: Accounts, *, batch_bytes: int
) -> Iterator[pa.RecordBatch]:
    """Yields one row per line that holds more than white space."""
    path = origin.file.path
    rows: list[tuple[int, int, bytes]] = []
    size = 0
    for block in blocks:
        if isinstance(block, Oversized):
            accounts.dead_letter(path, block.offset, block.length, "record_too_long", f"a line of {block.length} bytes")
            continue
        offset = block.offset
        last = len(block.lines) - 1 if block.last_is_cut else -1
        for index, line in enumerate(block.lines):
            length = len(line) + (index != last)
            if line.strip():
                rows.append((offset, length, line.removesuffix(b"\r")))
                size += length
            else:
                accounts.skipped(path, offset, length, "blank_line")
            offset += length
            if size >= batch_bytes:
                yield _batch(origin, rows)
                rows, size = [], 0
    if rows:
        yield _batch(origin, rows)


def _batch(origin: Origin, rows: list[tuple[int, int, bytes]]) -> pa.RecordBatch:
    offsets, lengths, raw = map(list, zip(*rows, strict=True))
    plain = pa.repeat(pa.scalar("text/plain"), len(rows))
    return read_batch(origin, {"offset": offsets, "length_bytes": lengths, "raw": raw, "content_type": plain})
