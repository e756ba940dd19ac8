"""An HTTP response as archived: status, headers, and the body with its transfer and content codings undone.

RFC 9110 section 8.4 (content codings), RFC 9112 sections 6 and 7 (message body, chunks). Archives hold what
browsers forgive: a coding that was declared but not applied is left alone, raw deflate is accepted beside zlib's.
"""

import re
import zlib
from dataclasses import dataclass, field

import brotli  # type: ignore[import-untyped]
import zstandard

from curation.errors import BadRecord
from pipelines.inputs.record_headers import header_fields
from pipelines.inputs.zstd_frames import MAX_WINDOW_BYTES

_STATUS = re.compile(rb"HTTP/\d(?:\.\d)?[ \t]+(\d{3})(?:[ \t][^\r\n]*)?\r?\n", re.I)
_HEADER_END = re.compile(rb"\r?\n\r?\n")
_CHUNK = re.compile(rb"[ \t]*([0-9A-Fa-f]{1,15})[ \t]*(?:;[^\r\n]{0,1000})?\r?\n")
_PIECE_BYTES = 1 << 16


@dataclass(frozen=True, slots=True, kw_only=True)
class Response:
    """An HTTP response; `status` is None where the block has no status line and is all body."""

    status: int | None
    header: dict[str, str] = field(default_factory=dict)
    body: bytes


def parse_response(block: bytes) -> Response:
    """Returns the response in a WARC block; a block without a status line is all body."""
    status = _STATUS.match(block)
    if status is None:
        return Response(status=None, body=block)
    end = _HEADER_END.search(block, status.end() - 2)
    lines, body = (block[status.end() : end.start()], block[end.end() :]) if end else (block[status.end() :], b"")
    return Response(status=int(status.group(1)), header=header_fields(lines), body=body)


def dechunked(body: bytes) -> bytes:
    """Returns `body` without chunk framing; as it is if it does not begin with a chunk.

    Crawlers often store the decoded body under the header `Transfer-Encoding: chunked`. A body that is
    cut or damaged after some chunks gives those, and a last chunk as far as it goes.
    """
    parts: list[bytes] = []
    position = 0
    while match := _CHUNK.match(body, position):
        size = int(match.group(1), 16)
        if size == 0:
            return b"".join(parts)
        parts.append(body[match.end() : match.end() + size])
        position = match.end() + size
        position += 2 if body[position : position + 2] == b"\r\n" else body[position : position + 1] == b"\n"
    return b"".join(parts) if parts else body


def decoded(body: bytes, codings: str, *, limit: int) -> bytes:
    """Returns `body` with the content `codings` undone, last applied first; at most `limit` bytes.

    Raises:
        BadRecord: `http_body_too_large` beyond `limit`, `http_coding_unknown`, `http_coding_damaged`.
    """
    for coding in reversed([name.strip().lower() for name in codings.split(",") if name.strip()][:4]):
        if not body or coding in ("identity", "none", "utf-8", "binary", "8bit"):
            continue
        if coding not in _DECODERS:
            raise BadRecord("http_coding_unknown", f"Content-Encoding: {coding[:40]}")
        try:
            body = _DECODERS[coding](body, limit)
        except (zlib.error, brotli.error, zstandard.ZstdError) as error:
            raise BadRecord("http_coding_damaged", f"{coding}: {error}") from None
    return body


def _gunzip(body: bytes, limit: int) -> bytes:
    if not body.startswith(b"\x1f\x8b"):
        return body  # said, but not done
    parts, size = [], 0
    while body.startswith(b"\x1f\x8b"):
        inflate = zlib.decompressobj(wbits=31)
        part = _inflated(inflate, body, limit - size)
        parts.append(part)
        size += len(part)
        body = inflate.unused_data
    return b"".join(parts)


def _inflate(body: bytes, limit: int) -> bytes:
    try:
        return _inflated(zlib.decompressobj(), body, limit)
    except zlib.error:
        pass
    try:
        return _inflated(zlib.decompressobj(wbits=-15), body, limit)
    except zlib.error:
        if _looks_plain(body):
            return body
        raise


def _inflated(inflate: "zlib._Decompress", body: bytes, limit: int) -> bytes:
    """Returns what `inflate` makes of `body`; a cut stream gives what there is, as browsers do."""
    data = inflate.decompress(body, limit + 1)
    _check(data, limit)
    return data


def _brotli(body: bytes, limit: int) -> bytes:
    if _looks_plain(body):
        return body
    decompressor = brotli.Decompressor()
    parts, size, packed = [], 0, body
    while not decompressor.is_finished():
        part = decompressor.process(packed, output_buffer_limit=_PIECE_BYTES)
        packed = b""
        if not part and decompressor.can_accept_more_data():
            break
        parts.append(part)
        size += len(part)
        if size > limit:
            raise BadRecord("http_body_too_large", f"more than {limit} bytes decoded")
    return b"".join(parts)


def _unzstd(body: bytes, limit: int) -> bytes:
    if not body.startswith(b"\x28\xb5\x2f\xfd"):
        return body
    reader = zstandard.ZstdDecompressor(max_window_size=MAX_WINDOW_BYTES).stream_reader(body, read_across_frames=True)
    return _check(reader.read(limit + 1), limit)


def _check(data: bytes, limit: int) -> bytes:
    if len(data) > limit:
        raise BadRecord("http_body_too_large", f"more than {limit} bytes decoded")
    return data


def _looks_plain(body: bytes) -> bool:
    return body.lstrip()[:1] in (b"<", b"{") and b">" in body[:4096]


_DECODERS = {
    "gzip": _gunzip, "x-gzip": _gunzip, "deflate": _inflate, "br": _brotli, "zstd": _unzstd,
}  # fmt: skip
