"""DCLM's edits against its own patterns, and the records that they leave."""

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from curation.kernels.url_spans import tld_table
from curation.schema import EDIT
from curation.text.dclm import LineFeedRuns, UrlsInText, top_level_domains
from tests.oracles import dclm as oracle

DOMAINS = top_level_domains()
PIECES = (
    *(
        "https://",
        "http://",
        "ftp://",
        "xhttps://",
        "ahttp:/",
        "://",
        "www.",
        "example",
        "a",
        ".com",
        ".co.uk",
        ".museum",
    ),
    *(
        ".xn--p1ai",
        ".xn--vermgensberater-ctb",
        ".xn--",
        "-x",
        ".COM",
        ".comx",
        ".com_",
        "é",
        "日",
        "”",
        "/",
        "?q=1&r=(2)",
        "#x",
    ),
    *(
        "1.2.3.4",
        "255.255.255.0",
        "999.1.1.1",
        "1.2.3",
        "12.34.56.78:80",
        "v1.2.3.4",
        "=1.2.3.4",
        ".",
        "..",
        " ",
        "  ",
        "\n",
    ),
    *("me@mail.org", "e.g.", "Mr.Smith", "end.The", "node.js", "and", " " * 12, "@", ":", "_", ","),
)
TEXTS = st.one_of(st.lists(st.sampled_from(PIECES), max_size=10).map("".join), st.text(max_size=30))


def edited(step, texts):
    edits = pa.array([[] for _ in texts], pa.list_(EDIT))
    result = step(pa.record_batch({"text": pa.array(texts, pa.string()), "edits": edits}))
    result.validate(full=True)
    return result.to_pylist()


def replayed(text, edits):
    data, at, left = text.encode(), 0, []
    for edit in edits:
        assert edit["removed_bytes"] == edit["end"] - edit["start"]
        left.append(data[at : edit["start"]])
        at = edit["end"]
    return b"".join([*left, data[at:]]).decode()


@given(texts=st.lists(TEXTS, max_size=5))
def test_urls_and_addresses_go_as_by_the_definition_of_dclm(texts):
    for text, row in zip(texts, edited(UrlsInText(), texts), strict=True):
        assert row["text"] == oracle.without_urls(text, DOMAINS), text
        assert replayed(text, row["edits"]) == row["text"]


@pytest.mark.parametrize(
    ("text", "left"),
    [
        ("See https://example.com/a?b=(c), then go.", "See, then go."),
        ("Mail me@example.org now. It costs 3.50 e.g. today.", "Mail now. It costs 3.50 e.g. today."),
        ("At 192.168.0.1:8080/x the router", "At the router"),
        ("The end.The start.", "The end.The start."),
        ("Use node.js here", "Use node.js here"),
        ("go to\n\n  www.a.co.uk\nnow", "go to\nnow"),
    ],
)
def test_what_goes_and_what_stays(text, left):
    assert edited(UrlsInText(), [text])[0]["text"] == left


@pytest.mark.parametrize("size", [250, 256, 257, 300, 600])
def test_a_name_of_more_than_256_characters_counts_from_its_last_256(size):
    for text in (
        f"{'a' * size}.com/x",
        f"{'a' * size}.com.{'b' * size}.org",
        f"x {'a.' * size}net y",
        f"https://{'a' * size}.com",
    ):
        assert edited(UrlsInText(), [text])[0]["text"] == oracle.without_urls(text, DOMAINS), text


@given(
    texts=st.lists(st.lists(st.sampled_from(["a", "\n", "\n\n\n\n", " ", "é"]), max_size=9).map("".join), max_size=5),
    most=st.integers(0, 3),
)
def test_runs_of_line_feeds_are_shortened(texts, most):
    for text, row in zip(texts, edited(LineFeedRuns(most=most), texts), strict=True):
        assert row["text"] == oracle.shorter_runs(text, most)
        assert replayed(text, row["edits"]) == row["text"]
        assert {edit["rule"] for edit in row["edits"]} <= {"line_feed_run"}


def test_the_rule_that_took_a_range_is_named():
    (row,) = edited(UrlsInText(), ["a b.com c 1.2.3.4"])
    assert [edit["rule"] for edit in row["edits"]] == ["url_in_text", "ip_address_in_text"]


def test_the_table_of_domains_is_sorted_and_refuses_what_is_none():
    table = tld_table(DOMAINS)
    assert table.dtype == np.uint8
    assert len(DOMAINS) > 1400
    assert {"com", "uk", "xn--p1ai"} <= set(DOMAINS)
    with pytest.raises(ValueError, match=r"^tld_table: expected up to 24 of a-z, 0-9 and -, found 'COM'$"):
        tld_table(["COM"])
