"""What `whatif --set` takes, and what it refuses: one line that says what was expected, found and to do."""

from dataclasses import replace

import pytest

from curation.errors import SpecError
from curation.quality.gates import Rule, When
from curation.synthesis.recipes.written import ModelKeys
from curation.verified_children import VERIFICATION
from pipelines.judging import gate_of, gates_of, named_gate, unused_gates
from pipelines.rule_settings import changed_spec
from pipelines.spec import GateSpec, InputSpec, JobSpec, SynthesisSpec

SPEC = JobSpec(
    job="made",
    inputs={"web": InputSpec(files=("data/*",), gates=("quality", "language"))},
    gates={
        "quality": GateSpec(
            preset="gopher_quality",
            rules=(Rule(signal="num_words", min=40), Rule(signal="num_chars", name="num_words.min", max=9)),
        ),
        "language": GateSpec(rules=(Rule(signal="language", one_of=("en",)), Rule(signal="language_score", min=0.5))),
    },
)


def rule(gate, label, *settings):
    changed = changed_spec(SPEC, settings)
    return {rule.label: rule for rule in gate_of(gate, changed.gates[gate]).rules}[label]


@pytest.mark.parametrize(
    ("setting", "label", "expected"),
    [
        ("language.language_score.min=0.7", "language_score", Rule(signal="language_score", min=0.7)),
        ("language.language_score=0.7", "language_score", Rule(signal="language_score", min=0.7)),
        (
            "language.language_score.review_within=0.1",
            "language_score",
            Rule(signal="language_score", min=0.5, review_within=0.1),
        ),
        (
            "language.language_score.action=review",
            "language_score",
            Rule(signal="language_score", min=0.5, action="review"),
        ),
        ("language.language=[en, de]", "language", Rule(signal="language", one_of=("en", "de"))),
        (
            "language.language.when.source=[web]",
            "language",
            Rule(signal="language", one_of=("en",), when=When(source=("web",))),
        ),
    ],
)
def test_a_setting_changes_one_key_of_the_rule_that_it_names(setting, label, expected):
    assert rule("language", label, setting) == expected


def test_a_rule_of_a_preset_is_changed_in_its_place_and_keeps_its_other_bound():
    changed = changed_spec(SPEC, ("quality.mean_word_length.max=8",))
    before, after = (gate_of("quality", spec.gates["quality"]).rules for spec in (SPEC, changed))
    assert [item.label for item in after] == [item.label for item in before], "the order decides which rule is named"
    assert Rule(signal="mean_word_length", min=3, max=8) in after


def test_a_rule_whose_name_looks_like_a_key_is_found_by_its_whole_name():
    assert rule("quality", "num_words.min", "quality.num_words.min.max=5").max == 5


def test_two_settings_are_taken_together_so_both_bounds_may_pass_each_other():
    assert rule(
        "quality", "mean_word_length", "quality.mean_word_length.min=11", "quality.mean_word_length.max=12"
    ) == (Rule(signal="mean_word_length", min=11, max=12))


def test_the_gate_of_what_a_model_writes_is_changed_without_being_in_the_spec_and_stays_whole():
    written = replace(SPEC, synthesis=SynthesisSpec(model=ModelKeys(name="m")))
    before, after = (
        named_gate(VERIFICATION, spec).rules
        for spec in (written, changed_spec(written, ("verification.invented_names.max=4.25",)))
    )
    assert [item.label for item in after] == [item.label for item in before]
    assert set(after) - set(before) == {Rule(signal="invented_names", max=4.25, review_within=1.3)}
    with pytest.raises(SpecError, match=r"expected a gate of the run \(quality, language\), found 'verification'"):
        changed_spec(SPEC, ("verification.invented_names.max=4.25",))


def test_the_gate_of_what_a_model_writes_judges_no_input():
    written = replace(SPEC, synthesis=SynthesisSpec(model=ModelKeys(name="m")))
    listed = replace(
        written,
        inputs={"web": InputSpec(files=("data/*",), gates=("verification",))},
        gates={"verification": GateSpec(rules=(Rule(signal="invented_names", max=4.25),))},
    )
    assert unused_gates(replace(listed, inputs=SPEC.inputs)) == []
    with pytest.raises(SpecError, match=r"^inputs\.web\.gates: expected gates of documents, found 'verification'"):
        gates_of(listed)


def test_keys_of_the_spec_change_which_gates_judge_and_how_copies_are_removed():
    changed = changed_spec(
        SPEC, ("inputs.web.gates=[language]", "dedup.near.min_jaccard=0.9", "dedup.prefer=[longest]")
    )
    assert changed.inputs["web"].gates == ("language",)
    assert changed.dedup.near is not None
    assert (changed.dedup.near.min_jaccard, changed.dedup.prefer) == (0.9, ("longest",))
    assert changed_spec(SPEC, ("dedup.near=null",)).dedup.near is None, "signatures are there and need not be used"
    keyed = replace(SPEC, dedup=replace(SPEC.dedup, exact=("text", "words"), url=True))
    assert changed_spec(keyed, ("dedup.url=false", "dedup.exact=[raw]")).dedup.kinds == ("exact_raw",)


@pytest.mark.parametrize(
    ("setting", "message"),
    [
        (
            "quality.num_words",
            "--set quality.num_words: expected GATE.RULE.KEY=VALUE, for example quality.num_words.min=40",
        ),
        (
            "qualty.num_words.min=40",
            "--set qualty.num_words.min=40: expected a gate of the run (quality, language), found 'qualty'; write "
            "GATE.RULE.KEY=VALUE, for example quality.num_words.min=40, or a key under gates, dedup or "
            "inputs.NAME.gates",
        ),
        (
            "language.num_words.min=40",
            "--set language.num_words.min=40: expected a rule of the gate language (language, language_score), "
            "found 'num_words.min'",
        ),
        (
            "language.language_score.least=40",
            "--set language.language_score.least=40: expected one of the keys min, max, one_of, absent, review_within, action, "
            "when of the rule, found 'least'",
        ),
        (
            "quality.mean_word_length=5",
            "--set quality.mean_word_length=5: expected quality.mean_word_length.min=VALUE or "
            "quality.mean_word_length.max=VALUE, since the rule has both bounds",
        ),
        (
            "language.language_score.min=low",
            "--set gates.language.rules[1].min=low:1:1: gates.language.rules[1].min: expected a number, found 'low'",
        ),
        (
            "inputs.web.weight=2",
            "--set: expected changes of gates, dedup or inputs.NAME.gates only; what else the settings change needs "
            "the text: gristmill run",
        ),
        (
            "dedup.near.ngram=3",
            "--set: expected settings of dedup that the stored signatures answer, found others than they were made with "
            "(shingles, permutations, seed, or what equal documents have in common); measure again: gristmill run",
        ),
        (
            "dedup.url=true",
            "--set: expected settings of dedup that the stored signatures answer, found others than they were made with "
            "(shingles, permutations, seed, or what equal documents have in common); measure again: gristmill run",
        ),
        (
            "gates.language.rules[0].signal=not_measured",
            "gate 'language' reads 'signal.not_measured', which no earlier step adds; columns are",
        ),
    ],
)
def test_a_setting_that_cannot_be_answered_says_what_was_expected(setting, message):
    with pytest.raises(SpecError) as caught:
        changed_spec(SPEC, (setting,))
    assert str(caught.value).startswith(message)
    assert str(caught.value) == message or message.endswith("columns are"), "the list of columns follows"
