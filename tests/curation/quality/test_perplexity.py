"""The n-gram model is modified Kneser-Ney's, its file is checked, and the signal says how unexpected a text is."""

import dataclasses
import io
import zipfile

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from curation.archive import write_archive
from curation.errors import ArtifactError, SchemaError
from curation.kernels.ngrams import MAX_ORDER
from curation.quality.ngram_model import MIN_ORDER, read_model, scorer_of, write_model
from curation.quality.ngram_training import train_ngrams
from curation.quality.perplexity import ModelOfLanguage, Perplexity
from curation.text.words import words_of
from tests.oracles.ngrams import Oracle

WORDS = ("a", "rose", "is", "thorn", "and", "not")
DOCUMENTS = st.lists(st.lists(st.sampled_from(WORDS), max_size=12), min_size=1, max_size=6).filter(any)
LONG = [[WORDS[value % 6] for value in np.random.default_rng(seed).geometric(0.4, 60)] for seed in range(8)]
UNSEEN = "zzz"


def model_of(documents, **how):
    words = words_of(pa.array([" ".join(document) for document in documents]))
    return train_ngrams(words.word_hash_W, words.word_offsets_N1, **how)


def perplexities(model, documents):
    texts = pa.array([" ".join(document) for document in documents], pa.string())
    return scorer_of(model).perplexities(texts, np.ones(len(texts), np.bool_)).tolist()


@settings(max_examples=60, deadline=None)
@given(
    DOCUMENTS,
    st.lists(st.lists(st.sampled_from((*WORDS, UNSEEN)), min_size=1, max_size=9), max_size=4),
    st.integers(MIN_ORDER, MAX_ORDER),
    st.integers(1, 3),
)
def test_perplexities_are_those_of_the_definition(documents, scored, order, min_count):
    oracle = Oracle(documents, order=order, min_count=min_count)
    found = perplexities(model_of(documents, order=order, min_count=min_count), scored)
    assert found == pytest.approx([oracle.perplexity(document) for document in scored], rel=1e-5)


@pytest.mark.parametrize("order", [3, 4])
def test_discounts_are_estimated_where_the_text_is_large_enough(order):
    oracle = Oracle(LONG, order=order)
    assert any(discounts != (0.5, 1, 1.5) for discounts in oracle.discounts.values()), "the fallback alone is no test"
    expected = [oracle.perplexity(document) for document in LONG]
    assert perplexities(model_of(LONG, order=order), LONG) == pytest.approx(expected, rel=1e-5)


@pytest.mark.parametrize("context", [(), ("rose",), ("a", "rose"), ("not", "thorn"), (UNSEEN, "is")])
def test_probabilities_after_any_context_add_up_to_one(context):
    """p(word | context) is what one more word adds to the sum of a text."""
    model = model_of(LONG, order=3)
    count = len(context)
    before = perplexities(model, [list(context)])[0] ** -count if count else 1.0
    after = perplexities(model, [[*context, word] for word in (*WORDS, UNSEEN)])
    assert sum(value ** -(count + 1) / before for value in after) == pytest.approx(1, abs=1e-5)


def test_the_same_words_give_the_same_file_and_it_reads_back():
    model = dataclasses.replace(model_of(LONG, order=3), cut_offs=(2.5, 9.0))
    content = write_model(model)
    assert content == write_model(dataclasses.replace(model_of(LONG, order=3), cut_offs=(2.5, 9.0)))
    read = read_model(content, name="m.npz")
    assert (read.order, read.unknown, read.cut_offs) == (model.order, model.unknown, model.cut_offs)
    assert np.array_equal(read.hash_G, model.hash_G)
    assert np.array_equal(read.value_G2, model.value_G2)


@pytest.mark.parametrize(("documents", "order"), [([[], []], 2), ([["a"]], 1)])
def test_training_without_a_word_or_on_single_words_is_refused(documents, order):
    with pytest.raises(
        ValueError, match=r"^expected words of documents one after the other, and an order of 2 at least$"
    ):
        model_of(documents, order=order)


def damaged(**changes):
    model = dataclasses.replace(model_of(LONG, order=2), cut_offs=(2.0, 3.0))
    return write_model(dataclasses.replace(model, **changes))


def with_objects():
    file = io.BytesIO()
    np.savez(file, about=np.array([{}], dtype=object))
    return file.getvalue()


def of_huge_claim():
    """A file whose header claims 2^50 hashes, more than any machine has memory for."""
    array, file = io.BytesIO(), io.BytesIO()
    np.lib.format.write_array_header_1_0(array, {"descr": "<u8", "fortran_order": False, "shape": (1 << 50,)})
    with zipfile.ZipFile(io.BytesIO(damaged())) as made, zipfile.ZipFile(file, "w") as changed:
        for name in made.namelist():
            changed.writestr(name, array.getvalue() if name == "hash_G.npy" else made.read(name))
    return file.getvalue()


def of_deep_json():
    file = io.BytesIO()
    np.savez(file, about=np.frombuffer(b"[" * 100_000, dtype=np.uint8), hash_G=MODEL.hash_G, value_G2=MODEL.value_G2)
    return file.getvalue()


MODEL = model_of(LONG, order=2)


@pytest.mark.parametrize(
    ("content", "found"),
    [
        (b"", "BadZipFile: File is not a zip file"),
        (damaged()[:-40], "BadZipFile: File is not a zip file"),
        (with_objects(), "ValueError: about of Python objects"),
        (of_huge_claim(), "ValueError: hash_G of 0 bytes, where uint64 (1125899906842624,) has 9007199254740992"),
        (write_archive({}, {"hash_G": MODEL.hash_G, "value_G2": MODEL.value_G2}), "KeyError: 'format'"),
        (of_deep_json(), "RecursionError: maximum recursion depth exceeded"),
        (damaged(order=9), "ValueError: order 9"),
        (damaged(hash_G=MODEL.hash_G[::-1]), "ValueError: hashes that are none, zero or out of order"),
        (damaged(hash_G=MODEL.hash_G[:0], value_G2=MODEL.value_G2[:0]), "ValueError: hashes that are none, zero or"),
        (damaged(hash_G=MODEL.hash_G.astype(np.int64)), "ValueError: hash_G of int64 ("),
        (damaged(value_G2=MODEL.value_G2[1:]), "ValueError: value_G2 of float32 ("),
        (damaged(value_G2=np.full_like(MODEL.value_G2, np.nan)), "ValueError: logarithms outside [-100, 0]"),
        (damaged(unknown=0.5), "ValueError: logarithms outside [-100, 0]"),
        (damaged(cut_offs=(1.0,)), "ValueError: cut-offs (1.0,)"),
        (damaged(cut_offs=(3.0, 2.0)), "ValueError: cut-offs (3.0, 2.0) out of order"),
    ],
)
def test_a_file_that_is_no_model_is_told(content, found):
    with pytest.raises(ArtifactError) as caught:
        read_model(content, name="m.npz")
    assert str(caught.value).startswith(f"m.npz: expected an n-gram model, found {found}")
    assert str(caught.value).endswith("; gristmill perplexity train makes one")


@pytest.fixture
def folder(tmp_path):
    """Models of two languages: roses are English, thorns German."""
    english, german = model_of([["a", "rose", "is", "a", "rose"]] * 3, order=2), model_of([["thorn"] * 9], order=2)
    (tmp_path / "en.npz").write_bytes(write_model(dataclasses.replace(english, cut_offs=(2.0, 5.0))))
    (tmp_path / "any.npz").write_bytes(write_model(dataclasses.replace(german, cut_offs=(2.0, 5.0))))
    (tmp_path / "bare.npz").write_bytes(write_model(german))
    return tmp_path


def batch_of(texts, languages):
    columns = {"text": pa.array(texts, pa.string()), "signal.language": pa.array(languages, pa.string())}
    return pa.record_batch(columns)


def test_each_text_is_scored_by_the_model_of_its_language_and_falls_into_a_bucket(folder):
    models = [ModelOfLanguage(language=name, model=str(folder / f"{name}.npz")) for name in ("any", "en")]
    step = Perplexity(models=tuple(models))
    texts = ["a rose is a rose", "a rose is", "x y z", "thorn thorn thorn", "a rose", " "]
    batch = batch_of(texts, ["en", "en", "en", "de", None, "en"])
    found = step(batch)
    assert found.schema == step.output_schema(batch.schema)
    assert found["signal.perplexity_bucket"].to_pylist() == ["head", "head", "tail", "head", "tail", None]
    values = found["signal.perplexity"].to_pylist()
    assert values[0] < 2
    assert values[2] > 5
    assert values[5] is None, "a text without a word has no perplexity"


def test_a_language_without_a_model_has_no_perplexity(folder):
    step = Perplexity(models=(ModelOfLanguage(language="en", model=str(folder / "en.npz")),))
    found = step(batch_of(["a rose", "a rose", "a rose"], ["de", None, "en"]))
    assert [value is None for value in found["signal.perplexity"].to_pylist()] == [True, True, False]


def test_a_cut_off_belongs_to_the_better_bucket(folder):
    model = read_model((folder / "any.npz").read_bytes(), name="any")
    exact = perplexities(model, [["thorn", "x"]])[0]
    for cut_offs, bucket in (((exact, 99.0), "head"), ((0.5, exact), "middle"), ((0.4, 0.5), "tail")):
        path = folder / f"{bucket}.npz"
        path.write_bytes(write_model(dataclasses.replace(model, cut_offs=cut_offs)))
        step = Perplexity(models=(ModelOfLanguage(language="any", model=str(path)),))
        assert step(batch_of(["thorn x"], ["de"]))["signal.perplexity_bucket"].to_pylist() == [bucket]


def test_a_model_that_was_not_calibrated_is_refused(folder):
    step = Perplexity(models=(ModelOfLanguage(language="any", model=str(folder / "bare.npz")),))
    with pytest.raises(ArtifactError) as caught:
        step(batch_of(["a"], ["en"]))
    assert str(caught.value) == (
        f"{folder / 'bare.npz'}: expected a model with cut-offs of head and middle, found none; "
        "gristmill perplexity train --calibrate sets them"
    )


def test_only_models_of_languages_read_the_language():
    schema = pa.schema({"text": pa.string()})
    Perplexity(models=(ModelOfLanguage(language="any", model="m"),)).output_schema(schema)
    with pytest.raises(SchemaError, match=r"reads 'signal.language', which no earlier step adds"):
        Perplexity(models=(ModelOfLanguage(language="en", model="m"),)).output_schema(schema)
