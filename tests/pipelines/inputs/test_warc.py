import gzip
import io
import zlib
from collections import Counter
from datetime import UTC, datetime
from pathlib import Path
from typing import get_args

import brotli
import pyarrow as pa
import pytest
import zstandard
from fastwarc.warc import ArchiveIterator

from curation.identity import doc_id
from curation.schema import READ
from curation.text.extract import Extract, Extractor
from pipelines.inputs.accounts import Accounts
from pipelines.inputs.files import InputFile
from pipelines.inputs.warc import fetch_time, media_type, opt_out_of, payload_digest_ok, read_warc
from pipelines.spec import InputSpec, Limits
from tests.oracles.archives import assert_tiled, http, packed, page, warc_record

GOOD, THREE = {"document": 2}, {"document": 3}
# What each file of messy/ becomes; EXPECT.json asks for both good records, the middle one kept or counted.
MESSY = {
    "zero_bytes.warc.gz": {},
    "header_only.warc": {"dead_letter truncated": 1},
    "html_as_warc.warc": {"dead_letter no_record": 1},
    "warc_wrong_length_short.warc": GOOD | {"dead_letter wrong_content_length": 1},
    "warc_wrong_length_long.warc": GOOD | {"dead_letter wrong_content_length": 1},
    "warc_negative_length.warc": GOOD | {"dead_letter bad_content_length": 1},
    "warc_missing_length.warc": GOOD | {"dead_letter bad_content_length": 1},
    "warc_status_404.warc": GOOD | {"skipped http_status_404": 1},
    "warc_redirect.warc": GOOD | {"skipped http_status_301": 1},
    "warc_empty_body.warc": GOOD | {"skipped empty_body": 1},
    "warc_json_ct.warc": GOOD | {"skipped content_type_application": 1},
    "warc_revisit.warc": GOOD | {"skipped warc_revisit": 1},
    "warc_deep_html.warc": GOOD | {"dead_letter html_too_complex": 1},
    "warc_one_member.warc.gz": GOOD,
    "warc_truncated.warc.gz": GOOD | {"dead_letter truncated": 1},
    "warc_garbage_between.warc.gz": GOOD | {"dead_letter garbage_between_members": 1},
    "warc_bitflip.warc.gz": GOOD | {"dead_letter damaged_compression": 1},
} | dict.fromkeys(
    [
        *(
            f"warc_{name}.warc"
            for name in ("lf_only", "no_uri", "bad_date", "uri_brackets", "uri_spaces_idn", "chunked")
        ),
        *(
            f"warc_{name}.warc"
            for name in ("chunked_broken", "gzip_body", "gzip_lie", "deflate_raw", "charset_meta_sjis")
        ),
        *(f"warc_{name}.warc" for name in ("charset_header_wrong", "no_http_header", "unclosed_html", "noindex")),
        "warc_per_record.warc.gz",
    ],
    THREE,
)

ONCE_READ = {("warc_deep_html.warc", name): THREE for name in ("gristmill", "trafilatura")}
"""What another extractor makes of an archive: no depth is too much for these."""


def read(data, *, limits=None, spec=None, extract=None):
    """Reads and extracts; returns the documents' rows and what all records became."""
    accounts = Accounts(source="web")
    spec, extract = spec or InputSpec(files=("x",)), extract or Extract()
    file = InputFile(uri="/x/a.warc", path="a.warc", bytes=len(data))
    rows = []
    for batch in read_warc(file, io.BytesIO(data), spec, limits or Limits(), accounts):
        assert batch.schema == READ
        for row in extract(batch).to_pylist():
            if row["extract_error"]:
                accounts.dead_letter(
                    "a.warc", row["offset"], row["length_bytes"], row["extract_error"].partition(":")[0]
                )
            else:
                accounts.documents("a.warc", [row["offset"]], [row["length_bytes"]])
                rows.append(row)
    assert_tiled(accounts)
    outcome = Counter()
    for extent in accounts.accounts_table().to_pylist():
        if extent["kind"] != "end":
            outcome[" ".join(filter(None, (extent["kind"], extent["reason"])))] += extent["count"]
    return rows, dict(outcome)


@pytest.mark.parametrize("extractor", get_args(Extractor))
@pytest.mark.parametrize("name", sorted(MESSY))
def test_a_messy_archive_ends_as_its_expectation_allows(corpora, name, extractor):
    rows, outcome = read((corpora / "messy" / name).read_bytes(), extract=Extract(extractor=extractor))
    assert outcome == ONCE_READ.get((name, extractor), MESSY[name])
    if len(rows) > 1 and "truncated" not in name:
        good = [row["url"] for row in rows if row["url"] and "ok.example" in row["url"]]
        assert good == ["http://ok.example/1", "http://ok.example/2"], "the good records around the broken one"


def test_every_messy_archive_has_an_expectation_here(corpora):
    assert {path.name for path in (corpora / "messy").glob("*.warc*")} == set(MESSY)


@pytest.mark.parametrize("extractor", get_args(Extractor))
@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("warc_chunked.warc", "chunked This page"),
        ("warc_gzip_body.warc", "gzip body This page"),
        ("warc_gzip_lie.warc", "says gzip but plain"),
        ("warc_deflate_raw.warc", "deflate This page"),
        ("warc_charset_meta_sjis.warc", "日本語のページです。"),
        ("warc_charset_header_wrong.warc", "Привет"),
        ("warc_no_http_header.warc", "no http header This page"),
    ],
)
def test_the_odd_record_gives_its_text(corpora, name, text, extractor):
    rows, _ = read((corpora / "messy" / name).read_bytes(), extract=Extract(extractor=extractor))
    assert rows[1]["text"].startswith(text)


def test_odd_headers_become_nulls_or_clean_values(corpora):
    middle = lambda name: read((corpora / "messy" / f"warc_{name}.warc").read_bytes())[0][1]  # noqa: E731
    assert middle("bad_date")["fetch_time"] is None
    assert middle("no_uri")["url"] is None
    assert middle("uri_brackets")["url"] == "http://br.example/"
    assert middle("noindex")["opt_out"] == ["x-robots-tag: noindex", "x-robots-tag: noai"]


def test_provenance_comes_from_the_record_and_the_spec():
    record = warc_record(http(page("Some words.")), uri="http://user:secret@www.A.example/x?token=s")
    rows, _ = read(record, spec=InputSpec(files=("x",), license="CC0-1.0", domain="web"))
    row = rows[0]
    assert row["doc_id"] == doc_id("web", "a.warc", 0)
    assert (row["source"], row["path"], row["offset"], row["length_bytes"]) == ("web", "a.warc", 0, len(record))
    assert (row["url"], row["site"]) == ("http://www.A.example/x", "a.example")
    assert row["fetch_time"] == datetime(2024, 1, 2, 3, 4, 5, tzinfo=UTC)
    assert (row["http_status"], row["content_type"], row["charset"]) == (200, "text/html", "utf-8")
    assert (row["license"], row["license_from"], row["domain"]) == ("CC0-1.0", "spec", "web")


@pytest.mark.parametrize("coding", ["gzip", "deflate", "raw deflate", "br", "zstd"])
def test_a_content_coding_is_undone_and_a_bomb_in_it_is_a_dead_letter(coding):
    raw = zlib.compressobj(wbits=-15)
    encode = {
        "gzip": gzip.compress,
        "deflate": zlib.compress,
        "raw deflate": lambda data: raw.compress(data) + raw.flush(),
        "br": brotli.compress,
        "zstd": zstandard.ZstdCompressor().compress,
    }[coding]
    header = f"Content-Type: text/html\r\nContent-Encoding: {coding.removeprefix('raw ')}"
    small, bomb = (
        encode(page("Packed words.")),
        (gzip.compress if coding == "raw deflate" else encode)(b" " * (1 << 22)),
    )
    if coding == "raw deflate":
        header, bomb = header.replace("deflate", "deflate"), zlib.compress(b" " * (1 << 22))
    data = (
        warc_record(http(small, header=header))
        + warc_record(http(bomb, header=header))
        + warc_record(http(page("Next.")))
    )
    rows, outcome = read(data, limits=Limits(record_bytes=1 << 20))
    assert [row["text"] for row in rows] == ["Packed words.", "Next."]
    assert outcome == {"document": 2, "dead_letter http_body_too_large": 1}


def test_a_record_beyond_the_limit_is_streamed_past_and_the_next_is_read():
    large = warc_record(http(page("word " * 400_000)))
    data = warc_record(http(page("First."))) + large + warc_record(http(page("Last.")))
    for archive in (data, gzip.compress(data, mtime=0)):
        rows, outcome = read(archive, limits=Limits(record_bytes=1 << 20))
        assert [row["text"] for row in rows] == ["First.", "Last."]
        assert outcome == {"document": 2, "dead_letter record_too_long": 1}


def test_a_gigantic_content_length_in_one_member_does_not_swallow_the_next_members():
    liar = warc_record(http(page("x")), length="999999999999")
    rows, outcome = read(packed(warc_record(http(page("First."))), liar, warc_record(http(page("Last.")))))
    assert [row["text"] for row in rows] == ["First.", "Last."]
    assert outcome == {"document": 2, "dead_letter wrong_content_length": 1}


def test_a_gzip_bomb_stops_the_file_with_a_reason():
    data = packed(warc_record(http(page("First.")))) + gzip.compress(warc_record(b"\x00" * (40 << 20)), mtime=0)
    rows, outcome = read(data, limits=Limits(expansion=100, record_bytes=1 << 20))
    assert [row["text"] for row in rows] == ["First."]
    assert outcome["dead_letter expansion_limit"] == 1


def test_a_wrong_checksum_costs_the_record_of_that_member_only():
    first, second, third = (gzip.compress(warc_record(http(page(f"Page {n}."))), mtime=0) for n in range(3))
    second = second[:-6] + bytes([second[-6] ^ 1]) + second[-5:]
    rows, outcome = read(first + second + third)
    assert [row["text"] for row in rows] == ["Page 0.", "Page 2."]
    assert outcome == {"document": 2, "dead_letter checksum_wrong": 1}


def test_content_that_is_not_meant_to_be_text_is_skipped_and_what_only_claims_to_be_is_a_dead_letter():
    png = b"\x89PNG\r\n\x1a\n" + bytes(range(256))
    data = warc_record(http(png, header="Content-Type: image/png")) + warc_record(http(png))
    data += warc_record(http(png, header="X: y")) + warc_record(http(b"%PDF-1.7 ..."))
    assert read(data)[1] == {
        "skipped content_type_image": 1,
        "dead_letter binary": 2,
        "skipped content_type_unknown": 1,
    }


def test_batches_keep_to_the_limit_and_do_not_change_the_rows():
    data = b"".join(warc_record(http(page(f"Page {n}. " * 50)), uri=f"http://a.example/{n}") for n in range(20))
    file = InputFile(uri="/x/a.warc", path="a.warc", bytes=len(data))
    tables = []
    for batch_bytes in (1, 2000, 1 << 24):
        limits, accounts = Limits(batch_bytes=batch_bytes), Accounts(source="web")
        batches = list(read_warc(file, io.BytesIO(data), InputSpec(files=("x",)), limits, accounts))
        tables.append(pa.Table.from_batches(batches))
        if batch_bytes == 1:
            assert len(batches) == 20
    assert tables[0].equals(tables[1])
    assert tables[0].equals(tables[2])


@pytest.mark.parametrize("packing", ["lz4", "zstd"])
def test_archives_packed_otherwise_read_the_same(packing):
    data = b"".join(warc_record(http(page(f"Page {n}."))) for n in range(3))
    sink = pa.BufferOutputStream()
    with pa.CompressedOutputStream(sink, packing) as stream:
        stream.write(data)
    rows, _ = read(sink.getvalue().to_pybytes())
    assert [row["text"] for row in rows] == ["Page 0.", "Page 1.", "Page 2."]


def _archives(corpora):
    return sorted(
        path
        for path in (corpora / "web").rglob("*")
        if any(end in path.name for end in (".warc", ".arc")) and path.is_file()
    )


def test_every_real_archive_is_accounted_for_to_the_last_byte(corpora):
    archives = _archives(corpora)
    assert len(archives) >= 70
    for path in archives:
        accounts = Accounts(source="web")
        file = InputFile(uri=str(path), path=path.name, bytes=path.stat().st_size)
        with path.open("rb") as stream:
            for batch in read_warc(file, stream, InputSpec(files=("x",)), Limits(), accounts):
                accounts.documents(path.name, batch["offset"].to_numpy(), batch["length_bytes"].to_numpy())
        total = assert_tiled(accounts)
        if path.suffix in (".warc", ".arc"):
            assert total == path.stat().st_size, path.name


def _by_fastwarc(path):
    with path.open("rb") as stream:
        return [
            (record.headers.get("WARC-Record-ID", "").strip("<>"), record.reader.read())
            for record in ArchiveIterator(
                stream, parse_http=True, func_filter=lambda r: r.headers.get("WARC-Type") == "response"
            )
        ]


@pytest.mark.parametrize(
    "name", ["pages/debian_reference", "pages/aeb", "warc/resiliparse_cc/warcfile", "warc/pywb/iana"]
)
def test_sound_archives_give_the_records_and_bodies_that_fastwarc_gives(corpora, name):
    path = corpora / "web" / f"{name}.warc.gz"
    accounts = Accounts(source="web")
    file = InputFile(uri=str(path), path=path.name, bytes=0)
    with path.open("rb") as stream:
        batches = list(read_warc(file, stream, InputSpec(files=("x",)), Limits(), accounts))
    ours = {row["warc_record_id"]: row["raw"] for batch in batches for row in batch.to_pylist()}
    theirs = dict(_by_fastwarc(path))
    assert set(ours) <= set(theirs)
    assert len(ours) > 10
    assert {name for name in ours if theirs[name] != ours[name]} == set()


def test_the_arc_form_of_a_crawl_gives_the_documents_of_its_warc_form(corpora):
    def pages(path: Path):
        rows, _ = read(path.read_bytes())
        return Counter((row["url"], row["text"]) for row in rows)

    arc = pages(corpora / "web/warc/aut_arc/example.arc.gz")
    warc = pages(corpora / "web/warc/ipwb/IAH-20080430204825-00000-blackbook.warc.gz")
    assert len(arc) > 100
    assert arc == warc


@pytest.mark.parametrize(
    ("date", "expected"),
    [
        ("2024-01-02T03:04:05Z", datetime(2024, 1, 2, 3, 4, 5, tzinfo=UTC)),
        ("2024-01-02T03:04:05.123456789Z", datetime(2024, 1, 2, 3, 4, 5, 123456, tzinfo=UTC)),
        ("2024-01", datetime(2024, 1, 1, tzinfo=UTC)),
        ("2024-13-01T00:00:00Z", None),
        ("yesterday", None),
        ("", None),
    ],
)
def test_a_warc_date_of_any_precision_is_a_time_and_nonsense_is_null(date, expected):
    assert fetch_time(date) == expected


def test_a_payload_digest_is_checked_in_base32_and_hex_and_null_without_one():
    body = b"hello"
    assert payload_digest_ok("sha1:VL2MMHO4YXUKFWV63YHTWSBM3GXKSQ2N", (body,)) is True
    assert payload_digest_ok("sha1:aaf4c61ddcc5e8a2dabede0f3b482cd9aea9434d", (b"x", body)) is True
    assert payload_digest_ok("sha1:VL2MMHO4YXUKFWV63YHTWSBM3GXKSQ2N", (b"other",)) is False
    assert payload_digest_ok(None, (body,)) is None
    assert payload_digest_ok("crc32:1234", (body,)) is None


def test_media_types_and_opt_outs_are_read_from_their_headers():
    assert media_type('Text/HTML; Charset="UTF-8"') == ("text/html", "utf-8")
    assert media_type("") == (None, None)
    header = {"x-robots-tag": "GPTBot: noai, noimageai, max-snippet:-1", "tdm-reservation": "1"}
    assert opt_out_of(header) == ["x-robots-tag: gptbot: noai", "x-robots-tag: gptbot: noimageai", "tdm-reservation: 1"]
    assert opt_out_of({"x-robots-tag": "all"}) == []
