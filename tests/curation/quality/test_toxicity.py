"""The toxicity model of the package: what it says, beside the library, and how wrong it is on labelled texts."""

import gzip
import hashlib
import json

import fasttext
import numpy as np
import pyarrow as pa
import pytest

from curation.quality.toxicity import MODEL, Toxicity

CARD = json.loads(MODEL.with_suffix(".json").read_text())


def scores(texts, language="en"):
    languages = pa.array([language] * len(texts), pa.string())
    batch = Toxicity()(pa.record_batch({"text": pa.array(texts, pa.string()), "signal.language": languages}))
    return batch["signal.toxicity_score"].to_numpy(zero_copy_only=False)


def rows_of(corpora, name):
    with gzip.open(corpora / name, "rt", encoding="utf-8") as opened:
        return [json.loads(line) for line in opened]


def test_the_card_is_of_the_model_beside_it():
    assert CARD["sha256"] == hashlib.sha256(MODEL.read_bytes()).hexdigest()
    assert [point["threshold"] for point in CARD["held_out"]] == [0.5, 0.8, 0.9]


def test_abuse_scores_high_prose_low_and_other_languages_not_at_all():
    abuse, prose, nothing = scores(
        ["Shut up, you stupid BITCH!!!", "The committee meets on Monday to talk of roads.", "!?"]
    )
    assert abuse > 0.9
    assert prose < 0.1
    assert np.isnan(nothing)
    assert np.isnan(scores(["Shut up, you stupid bitch"], language="de")).all()


def test_scores_are_the_librarys_on_words_in_lower_case(corpora):
    texts = [row["text"] for row in rows_of(corpora, "quality/hatecheck.jsonl.gz")[:300]]
    model = fasttext.load_model(str(MODEL))
    plain = [" ".join(_words(text)) for text in texts]
    expected = [dict(zip(*model.predict(text, k=2), strict=True))["__label__toxic"] for text in plain]
    assert np.abs(scores(texts) - expected).max() < 1e-4


def _words(text):
    return "".join(character if character.isalnum() or character == "_" else " " for character in text.lower()).split()


def test_on_hatecheck_a_third_of_what_is_not_hateful_is_flagged_and_the_documentation_says_so(corpora, repository):
    rows = rows_of(corpora, "quality/hatecheck.jsonl.gz")
    above = scores([row["text"] for row in rows]) > 0.9
    fine = np.array([row["label"] == "non-hateful" for row in rows])
    assert (fine.sum(), above[fine].sum(), above[~fine].sum()) == (1165, 339, 581)
    assert "| all that is not hateful | 1,165 | 216 | 154 | 339 |" in (repository / "docs" / "toxicity.md").read_text()


@pytest.mark.parametrize("name", ["text/medquad_qa.jsonl.gz", "text/xquad_wiki.jsonl.gz"])
def test_articles_are_not_flagged(corpora, name):
    texts = [row["text"] for row in rows_of(corpora, name) if row.get("lang", "en") == "en"]
    assert np.mean(scores(texts) > 0.9) < 0.005
