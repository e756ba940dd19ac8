"""Where each text of a page stands, against the tree of lexbor, a real HTML5 tree builder: the differences, by class."""

from collections import Counter
from collections.abc import Iterator
from itertools import islice

import numpy as np
import pytest
from resiliparse.parse.html import HTMLTree, NodeType

from curation.kernels.html_names import CODE, NAMES, NAMES_OF
from curation.kernels.html_roles import LEVEL_C
from curation.kernels.html_tokens import TEXT, html_tokens
from curation.text.charset import decode
from tests.curation.kernels.test_html_tokens import web_pages

Placed = tuple[tuple[str, ...], str]
IMPLIED = {"html", "head", "body", "tbody", "colgroup"}
FORMATTING = set(NAMES_OF["formatting"].split())


def ours(html: str) -> Iterator[Placed]:
    """The elements around each text, and the text without white space."""
    tokens = html_tokens(np.frombuffer(html.encode(), np.uint8))
    text, path = tokens.text.tobytes(), []
    columns = (tokens.name_T, tokens.depth_T, tokens.begin_T, tokens.end_T)
    for name, depth, begin, end in zip(*(column.tolist() for column in columns), strict=True):
        del path[depth:]
        if name != TEXT:
            path.append(NAMES[name])
        elif found := "".join(text[begin:end].decode().split()):
            yield tuple(path), found


def lexbors(html: str) -> Iterator[Placed]:
    waiting = [(HTMLTree.parse(html).document, ())]
    while waiting:
        node, path = waiting.pop()
        if node.type == NodeType.TEXT:
            if found := "".join((node.text or "").split()):
                yield path, found
            continue
        if node.type == NodeType.ELEMENT:
            path = (*path, node.tag.lower() if node.tag.lower() in CODE else "")
        waiting += [(child, path) for child in reversed(node.child_nodes)]


def side_by_side(html: str) -> Iterator[tuple[tuple[str, ...], tuple[str, ...], int]]:
    """Both paths of each stretch of text, and its characters. The texts are the same."""
    one, other = list(ours(html)), list(lexbors(html))
    assert "".join(text for _, text in one) == "".join(text for _, text in other)
    ends = [np.cumsum([len(text) for _, text in side], dtype=np.int64) for side in (one, other)]
    before = 0
    for end in np.union1d(*ends).tolist():
        paths = (side[int(np.searchsorted(at, end))][0] for side, at in zip((one, other), ends, strict=True))
        yield *paths, end - before
        before = end


def difference(one: tuple[str, ...], other: tuple[str, ...]) -> str:
    """The class of a difference, by what has to be left out for the two paths to be the same."""
    for name, is_left_out in (
        ("none", lambda element: element in IMPLIED),
        ("formatting", lambda element: element in IMPLIED or element in FORMATTING),
        ("inline", lambda element: element in IMPLIED or not LEVEL_C[CODE.get(element, 0)]),
    ):
        if [element for element in one if not is_left_out(element)] == [
            element for element in other if not is_left_out(element)
        ]:
            return name
    return "block"


@pytest.mark.parametrize(
    ("html", "expected"),
    [
        ("<!doctype html><p>a<b>b</b><table><tr><td>c", {"none"}),
        ("<div>a<td>b", {"none", "block"}),  # outside a table the standard ignores the tag
        ("<p>a<table><tr><td>b", {"none", "block"}),  # without a doctype a table ends no paragraph
        ("<p><b>a<p>b", {"none", "formatting"}),  # the standard opens the <b> again
        ("<b><div>a</b>b</div>", {"formatting"}),  # "adoption agency"
        ("<a name=x><p><span><a href=y>a", {"inline"}),  # ... takes the span out
        ("<b><p>a</b>b", {"formatting"}),
        ("<div><a><div>a</a>b", {"formatting"}),
    ],
)
def test_differences_from_the_standards_tree_are_of_these_classes(html: str, expected: set[str]):
    assert {difference(one, other) for one, other, _ in side_by_side(html)} == expected


@pytest.mark.parametrize("every", [pytest.param(60, marks=pytest.mark.slow), pytest.param(1, marks=pytest.mark.soak)])
def test_texts_of_the_web_stand_in_the_same_blocks_but_for_a_few(corpora, every: int):
    count = Counter()
    for raw in islice(web_pages(corpora), 0, None, every):
        for one, other, size in side_by_side(decode(raw, declared=None, is_html=True).text):
            count[difference(one, other)] += size
    assert count["block"] <= 0.0005 * count.total(), count
    assert count["none"] >= 0.9 * count.total(), count
