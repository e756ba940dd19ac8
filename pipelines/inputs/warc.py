"""Web archives (WARC and ARC, packed or not) to rows of `schema.READ`, with every byte accounted for.

Framing is ours and not FastWARC's, because every byte must end in an account and a reader must survive what it reads
(`framing.py` says what FastWARC does there). FastWARC is the peer that the tests compare with.
"""

import base64
import binascii
import hashlib
import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import BinaryIO

import pyarrow as pa

from curation.errors import BadRecord
from curation.identity import doc_id, secure_hash
from curation.schema import READ
from curation.text.media import kind_of, looks_html
from pipelines.inputs.accounts import Accounts
from pipelines.inputs.decompression import Bounds
from pipelines.inputs.files import InputFile
from pipelines.inputs.framing import Frame, frames_of
from pipelines.inputs.http_message import Response, dechunked, decoded, parse_response
from pipelines.inputs.members import pieces_of
from pipelines.inputs.urls import site_of, strip_credentials
from pipelines.spec import InputSpec, Limits

ARCHIVE_STARTS = (b"WARC/", b"filedesc://")
"""What the decompressed content of a web archive begins with."""


def read_warc(
    file: InputFile, stream: BinaryIO, input: InputSpec, limits: Limits, accounts: Accounts
) -> Iterator[pa.RecordBatch]:
    """Yields batches of `schema.READ`, at most about `limits.batch_bytes` of content each, in file order.

    Args:
        file: its `path` goes into ids and accounts.
        stream: the file's bytes **as they are**, packed or not; need not be seekable. Packing (gzip, zstd,
            lz4) is undone here, member by member, so that a broken member loses only itself.
        input: licence and domain of every document.
        limits: `record_bytes` holds for a record and for its body after HTTP decoding.
        accounts: gets what was skipped, the dead letters and the end. The caller adds the documents.

    `offset` and `length_bytes` count in the decompressed stream (for `.warc.gz`: the concatenation of all that came out
    of the members), also where WARC tools count compressed member offsets: so the extents of rows, skipped
    records and dead letters tile `[0, total)`. Damage from which no byte came is a dead letter of length 0.

    A row's `charset` is the charset that the HTTP header declared; `Extract` replaces it by the one used.
    """
    bounds = Bounds(stream_bytes=limits.stream_bytes, expansion=limits.expansion, grace_bytes=limits.record_bytes)
    rows = _Rows(source=accounts.source, path=file.path, input=input)
    total = 0
    for frame in frames_of(pieces_of(stream, bounds=bounds), max_bytes=limits.record_bytes):
        total = frame.offset + frame.length
        where = (file.path, frame.offset, frame.length)
        try:
            page = _page(frame, limit=limits.record_bytes)
        except Skipped as skipped:
            accounts.skipped(*where, skipped.reason)
        except BadRecord as bad:
            accounts.dead_letter(*where, bad.reason, bad.detail)
        else:
            rows.add(frame, page)
        if rows.content_bytes >= limits.batch_bytes:
            yield rows.batch()
    if rows.values:
        yield rows.batch()
    accounts.end(file.path, total)


class Skipped(Exception):
    """A record that is no document, and is not meant to be one; `reason` is counted."""

    def __init__(self, reason: str) -> None:
        super().__init__(reason)
        self.reason = reason


@dataclass(frozen=True, slots=True, kw_only=True)
class Page:
    """The payload of one record and what HTTP said about it."""

    body: bytes
    response: Response
    content_type: str | None
    charset: str | None
    digest_ok: bool | None


@dataclass(slots=True, kw_only=True)
class _Rows:
    """Rows of one file until they make a batch."""

    source: str
    path: str
    input: InputSpec
    values: list[dict[str, object]] = field(default_factory=list)
    content_bytes: int = 0

    def add(self, frame: Frame, page: Page) -> None:
        url = strip_credentials(frame.header.get("warc-target-uri", "").strip("<> \t")) or None
        self.values.append(
            {
                "doc_id": doc_id(self.source, self.path, frame.offset),
                "source": self.source,
                "domain": self.input.domain,
                "path": self.path,
                "offset": frame.offset,
                "length_bytes": frame.length,
                "url": url,
                "site": site_of(url) if url else None,
                "warc_record_id": frame.header.get("warc-record-id", "").strip("<> ") or None,
                "fetch_time": fetch_time(frame.header.get("warc-date", "")),
                "http_status": page.response.status,
                "content_type": page.content_type,
                "charset": page.charset,
                "payload_digest_ok": page.digest_ok,
                "license": self.input.license,
                "license_from": "spec" if self.input.license else None,
                "opt_out": opt_out_of(page.response.header) or None,
                "declared_language": page.response.header.get("content-language", "")[:35] or None,
                "raw_hash": secure_hash(page.body),
                "raw": page.body,
            }
        )
        self.content_bytes += len(page.body)

    def batch(self) -> pa.RecordBatch:
        batch = pa.RecordBatch.from_pylist(self.values, schema=READ)
        self.values, self.content_bytes = [], 0
        return batch


_WEB = re.compile(r"<?\s*(?:https?|ftps?|file)://", re.I)
_DOCUMENT_RECORDS = frozenset({"response", "resource", "conversion"})
_TEXT_TYPES = frozenset(
    {"text/plain", "text/html", "application/xhtml+xml", "application/vnd.wap.xhtml+xml", "text/markdown"}
)
_XML_TYPES = frozenset({"text/xml", "application/xml"})
_OTHER_FAMILIES = frozenset({"image", "audio", "video", "font", "application", "text", "multipart", "message", "model"})
_OPEN_TYPES = frozenset(
    {"application/octet-stream", "binary/octet-stream", "unknown/unknown", "no-type", "content/unknown"}
)


def _page(frame: Frame, *, limit: int) -> Page:
    """Returns the document in a frame.

    Raises:
        Skipped: the record is none: another record type, an HTTP error or redirect, an image ...
        BadRecord: the record is damaged or too large.
    """
    kind = frame.header.get("warc-type", "").strip().lower()
    if frame.problem == "blank_lines":
        raise Skipped("blank_lines")
    if frame.problem == "record_too_long" and kind and kind not in _DOCUMENT_RECORDS:
        raise Skipped(_type_reason(kind))
    if frame.problem is not None:
        raise BadRecord(frame.problem, frame.detail)
    if kind not in _DOCUMENT_RECORDS:
        raise Skipped(_type_reason(kind))
    uri = frame.header.get("warc-target-uri", "")
    if kind != "conversion" and uri and not _WEB.match(uri):
        raise Skipped("not_web")
    return _payload(frame, kind, limit)


def _payload(frame: Frame, kind: str, limit: int) -> Page:
    media = frame.header.get("content-type", "")
    is_http = kind == "response" or media.lower().startswith("application/http")
    response = parse_response(frame.block) if is_http else Response(status=None, body=frame.block)
    if response.status is not None and (not 200 <= response.status < 300 or response.status == 206):  # noqa: PLR2004
        raise Skipped(f"http_status_{response.status}")
    if response.status is None and is_http:
        media = frame.header.get("arc-content-type", "")
    body = response.body
    if "chunked" in response.header.get("transfer-encoding", "").lower():
        body = dechunked(body)
    digest_ok = payload_digest_ok(frame.header.get("warc-payload-digest"), (response.body, body))
    body = decoded(body, response.header.get("content-encoding", ""), limit=limit)
    content_type, charset = media_type(response.header.get("content-type", "") if response.status else media)
    _check_content(body, content_type)
    return Page(body=body, response=response, content_type=content_type, charset=charset, digest_ok=digest_ok)


def _check_content(body: bytes, content_type: str | None) -> None:
    """Raises Skipped for content that is not meant to be text; what only claims to be is for `Extract` to judge."""
    if not body.strip():
        raise Skipped("empty_body")
    if content_type in _TEXT_TYPES:
        return
    if content_type is None or content_type in _OPEN_TYPES:
        if kind_of(body, content_type=content_type) == "binary":
            raise Skipped("content_type_unknown")
        return
    if content_type in _XML_TYPES and looks_html(body):
        return
    family = content_type.partition("/")[0]
    raise Skipped(f"content_type_{family}" if family in _OTHER_FAMILIES else "content_type_other")


def _type_reason(kind: str) -> str:
    known = {"warcinfo", "request", "metadata", "revisit", "continuation"}
    return f"warc_{kind}" if kind in known else "warc_type_unknown"


def media_type(header: str) -> tuple[str | None, str | None]:
    """Returns the media type (lower case, no parameters) and charset label of a Content-Type header."""
    kind, _, parameters = header.partition(";")
    found = re.search(r"charset\s*=\s*[\"']?\s*([A-Za-z0-9_:.\-]{2,40})", parameters, re.I)
    kind = kind.strip().lower()
    return kind[:100] or None, found.group(1).lower() if found else None


def fetch_time(date: str) -> datetime | None:
    """Returns a WARC-Date (ISO 8601, any precision from the year on) in UTC, or None where it is none."""
    match = re.fullmatch(
        r"(\d{4})(?:-(\d\d)(?:-(\d\d)(?:T(\d\d):(\d\d)(?::(\d\d)(?:\.(\d{1,9}))?)?)?)?)?(Z|\+00:00)?", date.strip()
    )
    if match is None:
        return None
    year, month, day, hour, minute, second = (int(part) if part else None for part in match.groups()[:6])
    micro = int((match.group(7) or "0").ljust(6, "0")[:6])
    try:
        return datetime(year or 0, month or 1, day or 1, hour or 0, minute or 0, second or 0, micro, tzinfo=UTC)
    except ValueError:
        return None


_DIGESTS = {"sha1": 20, "sha256": 32, "sha512": 64, "md5": 16}


def payload_digest_ok(declared: str | None, bodies: tuple[bytes, ...]) -> bool | None:
    """Returns whether `declared` (`sha1:BASE32` or hex) is the digest of one of `bodies`; None if there is none.

    Several bodies, because writers disagree whether the payload is the body with chunk framing or without.
    """
    algorithm, _, value = (declared or "").strip().partition(":")
    algorithm = algorithm.lower().replace("-", "")
    size = _DIGESTS.get(algorithm)
    if size is None or not value:
        return None
    wanted = _digest_bytes(value.strip(), size)
    return any(hashlib.new(algorithm, body, usedforsecurity=False).digest() == wanted for body in bodies)


def _digest_bytes(value: str, size: int) -> bytes | None:
    try:
        if len(value) == 2 * size:
            return binascii.unhexlify(value)
        return base64.b32decode(value.upper() + "=" * (-len(value) % 8))
    except (binascii.Error, ValueError):
        return None


_OPT_OUT_TOKENS = frozenset({"noindex", "none", "noarchive", "nosnippet", "noai", "noimageai", "noml", "nocache"})


def opt_out_of(header: dict[str, str]) -> list[str]:
    """Returns the opt-out signals in HTTP headers, as `x-robots-tag: noai`, in order.

    X-Robots-Tag tokens that ask not to be indexed, kept or used for training (a leading user agent is kept:
    `x-robots-tag: gptbot: noai`), TDM reservation (W3C TDMRep, section 5) and its policy.
    """
    found = []
    agent = ""
    for part in header.get("x-robots-tag", "").lower().split(","):
        name, colon, token = part.strip().rpartition(":")
        agent = f"{name.strip()}: " if colon and name and " " not in name.strip() else agent
        token = token.strip()
        if token in _OPT_OUT_TOKENS:
            found.append(f"x-robots-tag: {agent}{token}")
    if header.get("tdm-reservation", "").strip() == "1":
        found.append("tdm-reservation: 1")
        if "tdm-policy" in header:
            found.append(f"tdm-policy: {strip_credentials(header['tdm-policy'])[:200]}")
    return found
