"""Damaged pages and random bytes, through all of our reader; with bounds checked as part of `test_warming.py`.

Run as a module (`python -m tests.curation.text.test_mutated_pages NUMBER`) it damages every page of the corpora.
"""

import json
import os
import sys
from contextlib import contextmanager
from itertools import islice
from pathlib import Path
from random import Random

import numba
import numpy as np
import pytest

from curation.kernels.html_blocks import html_blocks
from curation.kernels.html_main import block_sizes, comment_tokens
from curation.kernels.html_text import html_text
from curation.kernels.html_tokens import html_tokens
from curation.text.charset import decode
from curation.text.extract import Extract
from tests.curation.kernels.test_html_blocks import check_blocks
from tests.curation.kernels.test_html_tokens import web_pages
from tests.curation.text.test_extract import read_batch
from tests.mutated_pages import cut, mutated
from tests.oracles import html_text as oracle

IS_COMPILED = not numba.config.DISABLE_JIT
CUT_BYTES = 2000


@contextmanager
def deep_calls():
    """The oracle calls itself for each level of a page."""
    limit = sys.getrecursionlimit()
    sys.setrecursionlimit(6000)
    yield
    sys.setrecursionlimit(limit)


def check_kernels(page: bytes, draw: Random) -> None:
    """Fails where a kernel leaves its arrays (with bounds checked) or the text is no UTF-8 of a page that is."""
    values = np.frombuffer(page, np.uint8)
    tokens = html_tokens(values)
    blocks = html_blocks(tokens)
    block_sizes(tokens, blocks)
    comment_tokens(values, tokens)
    keep_T = np.resize(np.array(draw.choices([True, True, False], k=97)), tokens.name_T.size)
    html_text(values, tokens, keep_T)


def check_oracles(page: bytes, draw: Random) -> None:
    """Fails where the blocks or the text of a page differ from the oracles'."""
    html = decode(page, declared=None, is_html=True).text.encode()
    values = np.frombuffer(html, np.uint8)
    tokens = html_tokens(values)
    check_blocks(tokens)
    keep_T = np.resize(np.array(draw.choices([True, True, False], k=97)), tokens.name_T.size)
    with deep_calls():
        expected = oracle.html_text(oracle.tree_of(html, tokens, keep_T))
    assert html_text(values, tokens, keep_T).tobytes().decode() == expected


def check_whole(page: bytes) -> None:
    """Fails where reading a page raises, or gives neither text nor the reason why not."""
    step = Extract(extractor="gristmill")
    (row,) = step(read_batch({"raw": page, "content_type": "text/html"})).to_pylist()
    assert row["extract_error"] is None or row["extract_error"].startswith(("html_", "undecodable", "binary"))
    assert row["text"] is None or row["text"].strip(" \n") == row["text"]


def check(page: bytes, draw: Random) -> None:
    check_kernels(page, draw)
    check_oracles(cut(page, draw, CUT_BYTES), draw)
    check_whole(page)


def test_whatever_is_done_to_a_page_it_is_read_as_the_oracles_have_it(corpora):
    draw = Random(8)
    for page in islice(web_pages(corpora), 7, None, 50 if IS_COMPILED else 500):
        check(mutated(page if IS_COMPILED else cut(page, draw, CUT_BYTES), draw), draw)


@pytest.mark.parametrize("seed", range(3))
def test_whatever_bytes_are_read_or_are_a_dead_letter(seed: int):
    draw = Random(seed)
    for size in (0, 1, 2, 3, 17, 500):
        check(draw.randbytes(size), draw)
        check(bytes(draw.choices(b"<>/!-='\"&#;ap \n\0", k=size)), draw)


def main(times: int) -> None:
    """Damages every page of the corpora `times` times; writes how many pages and damaged ones were read."""
    pages = 0
    for page in web_pages(Path(os.environ["GRISTMILL_CORPORA"]) / "dev"):
        for time in range(times):
            seed = pages * times + time  # what failed can be repeated by itself
            draw = Random(seed)
            try:
                check(mutated(page, draw), draw)
                check(draw.randbytes(draw.randrange(300)), draw)
            except Exception as error:
                error.add_note(f"page {pages}, seed {seed}")
                raise
        pages += 1
    json.dump({"pages": pages, "damaged": pages * times}, sys.stdout)


if __name__ == "__main__":
    main(int(sys.argv[1]))
