"""The recipe `fineweb` from its spec over real web pages: the laws hold, and it keeps about what FineWeb's filters keep.

Of the 1,442 pages of all dev web archives a run kept 366. Articles chosen by people (`aeb`) stay far more often than manuals
or old crawls.
"""

import json

import pytest

from pipelines.job import run_job
from pipelines.progress import silent
from pipelines.rundir import open_run
from pipelines.spec_file import load_spec
from pipelines.verify import verify_run

pytestmark = [pytest.mark.slow]


@pytest.fixture(scope="module")
def run(tmp_path_factory, corpora, repository):
    """A finished run of the recipe over dev/web/pages."""
    spec = repository / "pipelines" / "jobs" / "recipes" / "fineweb.yaml"
    settings = (f"inputs.web.files={json.dumps([str(corpora / 'web' / 'pages')])}",)
    output = str(tmp_path_factory.mktemp("fineweb") / "run")
    job = load_spec(spec, settings=settings)
    run_job(job, spec_path=spec, output=output, limit=None, settings=settings, progress=silent())
    return open_run(output)


def test_the_three_laws_hold_and_every_page_is_kept_or_says_why_not(run):
    assert verify_run(run.store.uri) == []
    counts = run.manifest()["counts"]
    assert counts["read"] == counts["kept"] + counts["dropped"] + counts["review"]
    assert counts["read"] > 950
    query = "SELECT count(*) FROM decisions WHERE state = 'dropped' AND (decided_by IS NULL OR len(failed) = 0)"
    assert run.sql(query).fetchall() == [(0,)]


def share(run, condition):
    """The kept share of documents that meet a condition, and how many those are."""
    query = f"""SELECT count(*) FILTER (state = 'kept') / count(*), count(*)
                FROM decisions JOIN measured USING (doc_id) WHERE {condition}"""
    return run.sql(query).fetchall()[0]


def test_it_keeps_a_quarter_of_all_pages_over_half_of_the_english_and_most_articles(run):
    all_pages, _ = share(run, "true")
    english, num_english = share(run, '"signal.language" = \'en\' AND "signal.language_score" >= 0.65')
    articles, _ = share(run, "path LIKE '%aeb.warc.gz'")
    assert 0.2 < all_pages < 0.4
    assert 0.5 < english < 0.8
    assert num_english > 300
    assert articles > 0.7


def test_every_gate_of_the_recipe_decides_some_pages_but_urls_of_which_none_is_listed(run):
    decided = {
        row[0].split("/")[0] for row in run.sql("SELECT DISTINCT decided_by FROM decisions").fetchall() if row[0]
    }
    assert decided >= {"language", "gopher_repetition", "gopher_quality", "c4", "fineweb", "dedup"}
    assert "url_rules" not in decided


def test_what_is_kept_is_the_text_that_c4s_edits_left_and_the_edits_are_recorded(run):
    query = """SELECT count(*), count(*) FILTER (len(edits) > 0), count(*) FILTER (contains(text, '{'))
               FROM documents"""
    kept, edited, with_brackets = run.sql(query).fetchall()[0]
    assert edited > kept / 2
    assert with_brackets == 0
