"""`whatif`: gates exactly as a run judges, deduplication exactly where it is linked again, else an estimate that says so."""

import json

import numpy as np
import pytest

import gristmill
from curation.errors import InputError, SpecError
from pipelines.comparing import compare_runs
from pipelines.deciding_again import decide_again
from pipelines.progress import silent
from pipelines.questions import why_document
from pipelines.rule_settings import changed_spec
from pipelines.spec_file import dump_spec
from pipelines.standing import columns
from pipelines.whatif import Question, run_spec, what_if
from tests.judged_runs import EDGES, PASSING, judged_run
from tests.rundirs import Doc, identity

BELOW, ABOVE = -np.inf, np.inf


def around(threshold):
    return [float(np.nextafter(threshold, BELOW)), threshold, float(np.nextafter(threshold, ABOVE))]


def docs_around(signal, *thresholds, language="en"):
    values = [value for threshold in thresholds for value in around(threshold)] + [None]
    return [Doc(language=language, signals=PASSING | {signal: value}) for value in values]


def states_by_why(run, docs):
    """What the rules say of each document, one by one, as `why` shows them."""
    states = []
    for row in range(len(docs)):
        checks = why_document(run, identity(docs, row).hex())[0]["explanation"]["checks"]
        outcomes = {check["outcome"] for check in checks}
        states.append("dropped" if "failed" in outcomes else "review" if "review" in outcomes else "kept")
    return states


@pytest.mark.parametrize(
    ("settings", "docs", "expected"),
    [
        (("edges.alpha_word_fraction.min=0.3",), docs_around("alpha_word_fraction", 0.3), "dropped kept kept kept"),
        (("edges.dup_line_fraction=0.1",), docs_around("dup_line_fraction", 0.1), "kept kept dropped kept"),
        (
            ("edges.num_words.min=5", "edges.num_words.max=7"),
            docs_around("num_words", 5.0, 7.0),
            "dropped kept kept kept kept dropped kept",
        ),
        (
            ("edges.num_chars.min=8", "edges.num_chars.review_within=0.25"),
            docs_around("num_chars", 7.75, 8.0, 8.25),
            "dropped review review review review review review review kept kept",
        ),
        (
            ("edges.num_chars.min=8", "edges.num_chars.review_within=0", "edges.num_chars.action=review"),
            docs_around("num_chars", 8.0),
            "review kept kept kept",
        ),
        (("edges.num_chars.min=1000",), docs_around("num_chars", 8.0, language="th"), "kept kept kept kept"),
        (
            ("edges.language.one_of=[de]",),
            [Doc(language=name, signals=PASSING) for name in ("de", "en", None)],
            "kept dropped kept",
        ),
    ],
    ids=["min", "max", "both", "review_within", "action", "when", "one_of"],
)
def test_a_document_exactly_at_a_threshold_gets_one_answer_from_gate_whatif_and_why(tmp_path, settings, docs, expected):
    run = judged_run(tmp_path / "run", docs, EDGES)
    before = columns(run, "decisions", ["state"])["state"].to_pylist()
    answer = what_if(run, Question(settings=settings, count=100), progress=silent())
    moved = {change["document"]["doc_id"]: change["after"]["state"] for change in answer["samples"]}
    by_whatif = [moved.get(identity(docs, row).hex(), state) for row, state in enumerate(before)]

    again = judged_run(tmp_path / "again", docs, changed_spec(EDGES, settings))
    by_gate = columns(again, "verdicts", ["state"])["state"].to_pylist()
    assert by_whatif == by_gate == states_by_why(again, docs) == expected.split()
    counts = {state: by_gate.count(state) for state in ("kept", "review", "dropped")}
    assert {state: answer["gates"]["after"][state] for state in counts} == counts


def test_a_document_that_changes_sides_is_shown_with_rule_value_and_threshold(tmp_path):
    docs = [Doc(signals=PASSING | {"num_words": 45.0}, url="https://a.example/")]
    run = judged_run(tmp_path / "run", docs, EDGES)
    answer = what_if(run, Question(settings=("edges.num_words.min=50",)), progress=silent())
    (change,) = answer["samples"]
    assert change["before"] == {"state": "kept", "decided_by": None, "failed": [], "review_reasons": []}
    assert change["after"] == {
        "state": "dropped",
        "decided_by": "edges/num_words",
        "failed": [{"rule": "edges/num_words", "value": 45.0, "threshold": 50.0, "found": None}],
        "review_reasons": [],
    }
    assert change["document"]["url"] == "https://a.example/"
    assert answer["result"]["rules"] == [
        {
            "rule": "edges/num_words",
            "added": {"documents": 0, "tokens": 0},
            "removed": {"documents": 1, "tokens": len(docs[0].text) // 4},
        }
    ]


def test_tokens_of_documents_that_were_never_tokenised_come_from_the_ratio_of_their_source_and_are_counted(tmp_path):
    texts = {"known": "a b c d " * 10, "new": "a b " * 10}
    docs = [Doc(text=texts["known"], signals=PASSING), Doc(text=texts["new"], signals=PASSING | {"num_words": 1.0})]
    run = judged_run(tmp_path / "run", docs, EDGES)
    result = what_if(run, Question(settings=("edges.num_words.min=1",)), progress=silent())["result"]
    assert result["before"]["tokens"] == len(texts["known"]) // 4 == 20
    assert result["added"] == {"documents": 1, "tokens": 10}, "20 tokens in 80 bytes: a quarter of a token a byte"
    assert result["estimated_tokens"] == 1


def test_a_run_without_token_counts_has_none_after_either(tmp_path):
    run = judged_run(tmp_path / "run", [Doc(signals=PASSING)], EDGES)
    for path in (tmp_path / "run" / "tokens").iterdir():
        path.unlink()
    result = what_if(run, Question(settings=("edges.num_words.min=1",)), progress=silent())["result"]
    assert (result["before"]["tokens"], result["after"]["tokens"]) == (None, None)


def test_the_mix_counts_what_is_added_and_removed_by_source_language_and_domain(tmp_path):
    docs = [
        Doc(language="en", signals=PASSING),
        Doc(language="de", signals=PASSING | {"num_words": 45.0}),
        Doc(language="de", signals=PASSING | {"num_words": 1.0}),
    ]
    run = judged_run(tmp_path / "run", docs, EDGES)
    settings = ("edges.num_words.min=1", "edges.num_words.max=40")
    mix = what_if(run, Question(settings=settings), progress=silent())["result"]["mix"]
    documents = {
        share["name"]: {key: share[key]["documents"] for key in ("before", "after", "added", "removed")}
        for share in mix["language"]
    }
    assert documents == {
        "de": {"before": 1, "after": 1, "added": 1, "removed": 1},
        "en": {"before": 1, "after": 0, "added": 0, "removed": 1},
    }
    assert [share["name"] for share in mix["source"]] == ["web"]
    assert [share["name"] for share in mix["domain"]] == [None], "the input has no domain"


def test_an_unfinished_run_is_refused(tmp_path):
    run = judged_run(tmp_path / "run", [Doc(signals=PASSING)], EDGES)
    (tmp_path / "run" / "manifest.json").unlink()
    with pytest.raises(InputError) as caught:
        what_if(run, Question(settings=("edges.num_words.min=1",)), progress=silent())
    assert str(caught.value) == (
        f"{tmp_path}/run: expected a finished run, found no manifest.json; gristmill resume ends it"
    )


def test_settings_of_dedup_need_exact(tmp_path):
    run = judged_run(tmp_path / "run", [Doc(signals=PASSING)], EDGES)
    with pytest.raises(SpecError) as caught:
        what_if(run, Question(settings=("dedup.undecided=keep",)), progress=silent())
    assert str(caught.value) == "--set dedup: expected --exact beside it, found none; only linking again answers it"


SMALL = """
job: small
inputs:
  notes: {files: [data/*.jsonl], domain: notes, gates: [length]}
gates:
  length: {rules: [{signal: num_words, min: 30, review_within: 1}]}
signals: [statistics, gopher_quality]
runner: {mode: in_memory, workers: 1}
limits: {unit_bytes: 8KiB}
"""


@pytest.fixture(scope="module")
def small(tmp_path_factory):
    """A job of texts of 20 to 60 words, every other one a near copy of the one before, and its finished run."""
    folder = tmp_path_factory.mktemp("job")
    (folder / "data").mkdir()
    draw = np.random.default_rng(5)
    texts = []
    for number in range(240):
        words = [f"word{value}" for value in draw.integers(0, 400, draw.integers(20, 60))]
        if number % 2:
            words = [*texts[-1].split()[: int(draw.integers(18, 60))], "end"]
        texts.append(" ".join(words))
    texts += texts[10:14]
    (folder / "data" / "a.jsonl").write_text("".join(f"{json.dumps({'text': text})}\n" for text in texts))
    (folder / "small.yaml").write_text(SMALL)
    return folder, gristmill.run(folder / "small.yaml", output=str(folder / "run"))


def contents(run):
    root = run.store.local_path()
    return {path.relative_to(root): path.read_bytes() for path in root.rglob("*") if path.is_file()}


def test_deciding_again_by_the_same_spec_gives_the_same_bytes_and_touches_nothing(small, tmp_path):
    _, run = small
    before = contents(run)
    again = decide_again(run, run_spec(run), tmp_path / "again", progress=silent())
    assert contents(run) == before
    for folder in ("verdicts", "decisions"):
        assert columns(again, folder, run.dataset(folder).schema.names).equals(
            columns(run, folder, run.dataset(folder).schema.names)
        ), folder
    assert sorted(path.name for path in (tmp_path / "again").iterdir()) == sorted(
        ["decisions", "inputs", "links", "measured", "signatures", "spec.yaml", "verdicts"]
    )
    assert again.links.to_table().equals(run.links.to_table())
    assert run.links.count_rows() > 50, "the texts must be alike enough to be linked"


@pytest.mark.slow
@pytest.mark.parametrize(
    "settings",
    [
        ("length.num_words.min=22",),
        ("length.num_words.min=45", "length.num_words.review_within=2"),
        ("dedup.near.min_jaccard=0.9", "dedup.prefer=[longest]", "dedup.undecided=keep"),
    ],
    ids=["looser", "stricter", "dedup"],
)
def test_exact_is_what_a_run_of_the_written_spec_comes_to(small, tmp_path, settings):
    folder, run = small
    answer = what_if(run, Question(settings=settings, exact=True, count=1000), progress=silent())
    other = folder / f"{tmp_path.name}.yaml"
    other.write_text(dump_spec(changed_spec(run_spec(run), settings)))
    real = gristmill.run(other, output=str(tmp_path / "run"))
    compared = compare_runs(run, real, count=1000)
    assert answer["result"] == compared["result"]
    assert answer["samples"] == compared["samples"], "the same documents change sides, for the same reasons"
    assert answer["exact"]
    assert answer["samples"], "the settings should change something"


def test_the_estimate_is_exact_for_the_gates_and_near_the_truth_after_deduplication(small):
    _, run = small
    settings = ("length.num_words.min=22",)
    estimate = what_if(run, Question(settings=settings), progress=silent())
    exact = what_if(run, Question(settings=settings, exact=True), progress=silent())
    assert estimate["gates"] == exact["gates"]
    assert not estimate["exact"]
    assert estimate["result"]["after"]["kept"] == pytest.approx(exact["result"]["after"]["kept"], rel=0.15)


def test_deciding_again_wants_an_empty_folder(small, tmp_path):
    _, run = small
    (tmp_path / "note").touch()
    with pytest.raises(InputError) as caught:
        decide_again(run, run_spec(run), tmp_path, progress=silent())
    assert str(caught.value) == f"{tmp_path}: expected an empty folder to decide in, found files"


def test_an_opened_run_answers_as_the_command_does(tmp_path):
    run = judged_run(tmp_path / "run", docs_around("num_words", 5.0, 7.0), EDGES)
    setting = "edges.num_words.min=5"
    answer = gristmill.open_run(tmp_path / "run").whatif(setting, count=2, seed=1)
    assert answer == what_if(run, Question(settings=(setting,), count=2, seed=1), progress=silent())
    assert answer["result"]["removed"]["documents"] == 1
    with pytest.raises(SpecError, match=r"^--set dedup: expected --exact beside it"):
        run.whatif("dedup.near.min_jaccard=0.8")
