"""Trafilatura as an extractor and as a gate: its own text, in a process that a page may end but no job."""

import gc
import os
import signal
import threading
from pathlib import Path

import pytest
import trafilatura

from curation.errors import BadRecord, SchemaError
from curation.schema import PAGE_FIELDS, READ
from curation.text import trafilatura_process as process
from curation.text.extract import Extract
from curation.text.trafilatura_process import ChildLimits, trafilatura_text, trafilatura_version
from tests.curation.text.test_extract import read_batch

WORDS = "The bridge over the river stays open, said the council, and nobody had to wait for long. "
STORY = (
    "<html lang=en><head><title>Bridge</title><meta property='article:published_time' content='2021-03-04'></head><body>"
    "<nav><a href=/>Home</a> <a href=/news>News</a></nav>"
    f"<article><h1>Bridge stays</h1>{''.join(f'<p>{WORDS * 3}</p>' for _ in range(4))}</article>"
    f"<div class=comments><h2>Comments</h2><div class=comment><p>{WORDS}</p></div></div></body></html>"
)
STRICT = ChildLimits(cpu_seconds=1)


def page(html: str) -> dict[str, object]:
    return {"raw": html.encode(), "content_type": "text/html", "charset": "utf-8"}


def extracted(step: Extract, *pages: str) -> list[dict]:
    return step(read_batch(*(page(html) for html in pages))).to_pylist()


def test_the_text_is_what_trafilatura_itself_makes_with_the_same_options():
    assert trafilatura_text(STORY, focus="default") == trafilatura.extract(STORY, include_comments=False)
    assert trafilatura_text(STORY, focus="fast") == trafilatura.extract(STORY, include_comments=False, fast=True)
    assert trafilatura_text(STORY, focus="precision") == trafilatura.extract(
        STORY, include_comments=False, favor_precision=True
    )
    assert "Home" in trafilatura_text(STORY, focus="default", everything=True)
    assert trafilatura_text("<p>", focus="default") is None


def test_a_page_has_the_columns_of_pages_and_the_name_of_what_read_it():
    step = Extract(extractor="trafilatura", trafilatura="fast")
    story, empty = extracted(step, STORY, "<html><script>x</script></html>")
    assert story["text"] == trafilatura.extract(STORY, include_comments=False, fast=True)
    assert story["extractor"] == f"trafilatura/{trafilatura_version()} fast"
    assert (story["page_title"], story["page_date"], story["declared_language"]) == ("Bridge", "2021-03-04", "en")
    assert 0 < story["signal.page_removed_fraction"] < 1
    assert story["signal.page_confidence"] is story["signal.page_link_density"] is None
    assert (empty["text"], empty["extract_error"]) == (None, None), "there was nothing to read"
    assert step.output_schema(READ).names[-len(PAGE_FIELDS) :] == [field.name for field in PAGE_FIELDS]


def test_a_page_that_was_seen_before_gives_the_same_text_again():
    first, second, third = extracted(Extract(extractor="trafilatura"), STORY, STORY, STORY)
    assert first["text"] == second["text"] == third["text"]


def child_of(arguments_hold: str) -> process._Child:
    (found,) = [one for key, one in process._THREAD.children.items() if arguments_hold in key and not one.is_over]
    return found


def test_a_process_is_used_again_and_another_one_takes_the_page_on_which_it_ended():
    limits = ChildLimits(cpu_seconds=19)
    trafilatura_text(STORY, focus="default", limits=limits)
    first = child_of('"cpu_seconds": 19')
    assert trafilatura_text(STORY, focus="default", limits=limits)
    assert child_of('"cpu_seconds": 19') is first
    os.kill(first._process.pid, signal.SIGKILL)
    assert trafilatura_text(STORY, focus="default", limits=limits)
    assert child_of('"cpu_seconds": 19') is not first


def test_a_page_that_takes_too_long_ends_as_a_dead_letter_and_the_next_one_is_read():
    long = "".join(
        f"<p>Sentence {i} says that there are {i} bridges, and {i} rivers below them.</p>" for i in range(40_000)
    )
    with pytest.raises(BadRecord, match="trafilatura_too_long: above 1 CPU seconds"):
        trafilatura_text(f"<html><body><article>{long}", focus="default", limits=STRICT)
    assert trafilatura_text(STORY, focus="default", limits=STRICT)


def test_a_page_that_takes_too_much_memory_ends_as_a_dead_letter_and_the_next_one_is_read():
    limits = ChildLimits(memory_bytes=300 << 20)
    with pytest.raises(BadRecord, match="trafilatura_failed: MemoryError"):
        trafilatura_text("<html><body>" + "<b>x</b>" * 1_000_000, focus="fast", limits=limits)
    assert trafilatura_text(STORY, focus="fast", limits=limits)


def test_the_processes_of_a_thread_end_with_it():
    pids: list[int] = []

    def work() -> None:
        trafilatura_text(STORY, focus="fast", limits=ChildLimits(cpu_seconds=18))
        pids.append(child_of('"cpu_seconds": 18')._process.pid)

    thread = threading.Thread(target=work)
    thread.start()
    thread.join()
    gc.collect()
    assert not Path(f"/proc/{pids[0]}").exists()


def test_the_gate_sends_the_pages_below_the_bound_and_no_others():
    (plain,) = extracted(Extract(extractor="gristmill"), STORY)
    sure = plain["signal.page_confidence"]
    (below,) = extracted(Extract(extractor="gristmill", gate="trafilatura", gate_below=sure + 0.001), STORY)
    (at,) = extracted(Extract(extractor="gristmill", gate="trafilatura", gate_below=sure), STORY)
    assert at == plain
    assert below["text"] == trafilatura.extract(STORY, include_comments=False, favor_precision=True) != plain["text"]
    assert below["signal.page_confidence"] == sure
    assert below["extractor"] == (
        f"{plain['extractor']} below {sure + 0.001}, trafilatura/{trafilatura_version()} precision"
    )
    assert below["page_title"] == plain["page_title"]


def test_where_trafilatura_finds_nothing_behind_the_gate_the_text_stays_and_the_row_says_so():
    html = "<html><body><p>Short.</p></body></html>"
    (plain,) = extracted(Extract(extractor="gristmill"), html)
    (row,) = extracted(Extract(extractor="gristmill", gate="trafilatura", gate_below=1.0), html)
    found = trafilatura.extract(html, include_comments=False, favor_precision=True)
    assert row["text"] == (found or plain["text"])
    assert row["extractor"].startswith(f"{plain['extractor']} below 1.0, trafilatura")


def test_a_gate_without_a_confidence_to_judge_is_refused():
    with pytest.raises(SchemaError, match="gate: trafilatura is for pages of extractor gristmill, found 'resiliparse'"):
        Extract(gate="trafilatura").output_schema(READ)
