"""Labels and scores of models that the library trained, against the library's own."""

import collections
import gzip
import json

import fasttext
import numpy as np
import pyarrow as pa
import pytest

from curation.kernels.fasttext import new_cache
from curation.quality.classifier import read_classifier
from curation.quality.language import PACKAGED_MODEL, load_model
from tests.fasttext_models import drawn_texts, train

TOLERANCE = 1e-4
ODD = (
    "",
    "\n",
    "a",
    "__label__one",
    "__label__one x",
    "</s>",
    "ba </s> ke",
    "ba\0ke\tlo\x0bmi\x0cnu\r\nsha",
    "x" * 5000,
)
ODD += ("__label__", "__label__new ba", "< >", "<ba>", "ไทย" * 50, "\u00a0ba\u2003ke", "ba" * 16, "ba" * 17)
# With dim 10, the default, the five labels' weights are folded into the rows; with 9 they are not.
SUBWORDS = ({"minn": 0, "maxn": 0}, {"minn": 2, "maxn": 5}, {"minn": 1, "maxn": 3, "dim": 9})
QUANTIZED = (
    None,
    {"qnorm": False},
    {"qnorm": True},
    {"qnorm": True, "cutoff": 300},
    {"qnorm": False, "cutoff": 260, "dsub": 3},
    {"qnorm": True, "dsub": 1, "retrain": True, "cutoff": 350, "epoch": 1},
)


def by_library(model, texts, count):
    return [model.f.predict(text.replace("\n", " ") + "\n", count, 0.0, "strict") for text in texts]


def assert_same(classifier, model, texts, *, count):
    """Asserts the library's labels in its order, and its scores."""
    label_NK, score_NK = classifier.best(pa.array(texts), count=count)
    for text, label_K, score_K, theirs in zip(texts, label_NK, score_NK, by_library(model, texts, count), strict=True):
        assert (label_K >= 0).sum() == len(theirs), text
        for label, score, (their_score, their_name) in zip(label_K.tolist(), score_K.tolist(), theirs, strict=False):
            assert abs(score - their_score) <= TOLERANCE, text
            assert classifier.names[label] == their_name, text


def both(folder, **options):
    """Returns (our classifier, the library's) of one trained model."""
    data = train(folder, **options)
    return read_classifier(data, name="model.bin"), fasttext.load_model(str(folder / "model.bin"))


def texts():
    return [text for _, text in drawn_texts(150, seed=2)] + list(ODD)


@pytest.mark.parametrize("loss", ["softmax", "hs", "ova", "ns"])
@pytest.mark.parametrize("word_ngrams", [1, 2, 3])
@pytest.mark.parametrize("subwords", SUBWORDS, ids=str)
def test_a_dense_model_gives_the_labels_and_scores_of_the_library(loss, word_ngrams, subwords, tmp_path):
    classifier, model = both(tmp_path, loss=loss, wordNgrams=word_ngrams, **subwords)
    assert_same(classifier, model, texts(), count=1)
    assert_same(classifier, model, texts(), count=3)


@pytest.mark.parametrize("loss", ["softmax", "hs"])
@pytest.mark.parametrize("quantize", QUANTIZED[1:], ids=str)
@pytest.mark.parametrize(("word_ngrams", "subwords"), [(2, SUBWORDS[1]), (3, SUBWORDS[0])], ids=str)
def test_a_quantised_model_gives_the_labels_and_scores_of_the_library(loss, quantize, word_ngrams, subwords, tmp_path):
    options = {"loss": loss, "wordNgrams": word_ngrams, "quantize": quantize, **subwords}
    assert_same(*both(tmp_path, **options), texts(), count=2)


def test_a_quantised_output_matrix_gives_the_labels_and_scores_of_the_library(tmp_path):
    lines = [f"__label__{i % 300} word{i % 300} {text}\n" for i, (_, text) in enumerate(drawn_texts(900, seed=3))]
    given = tmp_path / "many.txt"
    given.write_text("".join(lines), encoding="utf-8")
    trained = fasttext.train_supervised(
        str(given), dim=9, epoch=9, lr=1.0, thread=1, verbose=0, bucket=300, maxn=3, minn=2
    )
    trained.quantize(input=str(given), qout=True, qnorm=True, thread=1, verbose=0)
    trained.save_model(str(tmp_path / "model.ftz"))
    classifier = read_classifier((tmp_path / "model.ftz").read_bytes(), name="model.ftz")
    assert_same(
        classifier, fasttext.load_model(str(tmp_path / "model.ftz")), [*texts(), "word7", "word211 word3"], count=2
    )


def test_labels_of_another_prefix_are_labels_because_the_dictionary_says_so(tmp_path):
    given = tmp_path / "given.txt"
    given.write_text("@a ba ke\n@b lo mi __label__word\n" * 50, encoding="utf-8")
    trained = fasttext.train_supervised(str(given), label="@", dim=4, epoch=5, thread=1, verbose=0, bucket=0)
    trained.save_model(str(tmp_path / "model.bin"))
    classifier = read_classifier((tmp_path / "model.bin").read_bytes(), name="model.bin")
    model = fasttext.load_model(str(tmp_path / "model.bin"))
    assert_same(classifier, model, ["@a lo", "__label__word", "__label__other lo", "@c ba"], count=2)


def test_the_result_of_a_text_is_the_same_in_every_batch_and_with_every_cache():
    classifier = load_model(None, None)
    given = texts()
    alone = [
        classifier.best(pa.array([text]), count=2, cache=new_cache(classifier.encoder, num_bytes=1)) for text in given
    ]
    labels, scores = (np.concatenate(parts) for parts in zip(*alone, strict=True))
    for batch in (pa.array(given), pa.array(["x", *given, None], pa.large_string()).slice(1, len(given))):
        label_NK, score_NK = classifier.best(batch, count=2)
        assert np.array_equal(label_NK, labels)
        assert np.array_equal(score_NK, scores)


def test_a_thread_that_changes_models_does_not_use_vectors_of_the_other(tmp_path):
    first, _ = both(tmp_path, minn=2, maxn=4)
    second, _ = both(tmp_path, minn=2, maxn=4, seed=7)
    given = pa.array(texts())
    expected = [model.best(given, count=1, cache=new_cache(model.encoder, num_bytes=1)) for model in (first, second)]
    for _ in range(2):
        for model, (label_NK, score_NK) in zip((first, second), expected, strict=True):
            found = model.best(given, count=1)
            assert np.array_equal(found[0], label_NK)
            assert np.array_equal(found[1], score_NK)


@pytest.mark.parametrize(("dim", "is_folded"), [(10, True), (9, False)])
def test_few_labels_are_folded_into_the_rows_and_then_the_file_is_not_kept(dim, is_folded, tmp_path):
    data = train(tmp_path, dim=dim)
    classifier = read_classifier(data, name="model.bin")
    encoder = classifier.encoder
    assert int(encoder.settings.dim) == classifier.labels.weight_LD.shape[1] == (5 if is_folded else dim)
    file = np.frombuffer(data, dtype=np.uint8)
    assert np.shares_memory(encoder.rows.stored, file) is not is_folded
    assert not np.shares_memory(encoder.words.data, file)


def documents_of(corpora):
    """Yields (file's name, its rows) of every corpus of documents."""
    for folder in ("text", "quality", "benchmarks"):
        for path in sorted((corpora / folder).glob("*.jsonl.gz")):
            with gzip.open(path, "rt", encoding="utf-8") as lines:
                yield path.name, [json.loads(line) for line in lines]


@pytest.mark.slow
def test_every_document_of_the_corpora_has_the_language_and_score_that_the_library_gives(corpora):
    classifier, model = load_model(None, None), fasttext.load_model(str(PACKAGED_MODEL))
    num_documents = 0
    for name, rows in documents_of(corpora):
        given = [row["text"] for row in rows if isinstance(row.get("text"), str)]
        label_NK, score_NK = classifier.best(pa.array(given, pa.large_string()), count=1)
        num_documents += len(given)
        for text, label, score, ((theirs, their_name),) in zip(
            given, label_NK[:, 0].tolist(), score_NK[:, 0].tolist(), by_library(model, given, 1), strict=True
        ):
            assert classifier.names[label] == their_name, (name, text[:80])
            assert abs(score - theirs) <= TOLERANCE, (name, text[:80])
    assert num_documents > 100_000


@pytest.mark.slow
def test_each_language_of_udhr_and_tatoeba_is_told_as_often_as_by_the_library(corpora):
    classifier, model = load_model(None, None), fasttext.load_model(str(PACKAGED_MODEL))
    by_file = dict(documents_of(corpora))
    udhr = by_file["udhr.jsonl.gz"]
    short = {row["lang"]: row["bcp47"].partition("-")[0] for row in udhr}  # ISO 639-3 to the labels' 639-1
    for rows in (udhr, by_file["tatoeba_laser.jsonl.gz"]):
        expected = [f"__label__{short.get(row['lang'], row['lang'])}" for row in rows]
        given = [row["text"] for row in rows]
        ours = [classifier.names[label] for label in classifier.best(pa.array(given), count=1)[0][:, 0].tolist()]
        theirs = [name for ((_, name),) in by_library(model, given, 1)]
        right = [
            collections.Counter(e for e, f in zip(expected, found, strict=True) if e == f) for found in (ours, theirs)
        ]
        known = sum(name in classifier.names for name in expected)
        assert right[0] == right[1]
        assert right[0].total() > 0.7 * known, right[0].total() / known
