"""The score of a classifier is what the library's probabilities of the labels come to, calibrated where that is known."""

import dataclasses
import hashlib

import numpy as np
import pyarrow as pa
import pytest

from curation.errors import ArtifactError
from curation.quality.calibration import Calibration
from curation.quality.classifier import read_classifier
from curation.quality.ensembles import Ensemble
from curation.quality.model_files import verified_fasttext
from curation.quality.scores import (
    PACKAGED_CALIBRATION,
    PACKAGED_CALIBRATION_SHA256,
    PACKAGED_MODEL,
    PACKAGED_SHA256,
    ClassifierScore,
    load_scorer,
)
from tests.fasttext_models import drawn_texts, train

TEXTS = [text for _, text in drawn_texts(40, seed=5)] + ["", " \n", "__label__one"]


def batch_of(texts):
    return pa.record_batch({"text": pa.array(texts, pa.string())})


@pytest.fixture(scope="module")
def model(tmp_path_factory):
    folder = tmp_path_factory.mktemp("model")
    train(folder, loss="softmax")
    return folder / "model.bin"


def calibration_of(model, **changes):
    made = Calibration(
        model_sha256=hashlib.sha256(model.read_bytes()).hexdigest(),
        labels={"one": 1.0},
        method="logistic",
        scores=(0.0, 1.0),
        probabilities=(0.25, 0.75),
        bucket_edges=(0.5,),
    )
    path = model.with_name("calibration.json")
    path.write_bytes(dataclasses.replace(made, **changes).to_json())
    return str(path)


def test_the_score_is_the_sum_of_label_probabilities_times_values(model):
    step = ClassifierScore(name="s", model=str(model), labels=(("one", 1.0), ("vier", 3.5)))
    found = step(batch_of(TEXTS))["signal.s"]
    classifier = read_classifier(model.read_bytes(), name="m")
    label_NK, score_NK = classifier.best(pa.array(TEXTS), count=9)
    for n, value in enumerate(found.to_pylist()):
        by_label = dict(zip((classifier.names[label] for label in label_NK[n]), score_NK[n], strict=True))
        if not TEXTS[n].strip():
            assert value is None, "a text without a word has no score"
        else:
            assert value == pytest.approx(by_label["__label__one"] + 3.5 * by_label["__label__vier"], abs=1e-12)


def test_a_calibrated_score_is_the_probability_at_the_score_and_its_bucket_comes_with_it(model):
    raw = ClassifierScore(name="s", model=str(model), labels=(("one", 1.0),))(batch_of(TEXTS))["signal.s"]
    step = ClassifierScore(name="s", model=str(model), calibration=calibration_of(model), buckets=True)
    found = step(batch_of(TEXTS))
    assert found.schema == step.output_schema(batch_of(TEXTS).schema)
    expected = [None if score is None else 0.25 + min(score, 1) / 2 for score in raw.to_pylist()]
    assert found["signal.s"].to_pylist() == pytest.approx(expected)
    assert found["signal.s_bucket"].to_pylist() == [
        None if score is None else float(score >= 0.5) for score in raw.to_pylist()
    ]


def test_a_label_that_the_model_lacks_is_told_with_those_it_has(model):
    with pytest.raises(ArtifactError) as caught:
        ClassifierScore(model=str(model))(batch_of(["a"]))
    names = ", ".join(name.removeprefix("__label__") for name in read_classifier(model.read_bytes(), name="m").names)
    assert (
        str(caught.value)
        == f"{model}: expected the label 'positive', found {names}; name the labels that make the score"
    )


def test_a_calibration_of_another_model_or_of_other_labels_is_refused(model):
    sha256 = hashlib.sha256(model.read_bytes()).hexdigest()
    path = calibration_of(model, model_sha256="b" * 64)
    with pytest.raises(ArtifactError) as caught:
        ClassifierScore(name="other", model=str(model), calibration=path)(batch_of(["a"]))
    assert str(caught.value) == (
        f"{model}: expected the model that its calibration was fitted for (sha256 {'b' * 64}), found {sha256}; calibrate again"
    )
    path = calibration_of(model)
    with pytest.raises(ArtifactError) as caught:
        ClassifierScore(name="labels", model=str(model), calibration=path, labels=(("vier", 1.0),))(batch_of(["a"]))
    assert str(caught.value) == (
        f"{model}: expected the labels that its calibration was fitted for ({{'one': 1.0}}), found {{'vier': 1.0}}; calibrate again"
    )


def test_buckets_need_a_calibration_that_has_edges(model):
    step = ClassifierScore(name="b", model=str(model), calibration=calibration_of(model, bucket_edges=()), buckets=True)
    with pytest.raises(ArtifactError) as caught:
        step(batch_of(["a"]))
    assert str(caught.value) == (
        "b: expected a calibration with bucket edges, found none; gristmill classifier calibrate --reference makes them"
    )


def test_a_model_file_that_is_missing_or_other_than_its_digest_is_told(tmp_path):
    with pytest.raises(ArtifactError) as caught:
        verified_fasttext(tmp_path / "none.ftz", None)
    assert (
        str(caught.value)
        == f"{tmp_path / 'none.ftz'}: expected a fastText model, found none (No such file or directory)"
    )
    path = tmp_path / "a.ftz"
    path.write_bytes(b"a")
    found = hashlib.sha256(b"a").hexdigest()
    with pytest.raises(ArtifactError) as caught:
        verified_fasttext(path, "0" * 64)
    assert str(caught.value) == (
        f"{path}: expected a fastText model of sha256 {'0' * 64}, found {found}; correct path or digest"
    )


def test_the_package_s_model_and_calibration_are_those_that_the_code_names():
    assert hashlib.sha256(PACKAGED_MODEL.read_bytes()).hexdigest() == PACKAGED_SHA256
    assert hashlib.sha256(PACKAGED_CALIBRATION.read_bytes()).hexdigest() == PACKAGED_CALIBRATION_SHA256
    assert PACKAGED_MODEL.stat().st_size < 2_000_000, "it is shipped with every install"


def test_the_package_s_model_tells_reference_text_from_chat():
    reference = (
        "The treaty was signed in 1648 and ended the war in the empire. It recognised the independence of the republic, "
        "and its provisions on religion remained the basis of public law for more than a century."
    )
    chat = "omg lol u wont believe wat he said haha im dead. txt me l8r ok?? free msg 2 win, call now!! rt @friend #fun"
    found = ClassifierScore()(batch_of([reference, chat]))["signal.quality"].to_pylist()
    assert found[0] > 0.9
    assert found[1] < 0.1


def test_scores_do_not_depend_on_the_texts_beside_them():
    scorer = load_scorer(ClassifierScore())
    together, _ = scorer.scores(pa.array(TEXTS))
    alone = [scorer.scores(pa.array([text]))[0][0] for text in TEXTS]
    assert together.tolist() == alone


def members(**columns):
    return pa.record_batch({f"signal.{name}": pa.array(values, pa.float64()) for name, values in columns.items()})


def test_an_ensemble_takes_the_best_or_the_mean_of_the_members_that_apply():
    batch = members(
        a_bucket=[1, 19, None, None], b_bucket=[4, 3, 2, None], a=[0.1, 0.9, None, None], b=[0.3, 0.2, 0.5, None]
    )
    best = Ensemble(name="e", members=("a", "b"))
    assert best(batch)["signal.e"].to_pylist() == [4, 19, 2, None]
    assert best(batch).schema == best.output_schema(batch.schema)
    mean = Ensemble(name="e", members=("a", "b"), of="score", combine="mean")
    assert np.allclose(mean(batch)["signal.e"].to_pylist()[:3], [0.2, 0.55, 0.5])
    assert mean(batch)["signal.e"].to_pylist()[3] is None
