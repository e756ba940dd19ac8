"""Languages of paragraphs: where paragraphs lie, and when a document is of one language, mixed or undetermined."""

import numpy as np
import pyarrow as pa
import pytest

from curation.kernels.lines import joined_lines, lines
from curation.kernels.words import words
from curation.quality.gates import Gate, Rule, When
from curation.quality.language import load_model
from curation.quality.paragraph_languages import ParagraphLanguages

EN = "The committee met in the old town hall and agreed on the rules for the coming year."
DE = "Der Ausschuss tagte im alten Rathaus und einigte sich auf die Regeln für das kommende Jahr."
RU = "Комитет собрался в старой ратуше и согласовал правила на следующий год."


def measured(*texts, step=None):
    batch = (step or ParagraphLanguages())(pa.record_batch({"text": pa.array(texts, pa.string())}))
    return [{name.removeprefix("signal."): row[name] for name in batch.schema.names[1:]} for row in batch.to_pylist()]


def outcomes(*texts, **settings):
    return [row["language_outcome"] for row in measured(*texts, step=ParagraphLanguages(**settings))]


def test_a_document_in_one_language_has_it_and_a_half_and_half_one_is_mixed():
    one, mixed = measured(f"{EN}\n\n{EN}", f"{EN}\n{DE}")
    assert (one["language_outcome"], one["main_language_fraction"], one["determined_fraction"]) == ("en", 1.0, 1.0)
    assert (mixed["language_outcome"], mixed["determined_fraction"]) == ("mixed", 1.0)
    sizes = len(EN.encode()), len(DE.encode())
    assert mixed["main_language_fraction"] == max(sizes) / sum(sizes)


def test_paragraphs_say_where_they_lie_in_bytes():
    (row,) = measured(f"\n{RU}\n\n{EN}\n")
    start, middle = 1, 1 + len(RU.encode()) + 2
    found = [(paragraph["start"], paragraph["end"], paragraph["language"]) for paragraph in row["paragraph_languages"]]
    assert found == [(start, start + len(RU.encode()), "ru"), (middle, middle + len(EN.encode()), "en")]
    assert all(0.5 < paragraph["score"] <= 1.0 + 1e-4 for paragraph in row["paragraph_languages"])


def test_a_paragraph_is_labelled_as_the_same_text_alone_is():
    (row,) = measured(f"{EN}\n\n\n{DE}\n{RU}")
    label_NK, score_NK = load_model(None, None).best(pa.array([EN, DE, RU]), count=1)
    names, found = load_model(None, None).names, zip(label_NK[:, 0], score_NK[:, 0], strict=True)
    alone = [(names[label].removeprefix("__label__"), score) for label, score in found]
    assert [(p["language"], p["score"]) for p in row["paragraph_languages"]] == alone


def test_short_and_unsure_texts_are_undetermined_and_say_how_much_is_not():
    short, numbers, empty = measured("Yes.", "1 2 3 4 5 6 7 8 9 " * 9, "")
    assert [row["language_outcome"] for row in (short, numbers, empty)] == ["undetermined"] * 3
    assert [row["determined_fraction"] for row in (short, numbers, empty)] == [0.0] * 3
    assert [row["main_language_fraction"] for row in (short, numbers, empty)] == [None] * 3
    assert empty["paragraph_languages"] == []


def test_a_null_text_has_no_outcome():
    assert measured(None, EN)[0] == {
        "language_outcome": None,
        "main_language_fraction": None,
        "determined_fraction": None,
        "paragraph_languages": None,
    }


def test_lines_too_short_to_tell_are_read_together():
    verse = "\n".join(EN.split(" "))
    assert outcomes(verse) == ["en"]
    assert len(measured(verse)[0]["paragraph_languages"]) == 1


@pytest.mark.parametrize(
    ("text", "setting", "at", "beyond", "outcomes_of"),
    [
        (f"{RU}\n{(EN * 2)[: len(RU.encode())]}", "min_main_fraction", 0.5, 0.51, ("en", "mixed")),
        (f"{RU}\n{'1 ' * (len(RU.encode()) // 2)}", "min_determined_fraction", 0.5, 0.51, ("ru", "undetermined")),
        (RU, "min_bytes", len(RU.encode()), len(RU.encode()) + 1, ("ru", "undetermined")),
    ],
)
def test_a_document_exactly_at_a_threshold_is_not_beyond_it(text, setting, at, beyond, outcomes_of):
    assert outcomes(text, **{setting: at}) == [outcomes_of[0]]
    assert outcomes(text, **{setting: beyond}) == [outcomes_of[1]]


def test_a_gate_applies_by_outcome_and_sends_what_is_mixed_to_review():
    step = ParagraphLanguages()
    gate = Gate(
        name="language",
        rules=(
            Rule(signal="main_language_fraction", min=0.8, action="review"),
            Rule(signal="determined_fraction", name="told", min=1.0, when=When(language_outcome=("undetermined",))),
        ),
    )
    batch = gate(step(pa.record_batch({"text": pa.array([EN, f"{EN}\n{DE}", "Yes."])})))
    failed = [[(entry["rule"], entry["action"]) for entry in row] for row in batch["verdict.language"].to_pylist()]
    assert failed == [[], [("main_language_fraction", "review")], [("told", "drop")]]


@pytest.mark.parametrize("min_bytes", [1, 4, 9])
def test_joined_lines_are_those_of_the_definition(min_bytes):
    draw = np.random.default_rng(min_bytes)
    texts = ["".join(draw.choice(list("ab\n"), size)) for size in draw.integers(0, 40, 200)]
    values = np.frombuffer("".join(texts).encode(), dtype=np.uint8)
    offsets = np.cumsum([0, *map(len, texts)], dtype=np.int64)
    start_P, end_P, offsets_N1 = joined_lines(lines(values, offsets, words(values, offsets)), min_bytes)
    for n, text in enumerate(texts):
        found = slice(*offsets_N1[n : n + 2])
        assert list(zip(start_P[found].tolist(), end_P[found].tolist(), strict=True)) == _joined(text, min_bytes), text


def _joined(text, min_bytes):
    """Returns (start, end) of pieces, by the definition."""
    pieces, size, start, at = [], 0, 0, 0
    for line in text.split("\n"):
        if line:
            start = start if size else at
            size += len(line)
            end = at + len(line)
            if size >= min_bytes:
                pieces.append((start, end))
                size = 0
        at += len(line) + 1
    if size:
        pieces = [*pieces[:-1], (pieces[-1][0], end)] if pieces else [(start, end)]
    return pieces
