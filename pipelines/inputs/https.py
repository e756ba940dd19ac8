"""Files over https: the size by HEAD, the content spooled to an unnamed temporary file.

A file is needed whole anyway (its digest), and Parquet must seek; ranges would save nothing. Redirects may only lead
to https again.
"""

import http.client
import socket
import tempfile
import urllib.error
import urllib.request
from collections.abc import Callable
from http.client import HTTPMessage
from typing import IO, Any, BinaryIO, cast

from curation.errors import InputError
from pipelines.inputs import confinement
from pipelines.inputs.urls import strip_credentials

TIMEOUT_SECONDS = 60
_COPY_BYTES = 1 << 20
Connect = Callable[..., socket.socket]
"""Called as `socket.create_connection`."""


class _OnlyHttps(urllib.request.HTTPRedirectHandler):
    def redirect_request(  # noqa: PLR0917 - the signature is the library's
        self, req: urllib.request.Request, fp: IO[bytes], code: int, msg: str, headers: HTTPMessage, newurl: str
    ) -> urllib.request.Request | None:
        if not newurl.lower().startswith("https://"):
            fp.close()
            raise urllib.error.URLError(f"redirected to {strip_credentials(newurl)}, which is not https")
        return super().redirect_request(req, fp, code, msg, headers, newurl)


def opener_by(connect: Connect) -> urllib.request.OpenerDirector:
    """Returns an opener whose every connection, those of redirects too, is made by `connect`; it uses no proxy."""

    class Connection(http.client.HTTPSConnection):
        def __init__(self, host: str, **settings: Any) -> None:
            super().__init__(host, **settings)
            self._create_connection = connect  # where http.client opens its socket

    class Https(urllib.request.HTTPSHandler):
        def https_open(self, req: urllib.request.Request) -> http.client.HTTPResponse:
            return self.do_open(Connection, req)

    return urllib.request.build_opener(_OnlyHttps, Https, urllib.request.ProxyHandler({}))


def _request(url: str, method: str) -> BinaryIO:
    is_confined = confinement.public_only()
    opener = opener_by(confinement.connect) if is_confined else urllib.request.build_opener(_OnlyHttps)
    request = urllib.request.Request(url, method=method, headers={"User-Agent": "gristmill"})  # noqa: S310 - https only
    try:
        return cast("BinaryIO", opener.open(request, timeout=TIMEOUT_SECONDS))
    except urllib.error.HTTPError as error:
        error.close()  # it holds the connection
        raise OSError(str(error)) from None


def head_of(url: str) -> int:
    """Returns the size in bytes that the server declares; -1 where it declares none.

    Raises:
        InputError: the server does not answer, or not with success.
    """
    try:
        with _request(url, "HEAD") as answer:
            length = cast("HTTPMessage", answer.headers).get("Content-Length", "")  # type: ignore[attr-defined]
    except OSError as error:
        raise InputError(f"{strip_credentials(url)}: cannot be read: {error}") from None
    return int(length) if length.isascii() and length.isdigit() else -1


def download(url: str, *, limit: int) -> BinaryIO:
    """Returns the content at `url` as an open temporary file at its start.

    Raises:
        OSError: the server does not answer, or sends more than `limit` bytes.
    """
    spool = cast("BinaryIO", tempfile.TemporaryFile())  # noqa: SIM115 - handed to the caller, who closes it
    try:
        with _request(url, "GET") as answer:
            _copy(answer, spool, limit)
    except BaseException:
        spool.close()
        raise
    spool.seek(0)
    return spool


def _copy(answer: BinaryIO, spool: BinaryIO, limit: int) -> None:
    size = 0
    while data := answer.read(_COPY_BYTES):
        size += len(data)
        if size > limit:
            raise OSError(f"more than {limit} bytes")
        spool.write(data)
