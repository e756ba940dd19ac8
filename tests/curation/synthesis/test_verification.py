"""Children held against their parents: facts, negations, overlap, residue, and planted faults of real paragraphs."""

import gzip
import json
import sys
from collections import Counter

import pyarrow as pa
import pytest

from curation.identity import doc_ids
from curation.privacy.personal_data import PersonalData
from curation.quality.language import Language
from curation.step import Plan
from curation.synthesis.verification.facts import KnownWords, Measure, facts_of, numbers_in
from curation.verified_children import verification_gate, verification_steps

PARENT = (
    "Marie Curie moved to Paris in November 1891 and studied physics there for three years. She did not stop working "
    "when her laboratory measured only 12 square meters. The chemist Pierre Curie married her in July 1895."
)
FAITHFUL = (
    "In November 1891 the move to Paris came; Marie Curie spent three years on physics. That a laboratory of 12 square "
    "meters was small did not stop her from working. She and Pierre Curie were wed in July 1895."
)
MEASURED = (Language(), PersonalData(), *verification_steps(language=Language(), personal_data=True))
PLAN = Plan(phases=((*MEASURED, verification_gate(personal_data=True)),))


def judged(*pairs, model="m"):
    columns = {
        "doc_id": pa.array(doc_ids("t", "t", range(len(pairs))), pa.binary(16)),
        "text": pa.array([child for child, _ in pairs], pa.string()),
        "parent_text": pa.array([parent for _, parent in pairs], pa.string()),
        "model": pa.array([model] * len(pairs), pa.string()),
        "template": pa.array(["simple/1"] * len(pairs), pa.string()),
    }
    return PLAN(pa.record_batch(columns))


def failed(child, parent=PARENT):
    return {entry["rule"]: entry["action"] for entry in judged((child, parent))["verdict.verification"][0].as_py()}


def test_a_faithful_rewriting_fails_nothing():
    assert failed(FAITHFUL) == {}


@pytest.mark.parametrize(
    ("child", "rule", "action"),
    [
        (FAITHFUL.replace("1891", "1894"), "invented_numbers", "review"),
        (FAITHFUL.replace("1891", "1894").replace("1895", "1899"), "invented_numbers", "drop"),
        (FAITHFUL.replace("November", "August"), "invented_months", "review"),
        (FAITHFUL.replace("square meters", "square miles"), "invented_units", "review"),
        (FAITHFUL.replace("Pierre", "Johann"), "invented_names", "review"),
        (FAITHFUL + " Ask Albert Einstein, Niels Bohr or Max Planck.", "invented_names", "drop"),
        (FAITHFUL + " Write to anna.keller@firma.de.", "invented_pii", "drop"),
        ("I'm sorry, but I can't help with that. " + FAITHFUL, "refusals", "drop"),
        ("Here is the rewritten passage:\n\n" + FAITHFUL, "template_residue", "drop"),
        ("Overarbejdet version nedenfor:\n\n" + FAITHFUL, "template_residue", "drop"),
        ("The passage has an important message. " + FAITHFUL, "template_residue", "drop"),
        (FAITHFUL + "<|im_end|>", "template_residue", "drop"),
        (PARENT, "copied_fraction", "drop"),
        ("She went.", "length_ratio", "drop"),
        (FAITHFUL + " She never gave up on it at all." * 6, "repeated_fraction", "drop"),
        ("Im November 1891 zog Marie Curie nach Paris und studierte dort drei Jahre lang Physik.", "language_kept", "drop"),
        ("Tomatoes need sunlight, water and fertile soil throughout summer. " * 2, "shared_words_fraction", "drop"),
        (PARENT.replace("did not stop working", "stopped working right away").replace("chemist", "man"), "changed_negations", "review"),
    ],
)  # fmt: skip
def test_a_fault_fails_the_rule_that_looks_for_it(child, rule, action):
    assert failed(child).get(rule) == action


def test_nothing_is_measured_of_what_no_model_wrote_or_has_no_parent():
    for batch in (judged((PARENT, PARENT), model=None), judged((PARENT, None))):
        signals = [name for name in batch.schema.names if name.startswith("signal.")]
        mine = [name for name in signals if "pii" not in name and "language" not in name]
        assert {name: batch[name][0].as_py() for name in mine} == dict.fromkeys(mine)
        assert batch["signal.invented_pii"][0].as_py() is None
        assert batch["verdict.verification"][0].as_py() == []


def test_a_task_in_another_language_than_its_document_is_dropped_and_one_of_an_unsure_document_is_not():
    english = "The river rises in the hills above the town and feeds three reservoirs, which hold water for the summer."
    spanish = (
        "El río nace en las montañas que están sobre la ciudad y alimenta tres embalses que guardan agua para el verano. "
        "La orden siguiente muestra todos los archivos de la carpeta, también los que están ocultos."
    )
    unsure = "xkcd qwrt 4711 zzz 0x7f kthx"
    batch = pa.record_batch(
        {
            "doc_id": pa.array([bytes([number]) * 16 for number in range(4)], pa.binary(16)),
            "text": [english, spanish, english, english],
            "parent_text": [spanish, spanish, unsure, None],
            "model": pa.nulls(4, pa.string()),
        }
    )
    steps = verification_steps(language=Language(), personal_data=False, written=False)
    gate = verification_gate(personal_data=False, written=False)
    plan = Plan(phases=((Language(), *steps, gate),))
    failed = [[entry["rule"] for entry in entries] for entries in plan(batch)["verdict.verification"].to_pylist()]
    assert failed == [["language_kept"], [], [], []]


def test_a_mark_that_the_parent_has_too_is_the_parents():
    parent = PARENT + " The template says {{name}}."
    assert "template_residue" not in failed(FAITHFUL + " In the template, {{name}}.", parent)


@pytest.mark.parametrize(
    ("written", "numbers"),
    [
        ("1,234,567", ["1234567"]),
        ("1.234,50", ["1234.5"]),
        ("1,234.5", ["1234.5"]),
        ("12 000", ["12000"]),
        ("3.14", ["3.14"]),
        ("15.03.1990", ["15", "3", "1990"]),
        ("10:45", ["10", "45"]),
        ("٢٠٢٤", ["2024"]),
        ("007", ["7"]),
    ],
)
def test_numbers_are_read_whatever_their_grouping_and_digits(written, numbers):
    assert numbers_in(written) == numbers


@pytest.mark.parametrize(
    ("text", "language", "months", "measures"),
    [
        ("It may rain. On 3 May 2001 it did, 40 km away.", "en", {5}, {("40", "length-kilometer")}),
        ("Am 3. März 2001 kostete es 5 Millionen.", "de", {3}, {("5", "magnitude-6")}),
        ("В январе 10 марта выпало 30 мм.", "ru", {3}, {("30", "length-millimeter")}),
        ("十二月下了30毫米的雨", "zh", set(), {("30", "length-millimeter")}),
        ("$5 and 7 % of it", "en", set(), {("5", "currency-usd"), ("7", "concentr-percent")}),
    ],
)
def test_months_and_units_are_found_by_language(text, language, months, measures):
    found = facts_of(text, language)
    assert (set(found.months), set(found.measures)) == (months, {Measure(*one) for one in measures})


def test_names_are_capitals_inside_sentences_and_in_german_only_beside_another():
    assert facts_of("Here Tesla met Westinghouse. The end.", "en").names == ("Tesla", "Westinghouse")
    assert facts_of("Dort traf der Mann Nikola Tesla im Haus.", "de").names == ("Mann", "Nikola", "Tesla")
    assert facts_of("Dort traf Tesla einen Mann.", "de").names == ()


def test_a_name_is_known_in_another_case_and_as_an_acronym():
    words = KnownWords("Москва и National Football League")
    assert [words.has(name) for name in ("Москве", "NFL", "Football's", "Berlin")] == [True, True, True, False]


@pytest.fixture(scope="module")
def planted(corpora, repository):
    sys.path.insert(0, str(repository / "infra" / "benchmarks"))
    try:
        import planted_faults
        import verification as benchmark
    finally:
        sys.path.pop(0)
    with gzip.open(corpora / "text" / "xquad_wiki.jsonl.gz", "rt", encoding="utf-8") as lines:
        rows = [json.loads(line) for line in lines]
    paragraphs = [
        planted_faults.Paragraph(
            key=row["id"].partition(".")[2], title=row["title"], language=row["lang"], text=row["text"]
        )
        for row in rows
        if int(row["id"].rpartition(".")[2]) < 2 and sum(map(ord, row["title"])) % 4 == 0
    ]
    planter = planted_faults.Planter(paragraphs)
    children = [child for parent in paragraphs for child in planter.children(parent)]
    return benchmark, children, benchmark.rules_failed([(child.text, child.parent.text) for child in children])


def test_planted_faults_of_real_paragraphs_are_found_in_five_languages(planted):
    benchmark, children, rules = planted
    assert {child.parent.language for child in children} == {"en", "de", "es", "ru", "zh"}
    number, found = Counter(child.kind for child in children), Counter()
    for child, failing in zip(children, rules, strict=True):
        found[child.kind] += benchmark.LOOKED_FOR_BY.get(child.kind, "") in failing
    assert set(benchmark.LOOKED_FOR_BY) < set(number), "a kind was planted nowhere"
    low = {kind: found[kind] / number[kind] for kind in benchmark.LOOKED_FOR_BY if found[kind] < 0.75 * number[kind]}
    assert low == {}


def test_clean_children_of_real_paragraphs_are_rarely_stopped(planted):
    _, children, rules = planted
    clean = [failing for child, failing in zip(children, rules, strict=True) if child.kind == "clean"]
    assert sum(map(bool, clean)) <= 0.12 * len(clean)
