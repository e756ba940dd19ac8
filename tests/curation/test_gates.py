import pyarrow as pa
import pytest

from curation.errors import SchemaError, SpecError
from curation.quality.gates import Gate, Rule, When
from curation.quality.presets import preset_rules
from curation.routing import GatesOfSource, judge
from pipelines.report.rules import condition


def documents(values, languages=None, source="web"):
    n = len(values)
    return pa.record_batch(
        {
            "doc_id": pa.array([bytes([i]) * 16 for i in range(n)], pa.binary(16)),
            "source": pa.array([source] * n, pa.string()),
            "domain": pa.array([None] * n, pa.string()),
            "signal.x": pa.array(values, pa.float64()),
            "signal.language": pa.array(languages or ["en"] * n, pa.string()),
        }
    )


def gate(*rules, **settings):
    return Gate(name="g", rules=rules, **settings)


def states(batch, *gates, source="web"):
    return judge(batch, (GatesOfSource(source=source, gates=gates),)).column("state").to_pylist()


@pytest.mark.parametrize("threshold", [0.3, 0.1, 0.65, 1 / 3])
def test_a_value_exactly_at_a_bound_passes_and_the_next_float_beyond_it_fails(threshold):
    above = float.fromhex(threshold.hex()) * (1 + 2**-52)
    assert states(documents([threshold, above]), gate(Rule(signal="x", max=threshold))) == ["kept", "dropped"]


def test_null_is_not_applicable_and_fails_no_rule():
    verdicts = judge(documents([None]), (GatesOfSource(source="web", gates=(gate(Rule(signal="x", min=1)),)),))
    assert verdicts.to_pylist()[0] | {"doc_id": None} == {
        "doc_id": None,
        "state": "kept",
        "decided_by": None,
        "entries": [],
    }


def test_a_drop_names_rule_value_and_threshold():
    verdicts = judge(documents([5.0]), (GatesOfSource(source="web", gates=(gate(Rule(signal="x", max=3)),)),))
    row = verdicts.to_pylist()[0]
    assert row["decided_by"] == "g/x"
    assert row["entries"] == [{"rule": "g/x", "value": 5.0, "threshold": 3.0, "found": None, "action": "drop"}]


def test_values_near_a_bound_go_to_review_on_both_sides_of_it():
    rule = Rule(signal="x", min=1, review_within=0.25)
    assert states(documents([0.7, 0.75, 1.0, 1.25, 1.3]), gate(rule)) == [
        "dropped",
        "review",
        "review",
        "review",
        "kept",
    ]


def test_a_clear_failure_outweighs_any_doubt_and_is_what_decided():
    rules = (Rule(signal="x", min=1, review_within=0.5), Rule(signal="language", one_of=("de",)))
    verdicts = judge(documents([1.2]), (GatesOfSource(source="web", gates=(gate(*rules),)),))
    assert verdicts.column("state").to_pylist() == ["dropped"]
    assert verdicts.column("decided_by").to_pylist() == ["g/language"]


def test_a_rule_for_english_leaves_thai_and_unknown_languages_alone():
    rule = Rule(signal="x", min=10, when=When(language=("en",)))
    assert states(documents([1.0, 1.0, 1.0], ["en", "th", None]), gate(rule)) == ["dropped", "kept", "kept"]


def test_gates_of_one_source_never_judge_another():
    rule = Rule(signal="x", min=10)
    assert states(documents([1.0], source="other"), gate(rule)) == ["kept"]
    assert states(documents([1.0]), gate(rule, when=When(source=("other",)))) == ["kept"]


def test_the_first_gate_in_stage_order_decides():
    first, second = (Gate(name=name, rules=(Rule(signal="x", min=10),)) for name in ("first", "second"))
    verdicts = judge(documents([1.0]), (GatesOfSource(source="web", gates=(first, second)),))
    assert verdicts.column("decided_by").to_pylist() == ["first/x"]
    assert [entry["rule"] for entry in verdicts.column("entries").to_pylist()[0]] == ["first/x", "second/x"]


def test_a_gate_that_reads_a_missing_signal_says_which_and_what_there_is():
    with pytest.raises(SchemaError, match=r"reads 'signal\.y', which no earlier step adds; columns are doc_id, source"):
        gate(Rule(signal="y", min=1)).output_schema(documents([]).schema)


@pytest.mark.parametrize(
    "rule",
    [Rule(signal="x"), Rule(signal="x", min=1, one_of=("a",)), Rule(signal="x", min=1, review_within=-1)],
)
def test_a_rule_without_exactly_one_kind_of_bound_is_refused(rule):
    with pytest.raises(SpecError, match=r"rule 'x': (expected min and/or max, or one_of|review_within)"):
        rule.check()


def test_gopher_presets_hold_the_published_numbers():
    bounds = {
        rule.label: (rule.min, rule.max)
        for name in ("gopher_quality", "gopher_repetition")
        for rule in preset_rules(name)
    }
    assert bounds["num_words"] == (50, 100_000)
    assert bounds["mean_word_length"] == (3, 10)
    assert [bounds[f"dup_{n}gram_char_fraction"][1] for n in range(5, 11)] == [0.15, 0.14, 0.13, 0.12, 0.11, 0.10]
    assert [bounds[f"top_{n}gram_char_fraction"][1] for n in (2, 3, 4)] == [0.20, 0.18, 0.16]


def test_a_text_that_must_be_absent_fails_and_is_quoted_and_null_passes():
    batch = pa.record_batch({"signal.entry": pa.array(["bad.com", None, ""], pa.string())})
    gate = Gate(name="g", rules=(Rule(signal="entry", absent=True),))
    found = gate(batch)["verdict.g"].to_pylist()
    quoted = {"rule": "entry", "value": None, "threshold": None, "action": "drop"}
    assert found == [[quoted | {"found": "bad.com"}], [], [quoted | {"found": ""}]]
    assert condition(gate.rules[0]) == "none"


@pytest.mark.parametrize("wrong", [{"max": 1.0}, {"one_of": ("a",)}])
def test_absent_is_a_bound_of_its_own(wrong):
    with pytest.raises(SpecError) as error:
        Rule(signal="entry", absent=True, **wrong).check()
    assert str(error.value) == "rule 'entry': expected min and/or max, or one_of, or absent; give one kind of bound"
