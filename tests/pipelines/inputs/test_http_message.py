import contextlib
import gzip
import zlib

import brotli
import pytest
import zstandard
from hypothesis import given
from hypothesis import strategies as st

from curation.errors import BadRecord
from pipelines.inputs.http_message import dechunked, decoded, parse_response

LIMIT = 1 << 20


def chunked(parts):
    return b"".join(b"%x\r\n%b\r\n" % (len(part), part) for part in parts if part) + b"0\r\n\r\n"


@given(st.lists(st.binary(max_size=100), min_size=1, max_size=5))
def test_chunks_are_joined(parts):
    assert dechunked(chunked(parts)) == b"".join(parts)


@pytest.mark.parametrize(
    ("body", "expected", "why"),
    [
        (b"<html>plain</html>", b"<html>plain</html>", "the crawler stored it without chunks"),
        (b"5\r\nhello\r\n5\r\nwor", b"hellowor", "a cut body gives what there is"),
        (b"5\r\nhello\r\nzz\r\n", b"hello", "damage after a chunk"),
        (b"5;name=value\r\nhello\r\n0\r\nTrailer: x\r\n\r\n", b"hello", "extensions and trailers are framing"),
        (b"5\nhello\n0\n\n", b"hello", "bare line feeds"),
        (b"", b"", "nothing"),
    ],
)
def test_a_damaged_chunked_body_gives_what_there_is(body, expected, why):
    assert dechunked(body) == expected, why


@given(st.binary(max_size=500))
def test_content_codings_are_undone(data):
    raw = zlib.compressobj(wbits=-15)
    packed = {
        "gzip": gzip.compress(data),
        "x-gzip": gzip.compress(data[:5]) + gzip.compress(data[5:]),
        "deflate": zlib.compress(data),
        "Deflate": raw.compress(data) + raw.flush(),
        "br": brotli.compress(data),
        "zstd": zstandard.ZstdCompressor().compress(data),
        "gzip, br": brotli.compress(gzip.compress(data)),
        "identity": data,
    }
    for coding, body in packed.items():
        assert decoded(body, coding, limit=LIMIT) == data, coding


@pytest.mark.parametrize("coding", ["gzip", "deflate", "br", "zstd"])
def test_a_coding_that_was_said_and_not_applied_leaves_the_page_alone(coding):
    assert decoded(b"<html>plain</html>", coding, limit=LIMIT) == b"<html>plain</html>"


def test_a_cut_gzip_body_gives_what_there_is():
    whole = b"word " * 10_000
    got = decoded(gzip.compress(whole)[:-20], "gzip", limit=LIMIT)
    assert got
    assert whole.startswith(got)


@pytest.mark.parametrize(
    ("body", "coding", "reason"),
    [
        (gzip.compress(bytes(LIMIT + 1), mtime=0), "gzip", "http_body_too_large"),
        (gzip.compress(bytes(LIMIT // 2 + 1), mtime=0) * 2, "gzip", "http_body_too_large"),
        (brotli.compress(bytes(LIMIT + 1)), "br", "http_body_too_large"),
        (b"x", "compress", "http_coding_unknown"),
        (b"\xff\xff\xff\xff", "br", "http_coding_damaged"),
        (b"\x1f\x8b\x08\x00" + bytes(6) + b"\xff\xff", "gzip", "http_coding_damaged"),
    ],
)
def test_a_bomb_or_damage_in_a_coding_names_its_reason(body, coding, reason):
    with pytest.raises(BadRecord) as caught:
        decoded(body, coding, limit=LIMIT)
    assert caught.value.reason == reason


def test_a_response_is_split_into_status_headers_and_body():
    response = parse_response(
        b"HTTP/1.1 200\r\nX-Robots-Tag: noai\r\nx-robots-tag: noindex\r\nA: 1\r\nA: 2\r\n\r\nbody"
    )
    assert (response.status, response.body) == (200, b"body")
    assert response.header == {"x-robots-tag": "noai, noindex", "a": "1"}
    assert parse_response(b"HTTP/1.0 204 No Content\r\n\r\n").body == b""
    assert parse_response(b"HTTP/1.0 200 OK\n\nbody").body == b"body"
    assert parse_response(b"<html>").status is None


@given(st.binary(max_size=200), st.sampled_from(["gzip", "deflate", "br", "zstd", "gzip, deflate"]))
def test_any_bytes_are_decoded_left_alone_or_named_bad(body, coding):
    assert len(dechunked(body)) <= len(body), "framing is only taken away"
    response = parse_response(b"HTTP/1.1 200 OK\r\n" + body)
    assert response.status == 200
    assert (b"\r\n" + body).endswith(response.body)
    with contextlib.suppress(BadRecord):
        assert len(decoded(body, coding, limit=LIMIT)) <= LIMIT
