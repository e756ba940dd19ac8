"""Kinds of links, scopes, preferences, families and borderline pairs in whole runs on small data."""

import json
import random
import shutil
from pathlib import Path

import duckdb
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from curation.errors import SpecError
from curation.quality.gates import Rule
from pipelines.job import run_job
from pipelines.manifest import read_manifest
from pipelines.progress import silent
from pipelines.questions import answer_text, why_document
from pipelines.report.page import report_of
from pipelines.rundir import open_run
from pipelines.spec import DedupSpec, GateSpec, InputSpec, JobSpec, NearSpec, ValidationSpec
from pipelines.store import Store

pytestmark = [pytest.mark.slow]

WORDS = [f"{start}{end}" for start in "bdfgklmnprstvz" for end in ("an", "el", "iro", "osta", "umi", "ecker")]


def sentence(seed, length=60):
    return " ".join(random.Random(seed).choices(WORDS, k=length))


def changed(text, num_words, seed=0):
    """The text with its last words replaced."""
    words = text.split()
    return " ".join([*words[:-num_words], *sentence(f"new {seed}", num_words).split()])


A, B = sentence("a"), sentence("b")
BANDS = {"min_jaccard": 0.75, "bands": 40, "rows": 4}
"""Bands that miss a pair of similarity 0.75 once in ten million."""


def run(tmp_path, documents, *, signals=("statistics",), gates=None, sources=("web",), **dedup):
    """Runs a job over one JSONL file per source; returns its connection and the folder."""
    inputs = {}
    for source in sources:
        mine = [row for row in documents if row.get("source", sources[0]) == source]
        rows = [{key: value for key, value in row.items() if key != "source"} for row in mine]
        (tmp_path / f"{source}.jsonl").write_text("".join(f"{json.dumps(row)}\n" for row in rows))
        inputs[source] = InputSpec(files=(str(tmp_path / f"{source}.jsonl"),), gates=tuple(gates or ()))
    spec = JobSpec(
        job="policies",
        inputs=inputs,
        gates=gates or {},
        signals=signals,
        dedup=DedupSpec(**dedup),
        validation=ValidationSpec(fraction=0),
    )
    output = tmp_path / "run"
    run_job(spec, spec_path=None, output=str(output), limit=None, settings=(), progress=silent())
    return Run(spec=spec, folder=output)


class Run:
    def __init__(self, *, spec, folder):
        self.spec, self.folder = spec, folder

    def rows(self, query):
        return open_run(self.folder).connect().sql(query).fetchall()

    def decided(self):
        """{own id: (state, decided_by, survivor's own id)}"""
        query = """SELECT m.user_id, d.state, d.decided_by, s.user_id FROM decisions d JOIN measured m USING (doc_id)
            LEFT JOIN measured s ON s.doc_id = d.survivor_id ORDER BY 1"""
        return {name: rest for name, *rest in self.rows(query)}

    def kept(self):
        return sorted(name for name, (state, _, _) in self.decided().items() if state == "kept")

    def links(self):
        """[(later, earlier, kind, similarity, threshold)] by own ids."""
        query = """SELECT m.user_id, e.user_id, l.kind, l.jaccard, l.threshold FROM links l JOIN measured m USING (doc_id)
            JOIN measured e ON e.doc_id = l.earlier_id ORDER BY ALL"""
        return self.rows(query)

    def counts(self):
        return read_manifest(Store(str(self.folder))).counts


def test_each_kind_of_link_has_its_own_rule_and_the_first_kind_is_named(tmp_path):
    documents = [
        {"id": "1", "text": A, "url": "http://a.example/"},
        {"id": "2", "text": A},
        {"id": "3", "text": A.upper() + "!"},
        {"id": "4", "text": B, "url": "https://A.example:443/#top"},
        {"id": "5", "text": changed(A, 3)},
        {"id": "6", "text": sentence("other"), "url": "http://b.example/"},
    ]
    done = run(tmp_path, documents, exact=("raw", "text", "words"), url=True, prefer=("first",))
    assert done.decided() == {
        "1": ["kept", None, None],
        "2": ["dropped", "dedup/exact_raw", "1"],
        "3": ["dropped", "dedup/exact_words", "1"],
        "4": ["dropped", "dedup/url", "1"],
        "5": ["dropped", "dedup/near", "1"],
        "6": ["kept", None, None],
    }
    near = (56 - 3) / (56 + 3)
    links = [(later, *rest) for later, earlier, *rest in done.links() if earlier == "1"]
    assert [item for item in links if item[1] != "near"] == [
        ("2", "exact_raw", None, None),
        ("2", "exact_text", 1.0, 1.0),
        ("2", "exact_words", 1.0, 1.0),
        ("3", "exact_words", 1.0, 1.0),
        ("4", "url", None, None),
    ]
    assert ("5", "near", pytest.approx(near), 0.7) in links
    counts = done.counts()
    assert [counts[name] for name in ("exact_duplicates", "url_duplicates", "near_duplicates")] == [2, 1, 1]


def test_raw_content_may_be_equal_where_edits_made_it_so_and_text_where_only_edits_tell_apart(tmp_path):
    documents = [{"id": "1", "text": A + " e\u0301"}, {"id": "2", "text": A + " \u00e9"}]
    assert run(tmp_path / "raw", _made(tmp_path / "raw", documents), exact=("raw",), near=None).kept() == ["1", "2"]
    assert len(run(tmp_path / "text", _made(tmp_path / "text", documents), exact=True, near=None).kept()) == 1


def _made(folder: Path, documents):
    folder.mkdir()
    return documents


def test_nothing_is_linked_where_nothing_is_asked_for(tmp_path):
    done = run(tmp_path, [{"id": "1", "text": A}, {"id": "2", "text": A}], exact=False, near=None)
    assert done.kept() == ["1", "2"]
    assert done.links() == []


def test_why_tells_the_link_and_its_kind(tmp_path):
    documents = [{"id": "1", "text": A, "url": "http://a.example/"}, {"id": "2", "text": B, "url": "http://a.example"}]
    done = run(tmp_path, documents, url=True, prefer=("first",))
    (answer,) = why_document(open_run(done.folder), "2")
    survivor = answer["explanation"]["survivor"]["doc_id"]
    assert f"  survivor  {survivor}  url link\n" in answer_text(answer)
    assert "  failed    dedup/url: found the same URL\n" in answer_text(answer)


@pytest.mark.parametrize("exact", [True, False], ids=["equal texts", "near texts"])
def test_documents_are_linked_within_one_scope_only_and_null_is_a_scope(tmp_path, exact):
    licenses = ["MIT", "CC0-1.0", None, "MIT", "CC0-1.0", None]
    documents = [{"id": str(n), "text": A, "license": name} for n, name in enumerate(licenses)]
    done = run(tmp_path, documents, scope="license", prefer=("first",), exact=exact)
    assert done.kept() == ["0", "1", "2"]
    assert {(later, earlier) for later, earlier, *_ in done.links()} == {("3", "0"), ("4", "1"), ("5", "2")}


def test_a_scope_by_source_keeps_one_copy_of_each_and_global_one_of_all(tmp_path):
    documents = [{"id": f"{source}{n}", "text": A, "source": source} for source in ("web", "books") for n in (1, 2)]
    scoped = run(_folder(tmp_path, "scoped"), documents, sources=("web", "books"), scope="source", prefer=("first",))
    assert scoped.kept() == ["books1", "web1"]
    everywhere = run(_folder(tmp_path, "global"), documents, sources=("web", "books"), prefer=("first",))
    assert everywhere.kept() == ["web1"]


def test_a_scope_by_language_is_that_of_the_signal(tmp_path):
    documents = [{"id": "1", "text": A}, {"id": "2", "text": A}]
    signals = ("language", "statistics")
    assert run(tmp_path, documents, signals=signals, scope="language", prefer=("first",)).kept() == ["1"]


def _folder(tmp_path: Path, name: str) -> Path:
    (tmp_path / name).mkdir()
    return tmp_path / name


@pytest.mark.parametrize(
    ("prefer", "kept"),
    [
        (("longest",), "2"),
        (("source", "newest"), "3"),
        (("licensed", "first"), "4"),
        (("-signal.num_chars", "first"), "1"),
    ],
)
def test_the_copy_that_stays_is_the_preferred_one(tmp_path, prefer, kept):
    documents = [
        {"id": "1", "text": A, "license": "GPL-3.0-only"},
        {"id": "2", "text": A + "!" * 9},
        {"id": "3", "text": A + "!!", "date": "2024-01-01"},
        {"id": "4", "text": A + "!!!", "license": "mit", "date": "2020-01-01"},
    ]
    licenses = ("CC0-1.0", "MIT") if "licensed" in prefer else ()
    done = run(tmp_path, documents, exact=("words",), near=None, prefer=prefer, licenses=licenses)
    assert done.kept() == [kept]


def test_longest_is_by_bytes_of_text_not_by_words(tmp_path):
    longer_words = A.replace(" ", "")
    documents = [
        {"id": "words", "text": "a b c d e f", "url": "http://a.example/"},
        {"id": "bytes", "text": longer_words, "url": "http://a.example/"},
    ]
    assert run(tmp_path, documents, url=True, prefer=("longest",)).kept() == ["bytes"]


@pytest.mark.parametrize(
    ("dedup", "message"),
    [
        (
            {"scope": "colour"},
            "dedup.scope: expected global, source, language or a column of measured/, found 'colour'; columns are doc_id, ",
        ),
        (
            {"scope": "language"},
            "dedup.scope: expected global, source, language or a column of measured/, found 'language'",
        ),
        ({"scope": "edits"}, "dedup.scope: expected global, source, language or a column of measured/, found 'edits'"),
        (
            {"prefer": ("signal.num_words",)},
            "dedup.prefer: expected source, first, longest, licensed, newest or a measured number, found "
            "'signal.num_words'; measured are signal.num_chars",
        ),
    ],
)
def test_a_policy_that_reads_what_is_not_measured_is_refused_before_anything_starts(tmp_path, dedup, message):
    with pytest.raises(SpecError) as caught:
        run(tmp_path, [{"id": "1", "text": A}], **dedup)
    assert str(caught.value).startswith(message)
    assert not (tmp_path / "run").exists()


def test_cluster_sizes_count_every_member_and_are_there_for_weights(tmp_path):
    documents = [{"id": str(n), "text": A} for n in range(3)] + [{"id": "3", "text": B}, {"id": "4", "text": "short"}]
    gates = {"long": GateSpec(rules=(Rule(signal="num_chars", min=20),))}
    done = run(tmp_path, documents, gates=gates, prefer=("first",))
    sizes = done.rows("SELECT m.user_id, d.cluster_size FROM decisions d JOIN measured m USING (doc_id) ORDER BY 1")
    assert sizes == [("0", 3), ("1", 3), ("2", 3), ("3", 1), ("4", None)]
    kept = done.rows("SELECT user_id, cluster_size, cluster_id = doc_id FROM documents ORDER BY 1")
    assert kept == [("0", 3, True), ("3", 1, None)]
    query = f"SELECT sum(1.0 / cluster_size) FROM '{done.folder}/decisions/*.parquet' WHERE cluster_size IS NOT NULL"
    assert duckdb.sql(query).fetchall() == [(2,)], "weights by size count each cluster once"


def with_parents(done, parents):
    """Gives measured documents parents, by own ids, as a stage that makes documents would, and decides again."""
    ids = dict(done.rows("SELECT user_id, doc_id FROM measured"))
    for path in sorted((done.folder / "measured").glob("*.parquet")):
        table = pq.read_table(path)
        named = [ids[parents[name]] if name in parents else None for name in table["user_id"].to_pylist()]
        place = table.schema.get_field_index("parent_id")
        pq.write_table(table.set_column(place, table.schema.field(place), pa.array(named, pa.binary(16))), path)
    for path in (done.folder / "accounts").glob("*.parquet"):  # what was made from others was not read
        table = pq.read_table(path)
        read = len(ids) - len(parents)
        rows = [row | ({"count": read} if row["kind"] == "document" else {}) for row in table.to_pylist()]
        pq.write_table(pa.Table.from_pylist(rows, table.schema), path)
    for name in ("verdicts", "links", "decisions", "documents", "review", "tasks", "tokens"):
        shutil.rmtree(done.folder / name, ignore_errors=True)
    (done.folder / "manifest.json").unlink()
    run_job(done.spec, spec_path=None, output=str(done.folder), limit=None, settings=(), progress=silent())


@pytest.mark.parametrize("rule", ["earlier", "component"])
def test_a_document_is_never_linked_to_what_it_comes_from(tmp_path, rule):
    documents = [
        {"id": "1 original", "text": A, "url": "http://a.example/"},
        {"id": "2 its copy", "text": A, "url": "http://a.example/"},
        {"id": "3 nearly its copy", "text": changed(A, 2)},
        {"id": "4 copy of the near copy", "text": changed(A, 2)},
    ]
    near = NearSpec(survivors=rule)
    done = run(tmp_path, documents, exact=("raw", "text", "words"), url=True, near=near, prefer=("first",))
    assert done.kept() == ["1 original"]
    with_parents(
        done,
        {"2 its copy": "1 original", "3 nearly its copy": "2 its copy", "4 copy of the near copy": "3 nearly its copy"},
    )
    assert done.links() == []
    assert len(done.kept()) == 4
    with_parents(done, {"2 its copy": "1 original"})
    assert not [link for link in done.links() if link[:2] == ("2 its copy", "1 original")]
    if rule == "earlier":
        assert done.kept() == ["1 original", "2 its copy"]
        assert [row[2] for row in done.decided().values()] == [None, None, "1 original", "1 original"]
    else:
        assert done.kept() == ["1 original"], "a component joins relatives through copies of both"


def test_chains_of_a_component_are_counted_and_shown_and_the_rule_earlier_has_none(tmp_path):
    documents = [
        {"id": str(n), "text": " ".join([*A.split()[: 60 - 8 * n], *sentence("tail", 60).split()[: 8 * n]])}
        for n in range(4)
    ]
    near = {**BANDS, "min_jaccard": 0.6}
    chained = run(
        _folder(tmp_path, "c"),
        documents,
        near=NearSpec(survivors="component", **near),
        prefer=("first",),
    )
    rows = chained.rows(
        """SELECT m.user_id, d.chained, d.survivor_jaccard < 0.6, d.linked_id <> d.survivor_id, d.link_jaccard >= 0.6
        FROM decisions d JOIN measured m USING (doc_id) WHERE state = 'dropped' ORDER BY 1"""
    )
    assert rows == [("1", False, False, False, True), ("2", True, True, True, True), ("3", True, True, True, True)]
    assert chained.counts()["chained"] == 2
    page = report_of(open_run(chained.folder))
    assert "2 removed documents are less similar to the survivor than the threshold" in page
    edges = chained.rows(
        "SELECT count(*) FROM decisions d WHERE state = 'dropped' AND NOT EXISTS (FROM links l WHERE (l.doc_id, l.earlier_id) IN ((d.doc_id, d.linked_id), (d.linked_id, d.doc_id)))"
    )
    assert edges == [(0,)], "what removed a document is a link that is listed"
    plain = run(_folder(tmp_path, "e"), documents, near=NearSpec(**near), prefer=("first",))
    assert plain.counts()["chained"] == 0
    assert "Chains" not in report_of(open_run(plain.folder))


def borderline(tmp_path, **near):
    documents = [
        {"id": "1", "text": A},
        {"id": "2 borderline", "text": changed(A, 8)},
        {"id": "3 its copy", "text": changed(A, 8)},
        {"id": "4 above the band", "text": changed(A, 2)},
        {"id": "5", "text": B},
    ]
    return run(tmp_path, documents, near=NearSpec(review_within=0.05, **BANDS, **near), prefer=("first",))


@pytest.mark.parametrize("rule", ["earlier", "component"])
def test_a_borderline_pair_goes_to_review_with_both_texts_and_removes_nothing(tmp_path, rule):
    done = borderline(tmp_path, survivors=rule)
    assert done.decided() == {
        "1": ["kept", None, None],
        "2 borderline": ["review", "dedup/near_borderline", None],
        "3 its copy": ["review", "dedup/cluster_undecided", None],
        "4 above the band": ["dropped", "dedup/near", "1"],
        "5": ["kept", None, None],
    }
    similarity = (56 - 8) / (56 + 8)
    ((reasons, linked, jaccard, threshold, text, other),) = done.rows(
        """SELECT review_reasons, linked_id, link_jaccard, link_threshold, text, linked_text FROM review
        WHERE decided_by = 'dedup/near_borderline'"""
    )
    assert (text, other, jaccard, threshold) == (changed(A, 8), A, similarity, 0.75)
    assert reasons == [f"dedup/near_borderline: similarity {similarity:g} with {linked.hex()}, within 0.05 of 0.75"]
    assert done.rows("SELECT linked_text FROM review WHERE decided_by = 'dedup/cluster_undecided'") == [(None,)]
    counts = done.counts()
    assert [counts[name] for name in ("borderline", "undecided", "near_duplicates")] == [1, 1, 1]
    assert "Borderline pairs" in report_of(open_run(done.folder))


def test_without_a_band_the_same_pair_is_removed_or_kept(tmp_path):
    documents = [{"id": "1", "text": A}, {"id": "2", "text": changed(A, 8)}]
    assert run(_folder(tmp_path, "low"), documents, near=NearSpec(**BANDS), prefer=("first",)).kept() == ["1"]
    assert len(run(_folder(tmp_path, "high"), documents, near=NearSpec(**BANDS | {"min_jaccard": 0.76})).kept()) == 2


def test_a_text_of_another_part_of_the_run_is_found_for_a_borderline_pair(tmp_path):
    documents = [
        {"id": "1", "text": changed(A, 8), "source": "web"},
        {"id": "2", "text": A, "source": "books"},
    ]
    near = NearSpec(review_within=0.05, **BANDS)
    done = run(tmp_path, documents, sources=("web", "books"), near=near, prefer=("longest",))
    ((text, other),) = done.rows("SELECT text, linked_text FROM review")
    assert {text, other} == {A, changed(A, 8)}


def test_the_order_of_records_changes_no_decision(tmp_path):
    documents = [
        {"id": f"{n}{m}", "text": changed(sentence(n), 2, m) if m else sentence(n)} for n in range(8) for m in range(3)
    ]
    shuffled = random.Random(1).sample(documents, len(documents))
    kept = [
        run(_folder(tmp_path, name), rows, prefer=("longest", "-signal.num_chars")).rows(
            "SELECT m.text FROM documents m ORDER BY 1"
        )
        for name, rows in (("one", documents), ("other", shuffled))
    ]
    lengths = [[len(text) for (text,) in texts] for texts in kept]
    assert lengths[0] == lengths[1]


def test_canaries_look_for_their_originals_within_the_scope_of_these(tmp_path):
    documents = [{"id": str(n), "text": sentence(n), "license": ("MIT", "CC0-1.0")[n % 2]} for n in range(40)]
    done = run(tmp_path, documents, scope="license", near=NearSpec(canaries=20))
    found = done.rows("SELECT count(*), count(*) FILTER (is_linked) FROM canaries WHERE level = 0.95")
    assert found == [(20, 20)], "14 bands of 8 rows miss one in four million at 0.95"
