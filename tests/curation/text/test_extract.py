import subprocess
import sys
from typing import get_args

import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from curation.errors import SchemaError
from curation.schema import DOCUMENT, READ
from curation.text.extract import MAX_REPLACEMENT_EDITS, Extract, Extractor

PAGE = (
    b"<html lang='de'><head><title>T</title><meta name='Robots' content='NoIndex, noai'></head>"
    b"<body><nav><a href='/'>Home</a></nav><main><p>The article has words &amp; more.</p></main>"
    b"<script>alert(1)</script></body></html>"
)


def read_batch(*rows):
    given_rows = [
        {
            "doc_id": b"%016d" % i,
            "source": "s",
            "path": "p",
            "offset": i,
            "length_bytes": 1,
            "raw_hash": bytes(16),
            **row,
        }
        for i, row in enumerate(rows)
    ]
    return pa.RecordBatch.from_pylist(given_rows, schema=READ)


def extract(*rows, mode="main", extractor="resiliparse"):
    return Extract(mode=mode, extractor=extractor)(read_batch(*rows)).to_pylist()


def test_the_output_is_a_document_with_nullable_text_and_an_error_column():
    schema = Extract().output_schema(READ)
    assert schema.names == [*DOCUMENT.names, "extract_error"]
    assert [field.type for field in schema][:-1] == [field.type for field in DOCUMENT]
    assert schema.field("text").nullable
    assert Extract()(read_batch({"raw": PAGE})).schema == schema


def test_a_page_gives_its_main_text_and_says_who_extracted_it():
    (row,) = extract({"raw": PAGE, "content_type": "text/html"})
    assert row["text"] == "The article has words & more."
    assert row["extractor"].startswith("resiliparse/")
    assert row["extractor"].endswith(" main")
    assert (row["charset"], row["declared_language"]) == ("utf-8", "de")
    assert row["opt_out"] == ["meta robots: noindex", "meta robots: noai"]


def test_mode_all_keeps_the_navigation_and_none_keeps_the_markup():
    assert "Home" in extract({"raw": PAGE}, mode="all")[0]["text"]
    (row,) = extract({"raw": PAGE}, mode="none")
    assert (row["text"], row["extractor"]) == (PAGE.decode(), None)


def test_given_text_is_left_alone_unless_its_type_is_html():
    plain, typed = extract({"text": "<p>not</p> a page"}, {"text": PAGE.decode(), "content_type": "text/html"})
    assert (plain["text"], plain["extractor"]) == ("<p>not</p> a page", None)
    assert typed["text"] == "The article has words & more."


GIVEN = st.fixed_dictionaries(
    {"text": st.none() | st.text(max_size=4) | st.text(" \t\n\x1c\x85\xa0\u2003\u3000a\u00e4", max_size=70)},
    optional={
        "content_type": st.sampled_from(["text/plain", "application/json"]),
        "charset": st.just("utf-8"),
        "declared_language": st.sampled_from(["", "de"]),
        "opt_out": st.just(["robots.txt"]),
    },
)


@given(st.lists(GIVEN, max_size=6), st.sampled_from(["main", "none"]))
def test_a_batch_of_given_texts_alone_comes_out_as_beside_one_that_is_decoded(given_rows, mode):
    alone = extract(*given_rows, mode=mode)
    assert alone == extract(*given_rows, {"raw": b"decoded"}, mode=mode)[:-1]


def test_headers_of_the_crawl_stand_before_what_the_page_says():
    (row,) = extract({"raw": PAGE, "opt_out": ["x-robots-tag: noai"], "declared_language": "en"})
    assert row["opt_out"] == ["x-robots-tag: noai", "meta robots: noindex", "meta robots: noai"]
    assert row["declared_language"] == "en"


@pytest.mark.parametrize(
    ("raw", "content_type", "error"),
    [
        (b"\x89PNG\r\n\x1a\n" + bytes(40), "text/html", "binary"),
        (b"%PDF-1.4 x", None, "binary"),
        (bytes(range(256)) * 8, "text/plain", "binary"),
        (b"<html>" + b"<div>" * 100_000 + b"x", None, "html_too_complex"),
        (b"<html><div " + b"a b " * 50_000 + b">", None, "html_too_complex"),
        (b"", None, None),
        (b" \n\t", "text/plain", None),
        (b"<html><script>x</script></html>", None, None),
    ],
)
def test_content_without_text_has_null_text_and_the_reason_if_it_is_a_fault(raw, content_type, error):
    (row,) = extract({"raw": raw, "content_type": content_type})
    assert row["text"] is None
    assert (row["extract_error"] or "").partition(":")[0] == (error or "")


@pytest.mark.parametrize(
    ("name", "charset", "error"),
    [
        ("png_as_html.html", None, "binary"),
        ("pdf_header.txt", None, "binary"),
        ("binary.bin.txt", None, "binary"),
        ("utf16le_bom.txt", "utf-16-le", None),
        ("latin1_as_txt.txt", "cp1252", None),
        ("invalid_utf8.txt", "cp1252", None),  # declares nothing; every byte has a meaning in windows-1252
        ("mojibake.txt", "utf-8", None),
        ("control_chars.txt", "utf-8", None),
        ("bidi_zero_width.txt", "utf-8", None),
        ("blns.txt", "utf-8", None),
        ("regex_bomb.txt", "utf-8", None),
    ],
)
@pytest.mark.parametrize("extractor", get_args(Extractor))
def test_a_messy_file_is_decoded_or_refused_as_its_expectation_says(corpora, extractor, name, charset, error):
    (row,) = extract({"raw": (corpora / "messy" / name).read_bytes()}, extractor=extractor)
    assert (row["charset"], row["extract_error"]) == (charset, error)
    assert (row["text"] is None) == (error is not None)


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("utf16le_bom.txt", "Hello UTF-16 wörld\n"),
        ("latin1_as_txt.txt", "Déjà vu: élève, façade, naïf, œuvre? "),
    ],
)
def test_a_messy_file_in_another_charset_gives_its_words_whole(corpora, name, text):
    (row,) = extract({"raw": (corpora / "messy" / name).read_bytes()})
    assert row["text"].replace("\ufeff", "") == text * (len(row["text"].replace("\ufeff", "")) // len(text))
    assert row["edits"] == [], "nothing was replaced"


def test_replaced_bytes_are_marked_where_they_stand_in_the_text():
    (row,) = extract({"raw": "Größe ".encode() + b"\xff\xfe" + b" und mehr Text " + b"\xff", "charset": "utf-8"})
    assert row["text"] == "Größe \ufffd\ufffd und mehr Text \ufffd"
    assert [(edit["rule"], edit["start"], edit["end"], edit["removed_bytes"]) for edit in row["edits"]] == [
        ("decode_replacement", 8, 14, 0),
        ("decode_replacement", 29, 32, 0),
    ]
    assert extract({"raw": "a genuine \ufffd".encode()})[0]["edits"] == [], "nothing was replaced"


def test_many_replaced_bytes_make_a_bounded_number_of_records():
    (row,) = extract({"raw": ("Wörter " * 2000).encode() + b"x\xff" * 500, "charset": "utf-8"})
    assert row["text"].count("\ufffd") == 500
    assert len(row["edits"]) == MAX_REPLACEMENT_EDITS
    assert row["edits"][-1]["end"] == len(row["text"].encode())


@given(
    st.lists(
        st.one_of(
            st.binary(max_size=120),
            st.lists(
                st.sampled_from(
                    ["<p>", "</p>", "<b>", "<table>", "<td>", "x", "é", "<script>", "&#0;", "&#xd800;", "<"]
                )
            ).map(lambda parts: ("<html>" + "".join(parts)).encode()),
        ),
        max_size=5,
    ),
    st.integers(0, 5),
    st.sampled_from(["main", "all", "none"]),
)
def test_any_content_is_extracted_the_same_in_parts_as_in_one_batch(contents, cut, mode):
    step, batch = Extract(mode=mode), read_batch(*({"raw": content} for content in contents))
    whole = step(batch)
    assert whole["doc_id"].equals(batch["doc_id"])
    parts = pa.Table.from_batches([step(batch.slice(0, cut)), step(batch.slice(cut))])
    assert parts.combine_chunks().equals(pa.Table.from_batches([whole]).combine_chunks())


HOSTILE_PAGES = """
from curation.text.extract import _extract_html
n = 100_000
pages = ["<div>" * n, "<b><p>" * n, "<table><tr><td>" * n, "<a><b c=%d>" * n, "</p>" * n, "<svg>" * n, "<template>" * n, "<![CDATA[" * n,
         "<p>x" * 4 * n, "&amp;" * n, "<ul><li>" * n, "<textarea>" * n, "<title>" * n, "<select>" * n, "\\0" * n, "<" * n, "<frameset>" * n]
for page in pages:
    for main in (True, False):
        try:
            _extract_html(page, main=main)
        except Exception as error:
            assert type(error).__name__ == "BadRecord", error
print("alive")
"""


@pytest.mark.slow
def test_pages_100000_levels_deep_neither_crash_the_process_nor_hold_it_up(repository):
    done = subprocess.run(
        [sys.executable, "-c", HOSTILE_PAGES], capture_output=True, text=True, timeout=120, cwd=repository, check=False
    )
    assert (done.returncode, done.stdout) == (0, "alive\n"), done.stderr


def test_a_batch_that_is_not_read_is_a_schema_error():
    with pytest.raises(SchemaError, match="reads 'raw', which no earlier step adds"):
        Extract().output_schema(DOCUMENT)
