"""The tokens of HTML against lexbor (the parser in resiliparse), a real HTML5 tree builder."""

import time
from collections.abc import Iterator
from html.entities import html5
from itertools import islice
from pathlib import Path

import numpy as np
import pytest
from fastwarc.warc import ArchiveIterator, WarcRecordType
from hypothesis import given
from hypothesis import strategies as st
from resiliparse.parse.html import HTMLTree, NodeType

from curation.kernels.html_names import NAMES
from curation.kernels.html_tokens import TEXT, html_tokens
from curation.kernels.html_tree import MAX_DEPTH
from curation.text.charset import decode

PIECES = (
    *("a &amp b", "x < y", "<", "</", "&", "&#8217;", "&#x80", "&notit;", "\r\n", "\r", "\0", "é中", " ", "-->", "]]>", "'", '"'),
    *("<p>", "</p>", "<div class='a>b'>", "</div>", "<b>", "</b>", "<a href=x>", "</a>", "<br/>", "</br>", "<img alt='>'>"),
    *("<ul>", "<li>", "</li>", "</ul>", "<h1>", "</h2>", "<dl><dt>", "<dd>", "<pre>", "\n", "</pre>", "<button>", "</button>"),
    *("<!-- <p> -->", "<!-->", "<!--->", "<!--x--!>", "<!--", "<!doctype html>", "<?x?>", "</ x>", "</>", "<!x>", "<svg>", "</svg>"),
    *("<script>", "</script>", "<!--", "<SCRIPT >", "</scripty>", "<style>", "</STYLE >", "<title>", "</title>", "<textarea>"),
    *("</textarea>", "<noscript>", "</noscript>", "<iframe>", "</iframe>", "<xmp>", "</xmp>", "<![CDATA[", "<desc>", "</desc>"),
    *("<a b=c d='e' f>", "<a b = >", "<a =x>", "<a/b/>", "<x-y z>", "</x-y>", "<p/>", "<b/>", "<a b", "<head>", "</head>", "<body>"),
    *("<math>", "<mi>", "</mi>", "</math>", "<ruby>", "<rt>", "</ruby>", "<form>", "</form>", "<object>", "</object>", "<html lang=x>"),
)  # fmt: skip


def tokens_of(page: bytes) -> list[tuple[int, str]]:
    """Depth, and name of an element or text."""
    found = html_tokens(np.frombuffer(page, np.uint8))
    text = found.text.tobytes()
    return [
        (int(depth), text[begin:end].decode(errors="replace") if name == TEXT else f"<{NAMES[name]}>")
        for name, depth, begin, end in zip(found.name_T, found.depth_T, found.begin_T, found.end_T, strict=True)
    ]


def text_of(page: bytes) -> str:
    found = html_tokens(np.frombuffer(page, np.uint8))
    return "".join(
        found.text[begin:end].tobytes().decode(errors="replace")
        for name, begin, end in zip(found.name_T, found.begin_T, found.end_T, strict=True)
        if name == TEXT
    )


def text_of_lexbor(html: str) -> str:
    return "".join(node.text or "" for node in HTMLTree.parse(html).document if node.type == NodeType.TEXT)


def web_pages(corpora: Path) -> Iterator[bytes]:
    """Bodies of the responses in which a `<` comes early."""
    for path in sorted((corpora / "web").rglob("*.warc.gz")):
        with path.open("rb") as file:
            for record in ArchiveIterator(file, record_types=WarcRecordType.response, parse_http=True):
                body = record.reader.read()
                if b"<" in body[:2000]:
                    yield body


def without_space(text: str) -> str:
    return "".join(text.split())


@pytest.mark.parametrize(
    "html",
    [
        "<p>1 < 2 <3 </4 &lt;5",
        "a<b c='>' d=\">\" e=f>g",
        "a<!-- b -->c<!-->d<!--->e<!--f--!>g<!-- -- >h-->i<!x>j<?k>l</ m>n</>o",
        "<title>a<b>&amp;</title><textarea>\n<p>b</textarea>c",
        "<style>a</styles></style b>c<xmp><p></xmp>d<iframe><p></iframe>e",
        "<script>a<!--<script>b</script>c--></script>d<script><!--e</script>f",
        "<script>a<!-- b </script>c<script><!--><script></script>d",
        "<svg><title><p>a</title><style><b>b</style><![CDATA[<c>]]></svg><![CDATA[d]]>e",
        "<math><mi>a<p>b</math>c<svg><desc><div>d</desc><p>e",
        "<plaintext>a</plaintext><b>&amp;",
        "<pre>\n\na\r\nb\rc</pre>d\0e",
        "a<b",
        "a<b c='",
        "<",
        "</",
        "",
    ],
)
def test_texts_are_those_of_a_real_parser_by_definition(html: str):
    assert without_space(text_of(html.encode())) == without_space(text_of_lexbor(html))


@pytest.mark.parametrize(
    ("html", "expected"),
    [
        ("<p>a<p>b<div>c", [(0, "<p>"), (1, "a"), (0, "<p>"), (1, "b"), (0, "<div>"), (1, "c")]),
        ("<ul><li>a<b>b<li>c", [(0, "<ul>"), (1, "<li>"), (2, "a"), (2, "<b>"), (3, "b"), (1, "<li>"), (2, "c")]),
        ("<ul><li>a<ul><li>b</ul>c", [(0, "<ul>"), (1, "<li>"), (2, "a"), (2, "<ul>"), (3, "<li>"), (4, "b"), (2, "c")]),
        ("<dl><dt>a<dd>b<dt>c", [(0, "<dl>"), (1, "<dt>"), (2, "a"), (1, "<dd>"), (2, "b"), (1, "<dt>"), (2, "c")]),
        ("<h1>a<h2>b</h3>c", [(0, "<h1>"), (1, "a"), (0, "<h2>"), (1, "b"), (0, "c")]),
        ("<p>a<button>b<p>c</button>d", [(0, "<p>"), (1, "a"), (1, "<button>"), (2, "b"), (2, "<p>"), (3, "c"), (1, "d")]),
        ("<head><title>a</title>b", [(0, "<head>"), (1, "<title>"), (2, "a"), (0, "b")]),
        ("<div><span></div>a", [(0, "<div>"), (1, "<span>"), (0, "a")]),
        ("<b><p></b>a", [(0, "<b>"), (1, "<p>"), (2, "a")]),
        ("<a>1<a>2", [(0, "<a>"), (1, "1"), (0, "<a>"), (1, "2")]),
        ("<br>a</br>b", [(0, "<br>"), (0, "a"), (0, "<br>"), (0, "b")]),
        ("<svg/>a<svg><g>b<p>c", [(0, "<svg>"), (0, "a"), (0, "<svg>"), (1, "<g>"), (2, "b"), (0, "<p>"), (1, "c")]),
        ("<option>a<option>b", [(0, "<option>"), (1, "a"), (0, "<option>"), (1, "b")]),
        ("a<template><p>b</template>c", [(0, "a"), (0, "<template>"), (1, "<p>"), (0, "c")]),
    ],
)  # fmt: skip
def test_elements_stand_where_the_standard_puts_them_by_definition(html: str, expected: list[tuple[int, str]]):
    assert tokens_of(html.encode()) == expected


def test_tables_close_their_rows_and_cells_by_definition():
    found = tokens_of(b"<table><tr><td>a<td>b<table><tr><td>c</table>d<tr><th>e<tbody><tr><td>f</table>g")
    assert [(depth, text) for depth, text in found if not text.startswith("<")] == [
        (3, "a"), (3, "b"), (6, "c"), (3, "d"), (3, "e"), (4, "f"), (0, "g"),
    ]  # fmt: skip


def test_every_reference_means_what_it_means_to_a_real_parser():
    numbers = [0, 1, 9, 13, 38, *range(0x7F, 0xA1), 0xD7FF, 0xD800, 0xDFFF, 0xFFFD, 0x10FFFF, 0x110000, 10**30]
    references = [*html5, *(name.rstrip(";") for name in html5), *(name + "x" for name in html5 if name[-1] != ";")]
    references += [f"#{number}{end}" for number in numbers for end in (";", "", "z")] + [
        f"#x{number:X};" for number in numbers
    ]
    references += ["#;", "#x;", "#", "", "amp;;", "AMP", "Amp;", "nosuchname;", "x" * 100 + ";"]
    html = "<p>" + "".join(f"&{reference}|" for reference in references)
    ours, theirs = text_of(html.encode()).split("|"), text_of_lexbor(html).split("|")
    assert len(theirs) > len(references) > 4000
    assert ours == theirs


@given(st.lists(st.sampled_from(PIECES), max_size=25))
def test_whatever_is_put_together_has_the_texts_of_a_real_parser(pieces: list[str]):
    html = "".join(pieces)
    assert without_space(text_of(html.encode())) == without_space(text_of_lexbor(html))


@given(st.lists(st.one_of(st.sampled_from(PIECES).map(str.encode), st.binary(max_size=5)), max_size=30))
def test_tokens_of_whatever_bytes_are_a_tree(pieces: list[bytes]):
    page = b"".join([*pieces, b"<table><td><select><option><frameset>", *pieces])
    found = html_tokens(np.frombuffer(page, np.uint8))
    is_text_T = found.name_T == TEXT
    assert (found.begin_T[is_text_T][1:] == found.end_T[is_text_T][:-1]).all(), "texts follow one another"
    assert (found.begin_T <= found.end_T).all()
    assert (found.end_T[~is_text_T] < len(page)).all()
    grows_T = np.diff(found.depth_T, prepend=-1) <= np.append([1], np.where(is_text_T, 0, 1))[: found.name_T.size]
    assert grows_T.all(), "only an element is a step deeper"
    assert found.depth_T.size == 0 or found.depth_T.min() >= 0


@pytest.mark.parametrize(
    "piece",
    [b"<p>", b"<b>", b"<div>", b"</p>", b"<a ", b"<!--", b"<script>", b"</", b"&", b"&#", b"<li>", b"<table><tr><td>", b"<svg>", b"<", b"\0"],
)  # fmt: skip
def test_a_megabyte_of_one_piece_takes_no_second(piece: bytes):
    html_tokens(np.frombuffer(b"<p>", np.uint8))
    page = np.frombuffer(piece * (1_000_000 // len(piece)), np.uint8)
    started = time.process_time()
    found = html_tokens(page)
    assert time.process_time() - started < 1
    assert found.depth_T.size == 0 or found.depth_T.max() <= MAX_DEPTH


def test_other_arrays_are_refused():
    with pytest.raises(TypeError, match=r"html_tokens: expected uint8 \(B,\), found int64"):
        html_tokens(np.zeros(3, np.int64))
    with pytest.raises(ValueError, match=r"html_tokens: expected \(B,\) of at most 2147483647 bytes, found \(2, 3\)"):
        html_tokens(np.zeros((2, 3), np.uint8))


@pytest.mark.parametrize("every", [pytest.param(10, marks=pytest.mark.slow), pytest.param(1, marks=pytest.mark.soak)])
def test_pages_of_the_web_have_the_texts_of_a_real_parser(corpora, every: int):
    pages = differ = 0
    for raw in islice(web_pages(corpora), 0, None, every):
        html = decode(raw, declared=None, is_html=True).text
        pages += 1
        differ += without_space(text_of(html.encode())) != without_space(text_of_lexbor(html))
    assert (pages > 1300 // every, differ) == (True, 0)
