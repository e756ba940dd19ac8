"""Features of blocks on small pages where they can be counted, and on whatever bytes."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from curation.kernels.html_block_texts import block_texts
from curation.kernels.html_blocks import html_blocks
from curation.kernels.html_features import FAR, FEATURES, block_features
from curation.kernels.html_hints import ATTRIBUTES_A, BITS_S, HINTS, NEXT_S27, hints_of
from curation.kernels.html_tokens import html_tokens
from tests.curation.kernels.test_html_tokens import PIECES

ARTICLE = (
    "<title>On boats</title><nav class=menu><a href=/>Home</a><div><a href=/a>Boats</a></div></nav>"
    "<article id=story><h1>On boats</h1>"
    "<p>A boat floats, and it is made of wood that was dry. It moves.</p>"
    "<p>The oars of a boat are long, and they <b>bend</b> in the water when it is cold.</p></article>"
    "<div class='comment-list'><div class=comment1>Nice!</div><div class=comment2>Nice!</div><div class=comment3>No</div></div>"
    "<p style='display:none'>船は水に浮く。</p>"
)


def features_of(html: str) -> list[dict[str, float]]:
    page = np.frombuffer(html.encode(), np.uint8)
    tokens = html_tokens(page)
    return [dict(zip(FEATURES, row, strict=True)) for row in block_features(page, tokens, html_blocks(tokens)).tolist()]


def test_features_of_an_article_are_what_one_counts_by_definition():
    home, boats, heading, first, second, nice, again, no, hidden = features_of(ARTICLE)
    assert [row["link_share"] for row in (home, boats, heading, second)] == [1, 1, 0, 0]
    assert (first["words"], first["ends"], first["is_paragraph"], first["last_mark"]) == (14, 2, 1, 1)
    assert round(second["strong_share"], 3) == round(
        4 / len("The oars of a boat are long, and they bend in the water when it is cold."), 3
    )
    assert (heading["title_share"], heading["in_best"], first["in_best"], nice["in_best"]) == (1, 1, 1, 0)
    assert (nice["levels_to_comment"], home["levels_to_comment"]) == (0, FAR)
    assert (boats["levels_to_navigation"], boats["levels_to_nav"]) == (1, 1)
    assert (again["seen_before"], nice["seen_before"]) == (1, 0)
    assert (no["siblings"], no["siblings_level"], no["sibling_words"]) == (3, 0, 1)
    assert (hidden["levels_to_hidden"], hidden["spaceless_share"]) == (0, 1)
    assert round(hidden["words"], 4) == round(6 / 1.7, 4)
    assert first["paragraph_share^0"] == pytest.approx(14 / 31)


@pytest.mark.parametrize(
    ("attributes", "expected"),
    [
        (' class="post-comments"', {"article", "comment"}),
        (" class='post comments-open'", {"article"}),
        (" class=no-comments", set()),
        (" class=articleBody", {"article"}),
        (" id='ad'", {"advertisement"}),
        (" class=header", {"head"}),
        (" class=shadow", set()),
        (" hidden", {"hidden"}),
        (" style='color:red;display: none'", {"hidden"}),
        (" style='position: top'", set()),
        (" aria-hidden=true", {"hidden"}),
        (" aria-hidden=false", set()),
        (" data-x=comment title=nav", set()),
        (" class = comment / id", {"comment"}),
        (" =x class='", set()),
        (" itemprop=author", {"about"}),
    ],
)
def test_hints_are_pieces_of_the_words_of_a_class_by_definition(attributes: str, expected: set[str]):
    page = np.frombuffer(attributes.encode(), np.uint8)
    bits, _ = hints_of(page, np.int64(0), np.int64(page.size), NEXT_S27, BITS_S, ATTRIBUTES_A)
    assert {name for bit, name in enumerate(HINTS) if int(bits) >> bit & 1} == expected


def test_signatures_are_of_the_class_less_its_digits_by_definition():
    found = []
    for attributes in (b" class=item-1 id=a", b" class=item-22", b" class=items"):
        page = np.frombuffer(attributes, np.uint8)
        found.append(int(hints_of(page, np.int64(0), np.int64(page.size), NEXT_S27, BITS_S, ATTRIBUTES_A)[1]))
    assert found[0] == found[1] != found[2]


@given(st.lists(st.one_of(st.sampled_from(PIECES).map(str.encode), st.binary(max_size=6)), max_size=40))
def test_features_of_whatever_bytes_are_finite_and_their_texts_are_the_blocks(pieces: list[bytes]):
    page = np.frombuffer(b"".join([*pieces, b"<div class='a", *pieces, b"'><p>x</p>"]), np.uint8)
    tokens = html_tokens(page)
    blocks = html_blocks(tokens)
    features_BF = block_features(page, tokens, blocks)
    assert features_BF.shape == (blocks.first_B.size, len(FEATURES))
    assert np.isfinite(features_BF).all()
    texts = block_texts(tokens, blocks)
    assert (np.diff(texts.offsets_D1)[:-1] > 0).all()
    whole = tokens.text.tobytes()
    for b in range(blocks.first_B.size):
        text = texts.values[texts.offsets_D1[b] : texts.offsets_D1[b + 1]].tobytes().strip()
        assert whole.find(text[:4], blocks.begin_B[b] - 64 if blocks.begin_B[b] > 64 else 0) >= 0


@pytest.mark.parametrize(
    "piece", [b"<div>x", b"<p>a<br><br>", b"<div class=a>b</div>", b"<li><a>c</a>", b"<div class='"]
)
def test_features_of_a_megabyte_of_one_piece_take_no_second(piece: bytes):
    import time

    features_of(ARTICLE)
    page = np.frombuffer(piece * (1_000_000 // len(piece)), np.uint8)
    started = time.process_time()
    tokens = html_tokens(page)
    block_features(page, tokens, html_blocks(tokens))
    assert time.process_time() - started < 1
