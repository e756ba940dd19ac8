"""An input file as planned: where it is, what it is, and why it cannot be read if so."""

from dataclasses import dataclass
from typing import Literal

Format = Literal["warc", "jsonl", "parquet", "text"]
Compression = Literal["none", "gzip", "zstd", "lz4"]


@dataclass(frozen=True, slots=True, kw_only=True)
class InputFile:
    """One file of an input.

    Attributes:
        uri: what to open: an absolute local path (undecodable bytes as surrogates) or a URL without credentials.
        path: relative to the input's root, `/` separated, always valid UTF-8; with the source it names documents.
        bytes: stored size; -1 where the server does not tell.
        format: None until looked at, and where `problem` says why not.
        compression: None until looked at.
        digest: xxh3-128 (hex) of the stored bytes; None until computed.
        problem: dead-letter reason for the whole file, or None.
        detail: what was found, for `problem`.
    """

    uri: str
    path: str
    bytes: int
    format: Format | None = None
    compression: Compression | None = None
    digest: str | None = None
    problem: str | None = None
    detail: str = ""
