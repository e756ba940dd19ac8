"""The text of a page against an oracle over a tree of plain objects, and by examples."""

import sys
import time
from itertools import islice

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from curation.kernels.html_text import html_text
from curation.kernels.html_tokens import html_tokens
from curation.text.charset import decode
from tests.curation.kernels.test_html_tokens import PIECES, web_pages
from tests.oracles import html_text as oracle

MORE_PIECES = (
    *("one two", " ", "\n", "|", "``", "`", "&nbsp;", "文字", "\n字", "a  b", "<br>", "<br><br>", "<hr>", "<p>", "</p>", "<div>", "</div>"),
    *("<ul>", "<ol start=9>", "<ol>", "<li>", "<li value='3'>", "</ol>", "</ul>", "<dl><dt>", "<h2>", "</h2>", "<h3>", "<table>", "</table>"),
    *("<tr>", "<td>", "<td colspan=2>", "<th rowspan='2'>", "<td colspan=999999999 rowspan=70>", "<caption>", "</caption>", "<tbody>"),
    *("<pre>", "<pre class='x lang-Py'>", "</pre>", "<code>", "<code class=language-c++>", "</code>", "<kbd>", "<xmp>", "</xmp>", "<select>", "</select>"),
    *("<sup>", "</sup>", "<sub>", "</sub>", "2", "-", "\u2212", "n", "i", "2k", "(", ")", "*", ",", "<sup>2k+1</sup>", "<i>", "</i>", "<sup>\u2013i</sup>"),
    *("<script type='math/tex'>x|y</script>", "<script type='math/tex; mode=display'>\n z </script>", "<script>no</script>"),
    *("<math alttext='a&lt;b'><mi>a</mi></math>", "<math display=block><mi>q</mi><annotation encoding='application/x-tex'>{\\displaystyle k}</annotation></math>"),
    *("<math><mi>u</mi><mo>+ </mo></math>", "<img class='x latex' alt='\\sqrt&lt;'>", "<img alt=photo>", "<img src='/math/1.png' alt='&ampx &amp'>"),
    *("<span class=katex-html>", "<span>", "</span>", "<b>", "</b>", "<title>t</title>", "<style>s</style>", "<textarea>x</textarea>"),
)  # fmt: skip


def both(html: str, keep: list[bool] | None = None) -> tuple[str, str]:
    """What the kernel and the oracle make of a page; `keep` is repeated as far as there are tokens."""
    page = html.encode()
    values = np.frombuffer(page, np.uint8)
    tokens = html_tokens(values)
    keep_T = np.resize(np.array(keep or [True], np.bool_), tokens.name_T.size)
    ours = html_text(values, tokens, keep_T).tobytes().decode()
    return ours, oracle.html_text(oracle.tree_of(page, tokens, keep_T))


@pytest.mark.parametrize(
    ("html", "expected"),
    [
        ("<p>a<b>b</b> c</p> <p>d<p>e", "ab c\n\nd\n\ne"),
        ("<div>a</div><div><div>b</div></div>c<br>d<br><br>e", "a\nb\nc\nd\n\ne"),
        ("a\n  b&nbsp;c<i> d</i>", "a b c d"),
        ("<p>漢字\n漢字 漢字\nabc", "漢字漢字 漢字 abc"),
        ("<h1>A<br>b</h1>c<h3> </h3><h2><a>d</a></h2>", "# A b\n\nc\n\n## d"),
        ("<ul><li>a<li><p>b<ul><li>c<li>d</ul>e</ul>f", "- a\n- b\n\n  - c\n  - d\n  e\n\nf"),
        ("<ol start=9><li>a<li>b<p>c<li value=20>d<ul><li>e</ul></ol>", "9. a\n10. b\n\n    c\n20. d\n    - e"),
        ("<ul><li> <li><ul><li>a</ul>b</ul>", "- a\n- b"),
        ("<pre>\n\n  a\n\n b \n</pre>", "```\n  a\n\n b\n```"),
        ("<li>x<pre class=lang-JS>``` a\nb</pre>", "- x\n\n  ````js\n  ``` a\n  b\n  ````"),
        ("<pre><code class='language-py hl'><div>a</div><div>b</div></code></pre>", "```py\na\nb\n```"),
        ("a<code> b</code>c <code>d`e</code> <code>`</code> <code></code>f", "a `b`c ``d`e`` `` ` `` f"),
        (
            "<table><caption>T</caption><tr><th>a<th>b|<tr><td>c<br>d<td><tr><td colspan=2>e</table>f",
            "T\n\n| a | b\\| |\n| --- | --- |\n| c<br>d |  |\n| e |  |\n\nf",
        ),
        ("<table><tr><td rowspan=2>a<td>b<tr><td>c</table>", "| a | b |\n| --- | --- |\n|  | c |"),
        ("<table><tr><td>a<td><table><tr><td>b</table></table>", "a\nb"),
        ("<table><tr><td>a<td>b</table>", "a\nb"),
        (
            "<math alttext='x'><semantics><mi>x</mi><annotation encoding='application/x-tex'>{\\displaystyle x^2}"
            "</annotation></semantics></math><img class=mwe-math-fallback-image-inline alt='x^2'>, "
            "<math alttext='y &lt; 1'><mi>y</mi></math> <math><mi>z</mi> <mo>+</mo></math>",
            "$x^2$, $y < 1$ z+",
        ),
        ("a <script type='math/tex; mode=display'>\\pi\n r</script> b", "a\n$$\\pi r$$\nb"),
        ("<img class=latex alt='\\frac12'> <img alt=cat>", "$\\frac12$"),
        (
            "<span class=katex><math><annotation encoding='application/x-tex'>k</annotation></math>"
            "<span class=katex-html>K</span></span>",
            "$k$",
        ),
        ("a<script>b</script><style>c</style><select><option>d</select><svg><text>e</text></svg>f", "af"),
        ("x<sup>2</sup> H<sub>2</sub>O, 10<sup>\u22123</sup> 2<sup><i>n</i></sup> Ca<sup>2+</sup>", "x² H₂O, 10⁻³ 2ⁿ Ca²⁺"),
        ("e<sup>-kt</sup>2<sup>2k</sup>(a)<sup>1/2</sup>", "e^(-kt)2^(2k)(a)^(1/2)"),
        ("e<sup><i>x</i></sup>A<sup>T</sup>x<sub>ij</sub>", "e^xATxij"),
        ("1<sup>st</sup> M<sup>me</sup> n<sup>o</sup> a<sup>[1]</sup> b <sup>[a-2]</sup>", "1st Mme no a[1] b [a-2]"),
        ("word<sup><a href=#1>1</a></sup><sup>2, 3*</sup>", "word¹², ³*"),
        ("a<sup>max-1</sup><sup> 2k</sup><sup>in</sup><code>x<sup>2</sup></code>", "amax-1 2kin`x2`"),
        ("<pre>x<sup>2</sup></pre>", "```\nx2\n```"),
        ("<ruby>漢<rp>(</rp><rt>kan</rt><rp>)</rp></ruby><h3><button>Why?</button></h3>", "漢kan\n\n### Why?"),
        ("", ""),
    ],
)  # fmt: skip
def test_a_page_reads_like_this_by_definition(html: str, expected: str):
    assert both(html) == (expected, expected)


def test_what_is_not_chosen_leaves_no_marker_behind():
    ours, theirs = both("<h1>a</h1><ul><li>b</ul><table><tr><td>c<td>d<tr><td>e<td>f</table><pre>g</pre>h", [False])
    assert ours == theirs == ""


@given(st.lists(st.sampled_from((*MORE_PIECES, *PIECES)), max_size=30), st.lists(st.booleans(), min_size=1, max_size=6))
def test_whatever_is_put_together_reads_as_the_oracle_has_it(pieces: list[str], keep: list[bool]):
    ours, theirs = both("".join(pieces), keep)
    assert ours == theirs


@given(
    st.lists(st.one_of(st.sampled_from((*MORE_PIECES, *PIECES)).map(str.encode), st.binary(max_size=5)), max_size=30)
)
def test_the_text_of_whatever_bytes_has_no_space_at_its_ends(pieces: list[bytes]):
    page = np.frombuffer(b"".join(pieces), np.uint8)
    tokens = html_tokens(page)
    text = html_text(page, tokens, np.ones(tokens.name_T.size, np.bool_)).tobytes()
    assert text == text.strip(b" \n")


@pytest.mark.parametrize(
    "piece",
    [
        b"<ul><li>a", b"<li>a<br>", b"<table><tr><td>a<td>b<tr><td>c<td>d</table>", b"<pre>``</pre>", b"<code>`</code>",
        b"<table><tr><td colspan=64>a<td>b", b"<tr><td>a<td>b", b"<math alttext='&nvlt;'>", b"<h1>a", b"|", b"<pre>a\n",
        b"<script type=math/tex>a|</script>", b"<td colspan=1000000000 rowspan=1000000000>a", b"<span class='katex-htm l'>",
    ],
)  # fmt: skip
def test_a_megabyte_of_one_piece_takes_no_second_and_no_room_without_bounds(piece: bytes):
    both("<p>")
    page = np.frombuffer(b"<table>" * (piece[:3] in (b"<tr", b"<td")) + piece * (1_000_000 // len(piece)), np.uint8)
    started = time.process_time()
    tokens = html_tokens(page)
    text = html_text(page, tokens, np.ones(tokens.name_T.size, np.bool_))
    assert time.process_time() - started < 1
    assert text.size < 20 * page.size


def test_other_arrays_are_refused():
    page = np.frombuffer(b"<p>a", np.uint8)
    tokens = html_tokens(page)
    with pytest.raises(TypeError, match=r"html_text: expected uint8 \(B,\) and bool \(T,\), found uint8 and int64"):
        html_text(page, tokens, np.ones(2, np.int64))
    with pytest.raises(ValueError, match=r"html_text: expected \(B,\) and \(2,\), found \(4,\) and \(3,\)"):
        html_text(page, tokens, np.ones(3, np.bool_))


@pytest.mark.parametrize("every", [pytest.param(60, marks=pytest.mark.slow), pytest.param(1, marks=pytest.mark.soak)])
def test_pages_of_the_web_read_as_the_oracle_has_it(corpora, every: int):
    limit = sys.getrecursionlimit()
    sys.setrecursionlimit(4000)
    draw = np.random.default_rng(8)
    differ = pages = 0
    for raw in islice(web_pages(corpora), 0, None, every):
        html = decode(raw, declared=None, is_html=True).text
        for keep in ([True], draw.random(1000) < 0.7):
            ours, theirs = both(html, list(keep))
            differ += ours != theirs
            pages += 1
    sys.setrecursionlimit(limit)
    assert (pages > 2600 // every, differ) == (True, 0)
