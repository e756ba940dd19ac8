"""Blocks of pages against their definition (tests/oracles/html_blocks.py)."""

import re
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from curation.kernels.html_blocks import html_blocks
from curation.kernels.html_names import CODE, FOREIGN, KINDS_C, NAMES, VOID
from curation.kernels.html_text import html_text
from curation.kernels.html_tokens import TEXT, Tokens, html_tokens
from tests.curation.kernels.test_html_tokens import PIECES
from tests.oracles import html_blocks as oracle

MORE = (
    "<br>",
    "<br>",
    "<hr>",
    "a",
    "b",
    "<i>",
    "</i>",
    "<select><option>",
    "</select>",
    "<table><tr><td>",
    "<td>",
    "</table>",
    "\xa0",
    "</i>",
)


def blocks_of(page: bytes) -> list[tuple[str, str, int]]:
    """Text (hidden text too), block-level element and kind of each block."""
    tokens = html_tokens(np.frombuffer(page, np.uint8))
    found = html_blocks(tokens)
    return [
        (tokens.text[begin:end].tobytes().decode(), NAMES[tag], int(kind))
        for begin, end, tag, kind in zip(found.begin_B, found.end_B, found.tag_B, found.kind_B, strict=True)
    ]


@pytest.mark.parametrize(
    ("html", "expected"),
    [
        ("a<p>b<i>c</i> d</p>e", [("a", "", 0), ("bc d", "p", 0), ("e", "", 0)]),
        ("<p>a<br>b<br> <br>c<br>\xa0<br>d", [("ab", "p", 0), ("c", "p", 0), ("d", "p", 0)]),
        ("<ul><li>a<p>b</p>c<li>d</ul>", [("a", "li", 2), ("b", "p", 2), ("c", "li", 2), ("d", "li", 2)]),
        ("<table><caption>a<tr><th>b<td><h2>c", [("a", "caption", 3), ("b", "th", 3), ("c", "h2", 1)]),
        ("<pre>a\n\n<br><br>b</pre>c", [("a\n\nb", "pre", 4), ("c", "", 0)]),
        ("a<script>b</script>c<select><option>d</select><div hidden>e", [("abc", "", 0), ("e", "div", 0)]),
        ("<title>a</title><p> \n<p>\xa0", []),
        ("a<hr>b<a><div>c</div>d</a>", [("a", "", 0), ("b", "", 0), ("c", "div", 0), ("d", "", 0)]),
        ("", []),
    ],
)  # fmt: skip
def test_blocks_end_where_a_browser_breaks_the_line_by_definition(html: str, expected: list[tuple[str, str, int]]):
    assert blocks_of(html.encode()) == expected


def test_what_is_hidden_at_the_greatest_depth_is_hidden_by_definition():
    assert blocks_of(b"<b>" * 600 + b"a<style>b</style>c<h1>d<p>e") == [("abc", "", 0), ("d", "", 0), ("e", "", 0)]
    check_blocks(html_tokens(np.frombuffer(b"<b>" * 600 + b"<style>b</style>c<pre><br><br>d<script>e", np.uint8)))


def test_a_block_holds_the_inline_elements_beside_its_text_by_definition():
    tokens = html_tokens(np.frombuffer(b"<div><a><b>x</b></a><br><img></div><p><img></p><ul><li><p>y", np.uint8))
    blocks = html_blocks(tokens)
    names = [
        [NAMES[code] if code != TEXT else "TEXT" for code in tokens.name_T[first : last + 1]]
        for first, last in zip(blocks.first_B, blocks.last_B, strict=True)
    ]
    assert names == [["a", "b", "TEXT", "br", "img"], ["TEXT"]]
    paragraph = blocks.parent_T[blocks.first_B[1]]
    item = blocks.parent_T[paragraph]
    assert [NAMES[tokens.name_T[token]] for token in (paragraph, item, blocks.parent_T[item])] == ["p", "li", "ul"]
    assert blocks.parent_T[blocks.parent_T[item]] == -1


@given(st.lists(st.sampled_from((*PIECES, *MORE)), max_size=30))
def test_blocks_of_whatever_is_put_together_are_those_of_the_oracle(pieces: list[str]):
    check_blocks(html_tokens(np.frombuffer("".join(pieces).encode(), np.uint8)))


def check_blocks(tokens: Tokens) -> None:
    """Fails where the blocks of a page are not those of the oracle, or do not follow one another."""
    blocks = html_blocks(tokens)
    found = []
    for b in range(blocks.first_B.size):
        inside = range(blocks.first_B[b], blocks.last_B[b] + 1)
        texts = [t for t in inside if tokens.name_T[t] == TEXT and not blocks.is_hidden_T[t]]
        texts = [t for t in texts if not _is_blank(tokens.text[tokens.begin_T[t] : tokens.end_T[t]].tobytes())]
        assert (tokens.begin_T[texts[0]], tokens.end_T[texts[-1]]) == (blocks.begin_B[b], blocks.end_B[b])
        found.append((texts, NAMES[blocks.tag_B[b]], int(blocks.kind_B[b])))
    assert found == oracle.blocks(tokens)
    assert (blocks.first_B[1:] > blocks.last_B[:-1]).all()
    assert (blocks.parent_T < np.arange(tokens.name_T.size)).all()


def _is_blank(text: bytes) -> bool:
    return not text.replace("\xa0".encode(), b" ").strip(b" \t\n\r\f")


def test_tokens_of_different_lengths_are_refused():
    tokens = html_tokens(np.frombuffer(b"<p>a", np.uint8))
    with pytest.raises(
        ValueError, match="html_blocks: expected tokens of html_tokens, found arrays of different lengths"
    ):
        html_blocks(replace(tokens, depth_T=tokens.depth_T[:1]))


@pytest.mark.parametrize("name", [name for name in NAMES[1:] if KINDS_C[CODE[name]] & (VOID | FOREIGN) == 0])
def test_a_text_has_the_lines_of_the_blocks_and_hides_what_they_hide_by_definition(name: str):
    page = np.frombuffer(f"<body>a<{name}>b</{name}>c".encode(), np.uint8)
    tokens = html_tokens(page)
    text = html_text(page, tokens, np.ones(tokens.name_T.size, np.bool_)).tobytes().decode()
    of_blocks = [
        "".join(tokens.text[tokens.begin_T[t] : tokens.end_T[t]].tobytes().decode() for t in texts)
        for texts, _, _ in oracle.blocks(tokens)
    ]
    assert [letters for line in text.splitlines() if (letters := re.sub("[^abc]", "", line))] == [
        re.sub("[^abc]", "", block) for block in of_blocks
    ]
