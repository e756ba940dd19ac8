import json
from pathlib import Path

import pytest

from curation.errors import InputError, SpecError
from pipelines.questions import answer_text, inspect_run, samples_text, why_document
from pipelines.rundir import Run
from tests.rundirs import Doc, example_docs, identity, write_run

DOCS = example_docs()


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> Run:
    return write_run(tmp_path_factory.mktemp("made") / "run", DOCS, parts=2)


def ids(run: Run, **asked: object) -> set[str]:
    return {sample["document"]["doc_id"] for sample in inspect_run(run, **asked)}


def hexes(*indices: int) -> set[str]:
    return {identity(DOCS, index).hex() for index in indices}


@pytest.mark.parametrize("name", ["one", identity(DOCS, 0).hex(), identity(DOCS, 0).hex()[:8].upper()])
def test_a_document_is_found_by_its_own_id_its_hex_id_and_the_start_of_that(run: Run, name: str):
    (answer,) = why_document(run, name)
    assert answer["document"]["doc_id"] == identity(DOCS, 0).hex()
    assert answer["explanation"] is not None


def test_a_url_is_found_though_its_credentials_were_removed_before_it_was_stored(run: Run):
    (answer,) = why_document(run, "https://user:pass@b.example/")
    assert answer["document"]["url"] == "https://b.example/"


def test_a_url_of_several_documents_lists_them_in_input_order_and_explains_none(run: Run):
    answers = why_document(run, "https://a.example/1")
    assert [answer["document"]["doc_id"] for answer in answers] == [identity(DOCS, 0).hex(), identity(DOCS, 8).hex()]
    assert [answer["explanation"] for answer in answers] == [None, None]
    assert "2 documents match; ask again with one of their ids" in answer_text(answers[0])


def test_an_unknown_document_is_an_error_that_quotes_no_credentials(run: Run):
    with pytest.raises(InputError, match="expected the id") as caught:
        why_document(run, "https://user:secret@nowhere.example/")
    assert "secret" not in str(caught.value)


def test_fewer_than_six_digits_are_no_prefix_of_an_id(run: Run):
    with pytest.raises(InputError):
        why_document(run, identity(DOCS, 0).hex()[:5])


def test_why_names_the_rule_the_value_and_the_threshold_that_decided(run: Run):
    (answer,) = why_document(run, identity(DOCS, 1).hex())
    told = answer["explanation"]
    assert (answer["state"], answer["decided_by"]) == ("dropped", "quality/num_words")
    assert told["failed"] == [{"rule": "quality/num_words", "value": 3.0, "threshold": 50.0, "found": None}]
    assert "failed    quality/num_words: 3, threshold 50" in answer_text(answer)


def test_why_asks_the_gates_so_each_rule_has_an_outcome_and_a_margin(run: Run):
    told = why_document(run, identity(DOCS, 5).hex())[0]["explanation"]
    outcomes = {check["rule"]: (check["outcome"], check["margin"]) for check in told["checks"]}
    assert outcomes["quality/num_words"] == ("passed", 10.0)
    assert outcomes["quality/alpha_word_fraction"] == ("review", pytest.approx(-0.01))
    assert outcomes["language/language"] == ("passed", None)


def test_a_rule_for_english_is_not_applicable_to_a_german_document(run: Run):
    told = why_document(run, identity(DOCS, 7).hex())[0]["explanation"]
    outcomes = {check["rule"]: check["outcome"] for check in told["checks"]}
    assert outcomes["quality/dup_line_fraction"] == "not_applicable"


def test_a_document_exactly_at_a_threshold_passes_in_why_as_it_does_in_the_gate(tmp_path: Path):
    docs = [Doc(signals={"num_words": 50.0}), Doc(signals={"num_words": 49.999999999999993})]
    made = write_run(tmp_path / "run", docs)
    outcomes = [why_document(made, identity(docs, row).hex())[0]["explanation"]["checks"][0] for row in (0, 1)]
    assert [(check["outcome"], check["value"]) for check in outcomes] == [
        ("passed", 50.0),
        ("failed", 49.999999999999993),
    ]


def test_a_duplicate_names_its_cluster_its_survivor_and_how_alike_they_are(run: Run):
    told = why_document(run, identity(DOCS, 3).hex())[0]["explanation"]
    assert told["cluster_id"] == told["survivor"]["doc_id"] == identity(DOCS, 0).hex()
    assert (told["link_kind"], told["link_jaccard"]) == ("near", 0.75)
    assert {member["doc_id"] for member in told["members"]} == hexes(0, 3, 4)
    assert told["members"][0]["doc_id"] == identity(DOCS, 0).hex(), "the earliest member comes first"
    assert told["links"] == [{"doc_id": identity(DOCS, 0).hex(), "kind": "near", "jaccard": 0.75, "threshold": 0.7}]


def test_a_large_cluster_is_cut_and_says_how_large_it_is(tmp_path: Path):
    docs = [Doc(), *(Doc(twin=0, state="dropped", decided_by="dedup/near") for _ in range(120))]
    made = write_run(tmp_path / "run", docs)
    answer = why_document(made, identity(docs, 5).hex())[0]
    assert (answer["explanation"]["num_members"], len(answer["explanation"]["members"])) == (121, 50)
    assert "and 111 more" in answer_text(answer)


def test_an_answer_is_a_json_value(run: Run):
    for index in range(len(DOCS)):
        answers = why_document(run, identity(DOCS, index).hex())
        assert json.loads(json.dumps(answers, allow_nan=False)) == answers


def test_samples_are_chosen_by_state_and_by_a_rule_with_or_without_its_gate(run: Run):
    assert ids(run, state="dropped") == hexes(1, 2, 3, 4, 8)
    assert ids(run, rule="num_words") == ids(run, rule="quality/num_words") == hexes(1, 8)
    assert ids(run, rule="dedup/near") == hexes(3)
    assert ids(run, state="review", rule="alpha_word_fraction") == hexes(5)
    assert ids(run, state="kept", rule="num_words") == set()


def test_a_rule_name_is_text_and_no_pattern(run: Run):
    assert ids(run, rule="%") == ids(run, rule="quality/") == ids(run, rule="' OR 1=1 --") == set()


def test_samples_are_the_same_each_time_and_other_ones_with_another_seed(tmp_path: Path):
    docs = [Doc(path=f"p{index}") for index in range(40)]
    first = write_run(tmp_path / "one", docs, parts=1)
    again = write_run(tmp_path / "two", docs, parts=5)
    chosen = [sample["document"]["doc_id"] for sample in inspect_run(first, count=5)]
    assert chosen == [sample["document"]["doc_id"] for sample in inspect_run(again, count=5)], "parts must not matter"
    assert chosen != [sample["document"]["doc_id"] for sample in inspect_run(first, count=5, seed=1)]


def test_an_unknown_state_is_a_usage_error(run: Run):
    with pytest.raises(SpecError, match="expected one of kept, dropped, review, found 'gone'"):
        inspect_run(run, state="gone")


def test_texts_of_answers_carry_no_escape_or_bidi_character_from_the_data(tmp_path: Path):
    nasty = "\x1b[31m\u202e\u2066 \x07 \x9b"
    failed = {"rule": f"gate/{nasty}", "value": None, "threshold": None, "found": nasty}
    docs = [
        Doc(text=nasty, path=nasty, url=f"https://{nasty}/", user_id="x", license=nasty, language=nasty)
        for _ in range(1)
    ]
    docs += [Doc(text=nasty, state="dropped", decided_by=f"gate/{nasty}", failed=(failed,), review_reasons=(nasty,))]
    made = write_run(tmp_path / "run", docs)
    shown = "\n".join(answer_text(why_document(made, identity(docs, row).hex())[0]) for row in (0, 1))
    shown += samples_text(inspect_run(made))
    assert set(nasty) & set(shown) <= set("[31m "), "controls must be written out"
