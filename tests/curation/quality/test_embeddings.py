"""A linear head on an encoder's vectors: the arithmetic by hand, on an encoder that is a table."""

import hashlib
import json
import math

import numpy as np
import pyarrow as pa
import pytest

from curation.errors import ArtifactError
from curation.quality.calibration import Calibration
from curation.quality.embeddings import EmbeddingScore, read_head
from tests.onnx_encoder import VECTORS, WORDS, write_encoder

SHAPE = "c.json: expected a head (JSON with the format 'gristmill-linear-head-1' and bias, max_tokens, normalize, pooling, sigmoid, weights), found something else"
GOOD = {
    "format": "gristmill-linear-head-1",
    "pooling": "mean",
    "normalize": True,
    "max_tokens": 4,
    "weights": [1.0],
    "bias": 0,
    "sigmoid": True,
}


def scores_of(step, *texts):
    return step(pa.record_batch({"text": pa.array(texts, pa.string())}))[f"signal.{step.name}"].to_pylist()


def vector_of(text):
    return np.array([VECTORS[WORDS.index(word) if word in WORDS else 0] for word in text.split()], dtype=np.float64)


@pytest.mark.parametrize("pooling", ["mean", "first"])
@pytest.mark.parametrize("normalize", [True, False])
@pytest.mark.parametrize("sigmoid", [True, False])
def test_the_score_is_the_head_s_function_of_the_pooled_vector(pooling, normalize, sigmoid, tmp_path):
    step = EmbeddingScore(**write_encoder(tmp_path, pooling=pooling, normalize=normalize, sigmoid=sigmoid))
    for text in ("good word", "the bad unknown word", "good"):
        vector = vector_of(text).mean(axis=0) if pooling == "mean" else vector_of(text)[0]
        vector = vector / np.linalg.norm(vector) if normalize else vector
        linear = float(vector @ np.array([1.0, 2.0, 4.0])) + 0.5
        assert scores_of(step, text)[0] == pytest.approx(1 / (1 + math.exp(-linear)) if sigmoid else linear)


def test_what_follows_the_last_token_is_not_read_and_no_word_means_no_score(tmp_path):
    step = EmbeddingScore(**write_encoder(tmp_path, max_tokens=2))
    cut, whole, nothing = scores_of(step, "good word", "good word bad bad bad", " \n")
    assert cut == whole
    assert nothing is None


def test_a_score_does_not_depend_on_the_texts_beside_it(tmp_path):
    step = EmbeddingScore(**write_encoder(tmp_path))
    texts = ["good", "bad the word", "the " * 30, "x"]
    assert scores_of(step, *texts) == [scores_of(step, text)[0] for text in texts]


def test_a_calibration_of_the_head_makes_probabilities_and_buckets(tmp_path):
    files = write_encoder(tmp_path)
    sha256 = hashlib.sha256((tmp_path / "head.json").read_bytes()).hexdigest()
    knots = Calibration(
        model_sha256=sha256,
        labels={},
        method="logistic",
        scores=(-8.0, 8.0),
        probabilities=(0.0, 1.0),
        bucket_edges=(0.0,),
    )
    (tmp_path / "calibration.json").write_bytes(knots.to_json())
    step = EmbeddingScore(**files, calibration=str(tmp_path / "calibration.json"), buckets=True)
    found = step(pa.record_batch({"text": pa.array(["good", "bad"])}))
    assert found["signal.embedding"].to_pylist() == pytest.approx([(2.5 + 8) / 16, (8.0 + 8) / 16])
    assert found["signal.embedding_bucket"].to_pylist() == [1.0, 1.0]


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"{", SHAPE),
        (json.dumps(GOOD | {"more": 1}).encode(), SHAPE),
        (
            json.dumps(GOOD | {"weights": []}).encode(),
            "c.json: expected 1 to 65536 finite weights and a finite bias, found others",
        ),
        (
            json.dumps(GOOD | {"weights": [1e400]}).encode(),
            "c.json: expected 1 to 65536 finite weights and a finite bias, found others",
        ),
        (
            json.dumps(GOOD | {"max_tokens": 0}).encode(),
            "c.json: max_tokens: expected a whole number in [1, 65536], found 0",
        ),
        (
            json.dumps(GOOD | {"pooling": "last"}).encode(),
            "c.json: expected pooling mean or first, and normalize and sigmoid true or false, found others",
        ),
    ],
)
def test_a_head_that_is_none_is_refused_with_the_reason(content, message):
    with pytest.raises(ArtifactError) as caught:
        read_head(content, name="c.json")
    assert str(caught.value) == message


def test_a_vector_of_another_size_than_the_weights_is_told(tmp_path):
    step = EmbeddingScore(**write_encoder(tmp_path, weights=[1.0, 2.0]))
    with pytest.raises(ArtifactError) as caught:
        scores_of(step, "good")
    assert str(caught.value) == f"{tmp_path / 'head.json'}: expected a vector of 2 numbers, found shape (3,)"


def test_a_file_that_is_no_model_is_told(tmp_path):
    files = write_encoder(tmp_path)
    (tmp_path / "encoder.onnx").write_bytes(b"no model")
    with pytest.raises(ArtifactError) as caught:
        scores_of(EmbeddingScore(**files), "good")
    assert str(caught.value).startswith(
        f"{files['encoder']}, {files['tokenizer']}: expected an ONNX encoder and a tokenizer.json, found others ("
    )
