"""Pages as we read them: main content, comments, metadata, signals, and pages made to break a reader."""

import contextlib
import json
import time

import pytest

from curation.errors import BadRecord
from curation.schema import PAGE_FIELDS
from curation.text import page
from curation.text.content import MAX_BLOCKS, PACKAGED_SHA256, packaged_model
from curation.text.extract import Extract
from curation.text.main_blocks import by_words_and_links
from curation.text.page import read_page
from tests.curation.text.test_extract import read_batch

STORY = "The town council met on Monday evening and voted, after three hours of talk, to keep the old bridge open."
ARTICLE = f"""<html lang=en><head><title>Bridge stays | The Paper</title>
<meta property="og:title" content="Bridge stays &amp; opens"><meta name=author content="A. Writer">
<meta name="date" content="2021-03-04T05:06"><link rel=canonical href="https://paper.example/bridge">
<meta name=robots content="noai"></head><body>
<ul><li><a href=/>Home</a><li><a href=/n>News</a></ul><h1>Bridge stays</h1><p>{STORY}</p><p>{STORY} It will be painted.</p>
<div id="comments"><p>{STORY} I do not agree with any of that, said one.</p></div>
<div class=related><a href=1>More news from the town and its many bridges</a></div></body></html>"""


def read(html: str, comments: page.Comments = "drop") -> page.Page:
    """Returns the page with its content chosen by a rule that one can follow; what the model chooses is measured."""
    return read_page(html, chooser=lambda page, tokens, blocks, size_B3: by_words_and_links(size_B3), comments=comments)


def test_main_content_is_what_is_said_and_neither_links_nor_comments():
    assert read(ARTICLE).text == f"# Bridge stays\n\n{STORY}\n\n{STORY} It will be painted."
    assert "said one" in read(ARTICLE, "keep").text
    assert "Home" in read_page(ARTICLE, chooser=None, comments="drop").text


def test_a_page_of_comments_alone_is_a_discussion_and_keeps_them():
    talk = "".join(f"<div class='comment reply'><p>{STORY} {number}</p></div>" for number in range(5))
    assert read(f"<h1>Talk</h1>{talk}").text.count("town council") == 5
    assert read(f"<h1>Talk</h1>{talk}", "keep").text.count("town council") == 5


def test_the_model_leaves_out_menus_and_comments_and_keeps_a_discussion_whole():
    talk = "".join(f"<div class='comment reply'><p>{STORY} {number}</p></div>" for number in range(5))
    paper = read_page(ARTICLE, chooser=packaged_model(), comments="drop")
    assert paper.text.count("town council") == 2
    assert "Home" not in paper.text
    discussion = read_page(f"<h1>Talk</h1>{talk}", chooser=packaged_model(), comments="drop")
    assert discussion.text.count("town council") == 5
    assert discussion.chosen_by == packaged_model().name


@pytest.mark.parametrize(
    "tag",
    [
        "<div class='post-comments'>",
        "<ol class=commentlist>",
        "<section id=disqus_thread>",
        "<li itemprop=comment>",
        "<article itemtype='https://schema.org/Comment'>",
    ],
)
def test_comments_are_known_by_class_id_and_schema_org(tag: str):
    assert "said one" not in read(f"<p>{STORY} {STORY}</p>{tag}<p>{STORY} said one</p>").text


def test_a_class_that_says_whether_comments_are_open_is_none():
    inside = f"<p>{STORY} {STORY} {STORY}</p><div class='comments-open'><p>{STORY}"
    assert STORY in read(inside).text.splitlines()
    assert read(inside).text == read(inside.replace("comments-open", "x")).text


def test_a_page_says_who_wrote_it_and_when():
    about = read(ARTICLE).metadata
    assert (about.title, about.author, about.date) == ("Bridge stays & opens", "A. Writer", "2021-03-04")
    assert (about.canonical_url, about.language) == ("https://paper.example/bridge", "en")
    assert about.opt_out == ["meta robots: noai"]
    assert json.loads(about.structured_data) == {"json_ld": [], "meta": {"og:title": "Bridge stays & opens"}}


def test_structured_data_is_believed_before_tags():
    graph = {"@graph": [{"@type": "WebSite", "name": "P"}, {"@type": "NewsArticle", "headline": "H"}]}
    article = {"datePublished": "2020-01-02T00:00Z", "author": [{"name": "B"}, {"name": "C &amp; D"}]}
    html = f"<script type=application/ld+json>{json.dumps(graph)}</script>{ARTICLE}"
    about = read(html + f"<script type='application/ld+json'>{json.dumps(article)}</script>").metadata
    assert (about.title, about.author, about.date) == ("H", "B, C & D", "2020-01-02")
    assert json.loads(about.structured_data)["json_ld"] == [graph, article]


@pytest.mark.parametrize(
    ("head", "expected"),
    [
        ("<title>" + "x" * 100_000, "x" * 1000),
        ("<script type=application/ld+json>" + "[" * 100_000 + "</script><title>t", "t"),
        ("<script type=application/ld+json>{'headline': 1}</script><title>t", "t"),
        ("<script type=application/ld+json>" + '{"headline":["a"]}' + "</script><title>t", "t"),
        ("<script type=application/ld+json>[" + '{"@graph":[1,2,3]},' * 9999 + "1]</script><title>t", "t"),
        ("<meta name=date content='2021-99-99'>" * 5000 + "<title>t", "t"),
        ("<title>\x1b[31m\u202et\ud83d", "\x1b[31m\u202et?"),
    ],
    ids=["long", "deep", "no_json", "wrong_type", "many_objects", "many_tags", "escapes"],
)
def test_what_a_hostile_page_says_is_cut_or_left_out(head: str, expected: str):
    about = read(head.encode(errors="replace").decode()).metadata
    assert (about.title, about.date) == (expected, None)
    assert about.structured_data is None or len(about.structured_data) <= 1 << 16


def test_a_canonical_address_is_one_of_the_web_or_null():
    for address in ("javascript:alert(1)", "/bridge", "https://user:secret@paper.example/", "https://" + "a" * 2000):
        assert read(f"<link rel=canonical href='{address}'>").metadata.canonical_url is None


def test_signals_are_shares_of_what_was_there():
    signals = read(
        "<p>one two three four five six seven eight nine ten eleven twelve <a>in</a> x y z q r</p><a>abcd</a>"
    ).signals
    assert signals.link_density == 2 / 58
    assert signals.removed_fraction == 4 / 62
    assert signals.confidence is None, "the rule does not say how sure it is"


HOSTILE = {
    "levels": "<div>" * 100_000 + "x",
    "formatting": "<b><i>" * 50_000 + "x",
    "unclosed": "<p><a href='" + "x" * 10_000_000,
    "ten_megabytes_of_words": "<p>word " * 1_250_000,
    "script_bomb": "<script>" + "a<!--<script>" * 700_000,
    "attributes": "<div " + "a b='c' " * 1_250_000 + ">x",
    "classes": "<div class='" + "comments-open " * 700_000 + "'>x",
    "many_attributes": ("<span " + "a " * 500 + ">x") * 9_000,
    "entities": "&" * 5_000_000 + "&CounterClockwiseContourIntegral;" * 100_000,
    "colspan": "<table>" + "<tr><td colspan=1000000000 rowspan=1000000000>a<td>b" * 150_000,
    "sparse_table": "<table><tr>" + "<td>a" * 64 + "<tr><td>a" * 1_000_000,
    "tables": "<table><tr><td>a" * 500_000,
    "lists": "<ul><li>a<br>b" * 500_000,
    "backticks": "<code>" + "`" * 5_000_000 + "</code>" + "<pre>" + "`" * 4_000_000,
    "formulas": "<img class=latex alt='&nvlt;&nvlt;'>" * 250_000,
    "math": "<math>" * 200_000 + "<annotation encoding=tex>" * 100_000,
    "times": "<time pubdate>" * 600_000,
    "comments": "<!--" * 2_500_000,
    "nul": "\0" * 10_000_000,
    "blocks_for_the_model": ("<div>" * 500 + "x" + "</div>" * 500) * 2 + "<p><a>word " * (MAX_BLOCKS - 2),
    "deep_blocks": "<div>" * 500
    + "<p class=comment>a, b. " * (MAX_BLOCKS - 1)
    + "</div>" * 500
    + "<p>"
    + "w. " * 99999,
}


def test_a_page_of_too_many_blocks_is_left_to_the_rule_and_says_so_in_extractor():
    most = "<p>" + "a b " * 20 + "</p>"
    batch = read_batch(*({"text": most * num, "content_type": "text/html"} for num in (MAX_BLOCKS, MAX_BLOCKS + 1)))
    by_model, by_rule = Extract(extractor="gristmill")(batch).to_pylist()
    assert by_model["extractor"] == f"gristmill/1 content/{PACKAGED_SHA256[:12]}"
    assert (by_rule["extractor"], by_rule["signal.page_confidence"]) == ("gristmill/1 words-and-links", None)
    assert by_rule["text"].count("\n\n") == MAX_BLOCKS, "twenty words and no links are content by the rule"


@pytest.mark.slow
@pytest.mark.parametrize("name", HOSTILE)
def test_a_hostile_page_takes_a_second_at_most_and_never_more_than_a_dead_letter(name: str):
    model = packaged_model()
    read_page(ARTICLE, chooser=model, comments="drop")
    started = time.process_time()
    with contextlib.suppress(BadRecord):  # the reason of a dead letter; what else is raised fails
        text = read_page(HOSTILE[name], chooser=model, comments="drop").text
        assert len(text) < 5 * len(HOSTILE[name])
    assert time.process_time() - started < 1


def test_a_page_above_the_bound_is_a_dead_letter_that_says_so():
    batch = read_batch({"text": "x" * (page.MAX_PAGE_BYTES + 1), "content_type": "text/html"})
    (row,) = Extract(extractor="gristmill")(batch).to_pylist()
    assert (row["text"], row["extract_error"]) == (None, f"html_too_long: {page.MAX_PAGE_BYTES + 1} bytes")


def test_the_step_gives_markdown_and_the_columns_of_pages():
    step = Extract(extractor="gristmill")
    batch = read_batch(
        {"raw": ARTICLE.encode("utf-16"), "content_type": "text/html"}, {"text": "given"}, {"raw": b"%PDF-"}
    )
    result = step(batch)
    assert result.schema == step.output_schema(batch.schema)
    paper, given, binary = result.to_pylist()
    assert f"{STORY}\n\n{STORY} It will be painted." in paper["text"]
    assert "said one" not in paper["text"]
    assert paper["extractor"] == f"gristmill/1 content/{PACKAGED_SHA256[:12]}"
    assert (paper["page_title"], paper["page_date"], paper["charset"]) == (
        "Bridge stays & opens",
        "2021-03-04",
        "utf-16-le",
    )
    assert 0 < paper["signal.page_removed_fraction"] < 1
    assert 0 < paper["signal.page_confidence"] < 1
    assert (given["text"], binary["extract_error"]) == ("given", "binary")
    assert [given[field.name] for field in PAGE_FIELDS] == [None] * len(PAGE_FIELDS)
    alone = step(read_batch({"text": "given"}))
    assert alone.to_pylist()[0] == {**given, "doc_id": alone.to_pylist()[0]["doc_id"], "offset": 0}
