"""Web archives made for tests: records with CRLF, packed one gzip member per record."""

import gzip

from curation.schema import ACCOUNT
from pipelines.inputs.accounts import Accounts


def warc_record(
    body: bytes, *, kind: str = "response", uri: str = "http://a.example/", header: str = "", length: str | None = None
) -> bytes:
    head = f"WARC/1.0\r\nWARC-Type: {kind}\r\nWARC-Target-URI: {uri}\r\nWARC-Date: 2024-01-02T03:04:05Z\r\n"
    head += f"WARC-Record-ID: <urn:uuid:{uri}>\r\nContent-Type: application/http; msgtype=response\r\n{header}"
    return (head + f"Content-Length: {len(body) if length is None else length}\r\n\r\n").encode() + body + b"\r\n\r\n"


def http(body: bytes, *, header: str = "Content-Type: text/html; charset=utf-8", status: str = "200 OK") -> bytes:
    return f"HTTP/1.1 {status}\r\n{header}\r\n\r\n".encode() + body


def page(words: str) -> bytes:
    return f"<html><head><title>t</title></head><body><p>{words}</p></body></html>".encode()


def packed(*records: bytes) -> bytes:
    return b"".join(gzip.compress(record, mtime=0) for record in records)


def assert_tiled(accounts: Accounts) -> int:
    """Asserts that the extents of the one file in `accounts` tile it; returns its length."""
    table = accounts.accounts_table()
    assert table.schema == ACCOUNT
    position = 0
    *extents, end = table.to_pylist()
    for extent in extents:
        if extent["length"]:
            assert extent["offset"] == position, f"gap or overlap at {position}: {extent}"
            position += extent["length"]
    assert (end["kind"], end["offset"]) == ("end", position)
    return position
