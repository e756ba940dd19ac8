"""Classifiers named in a spec: their scores in a run, gates and whatif on them, and what the fingerprint covers."""

import json
from dataclasses import replace

import numpy as np
import pytest

from curation.errors import ArtifactError, SchemaError, SpecError
from curation.quality.scores import ClassifierScore
from pipelines.classifiers.examples import Source, Splitting, examples_of, read_sources
from pipelines.classifiers.fitting import Training, fit_calibration
from pipelines.classifiers.training import Wish, train_classifier, write_classifier
from pipelines.job import run_job
from pipelines.progress import silent
from pipelines.run_plan import plan_run
from pipelines.rundir import open_run
from pipelines.scoring import score_steps
from pipelines.spec import Columns
from pipelines.spec_file import load_spec, parse_spec
from pipelines.spec_paths import moved
from pipelines.whatif import Question, what_if
from tests.labelled_texts import drawn_rows, write_jsonl
from tests.onnx_encoder import write_encoder

REFERENCE = (
    "The treaty was signed in 1648 and ended the war in the empire. It recognised the independence of the republic, "
    "and its provisions on religion remained the basis of public law for more than a century."
)
CHAT = "omg lol u wont believe wat he said haha im dead. txt me l8r ok?? free msg 2 win, call now!! rt @friend #fun"
GERMAN = "Der Vertrag wurde im Jahr 1648 unterzeichnet und beendete den Krieg, der dreißig Jahre gedauert hatte."
SPEC = """
job: scored
inputs: {texts: {files: [texts.jsonl], gates: [quality]}}
signals: [language]
quality_model: default
classifiers:
  plain: {model: models/model.ftz}
  told: {model: models/model.ftz, calibration: models/buckets.json, labels: {positive: 1}, languages: [en]}
embeddings:
  vector: {encoder: onnx/encoder.onnx, tokenizer: onnx/tokenizer.json, head: onnx/head.json}
ensembles:
  best: {members: [told]}
  both: {members: [plain, told], of: score, combine: mean}
gates:
  quality: {rules: [{signal: quality, min: 0.5, when: {language: [en]}}]}
validation: {fraction: 0}
runner: {mode: in_memory, workers: 1}
"""


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """A folder with texts, a trained model, an encoder, and the run of SPEC."""
    made = tmp_path_factory.mktemp("scored")
    write_jsonl(
        made / "texts.jsonl", [{"id": str(n), "text": text} for n, text in enumerate((REFERENCE, CHAT, GERMAN))]
    )
    sources = [
        Source(
            name=name, files=str(write_jsonl(made / f"{name}.jsonl", drawn_rows(name, 120))), is_positive=name == "good"
        )
        for name in ("good", "bad")
    ]
    examples = examples_of([read_sources(sources, Columns())], Splitting())
    trained = train_classifier(examples, Wish(training=Training(dim=8, epochs=5, buckets=2000, kept_rows=600)))
    write_classifier(trained, examples, made / "models")
    draw = np.random.default_rng(0).random(100)
    knots = fit_calibration(draw, draw > 0.4, model=trained.model, labels={"positive": 1.0}, reference_M=draw)
    (made / "models" / "buckets.json").write_bytes(knots.to_json())
    write_encoder(made / "onnx")
    (made / "job.yaml").write_text(SPEC)
    run_job(
        load_spec(made / "job.yaml"),
        spec_path=made / "job.yaml",
        output=str(made / "run"),
        limit=None,
        settings=(),
        progress=silent(),
    )
    return made


@pytest.fixture(scope="module")
def measured(folder):
    """Signals by name, in the order of the texts."""
    return open_run(folder / "run").dataset("measured").to_table().to_pydict()


def test_the_quality_model_scores_english_and_nothing_else(measured):
    reference, chat, german = measured["signal.quality"]
    assert reference > 0.9
    assert chat < 0.1
    assert german is None, "the package's model knows English only"


def test_every_classifier_of_the_spec_is_a_signal(measured):
    assert all(0 <= value <= 1.00002 for value in measured["signal.plain"])
    assert measured["signal.told"][2] is None, "languages says English only"
    assert measured["signal.told"][0] != measured["signal.plain"][0], "one is calibrated, the other not"
    assert all(isinstance(value, float) for value in measured["signal.vector"])


def test_ensembles_combine_buckets_or_scores(measured):
    assert measured["signal.best"] == measured["signal.told_bucket"]
    plain, told = measured["signal.plain"], measured["signal.told"]
    assert measured["signal.both"] == [(plain[0] + told[0]) / 2, (plain[1] + told[1]) / 2, plain[2]]


def test_a_gate_on_the_probability_decides_and_whatif_answers_another_threshold_without_the_text(folder):
    run = open_run(folder / "run")
    states = [row["state"] for row in run.dataset("decisions").to_table(columns=["state"]).to_pylist()]
    assert states == ["kept", "dropped", "kept"]
    reference = run.dataset("measured").to_table(columns=["signal.quality"]).to_pydict()["signal.quality"][0]
    for threshold, kept in ((0.0, 3), (reference, 2), (float(np.nextafter(reference, 1)), 1)):
        question = Question(settings=(f"quality.quality.min={threshold!r}",))
        assert what_if(run, question, progress=silent())["gates"]["after"]["kept"] == kept, threshold


def test_the_fingerprint_changes_with_a_file_and_not_with_its_place(folder, tmp_path):
    def fingerprint(spec, root):
        return plan_run(spec, root=root).fingerprint

    spec = load_spec(folder / "job.yaml")
    before = fingerprint(spec, folder)
    assert fingerprint(moved(spec, root=folder, folder=tmp_path), tmp_path) == before
    other = replace(spec.classifiers["told"], calibration="models/calibration.json")
    assert fingerprint(replace(spec, classifiers=spec.classifiers | {"told": other}, ensembles={}), folder) != before
    assert (
        fingerprint(
            replace(spec, quality_model=None, gates={}, inputs={"texts": replace(spec.inputs["texts"], gates=())}),
            folder,
        )
        != before
    )


def test_a_file_with_another_digest_than_the_spec_says_is_refused_before_anything_starts(folder):
    spec = load_spec(folder / "job.yaml", settings=(f"classifiers.plain.sha256='{'0' * 64}'",))
    with pytest.raises(ArtifactError, match=r"models/model.ftz: expected sha256 0{64}, found "):
        plan_run(spec, root=folder)


def test_a_quality_model_without_the_language_is_a_spec_error():
    spec = parse_spec(b"job: a\ninputs: {x: {files: [a]}}\nsignals: []\nquality_model: default\n", name="a.yaml")
    with pytest.raises(SchemaError) as caught:
        plan_run(spec, root=None)
    assert "(ClassifierScore) reads 'signal.language', which no earlier step adds" in str(caught.value)


@pytest.mark.parametrize(
    ("lines", "message"),
    [
        (
            "classifiers: {a: {model: 'https://m.example/a.bin'}}",
            "classifiers.a.sha256: expected the sha256 of the file that is named beside it, found none",
        ),
        (
            "classifiers: {a: {model: m.bin, calibration: c.json, calibration_sha256: x}}",
            "classifiers.a.calibration_sha256: expected 64 hexadecimal digits, found 'x'",
        ),
        (
            "ensembles: {e: {members: [a]}}",
            "ensembles.e.members[0]: expected a classifier that the spec has (it has none), found 'a'",
        ),
        ("ensembles: {e: {members: []}}", "ensembles.e.members: expected at least one classifier, found none"),
        (
            "quality_model: default\nclassifiers: {quality: {model: m.bin}}",
            "classifiers.quality: expected names of classifiers that differ, found 'quality' twice",
        ),
        ("quality_model: best", "quality_model: expected one of default, found 'best'"),
        (
            "classifiers: {a b: {model: m.bin}}",
            "classifiers.a b: expected a name of at most 64 letters, digits, - and _, found 'a b'",
        ),
    ],
)
def test_what_is_wrong_with_classifiers_is_told_with_its_place(lines, message):
    with pytest.raises(SpecError) as caught:
        parse_spec(f"job: a\ninputs: {{x: {{files: [a]}}}}\n{lines}\n".encode(), name="a.yaml")
    assert str(caught.value).split(": ", 1)[1] == message


def test_a_prefix_of_labels_may_be_written_or_left_out():
    specs = [
        parse_spec(
            f"job: a\ninputs: {{x: {{files: [a]}}}}\nclassifiers: {{c: {{model: m.bin, labels: {{{label}: 1}}}}}}\n".encode(),
            name="a",
        )
        for label in ("hq", "__label__hq")
    ]
    steps = [score_steps(spec, {}) for spec in specs]
    assert steps[0] == steps[1] == (ClassifierScore(name="c", model="m.bin", labels=(("hq", 1.0),)),)


def test_a_spec_with_classifiers_survives_its_run(folder):
    assert json.loads((folder / "run" / "manifest.json").read_text())["counts"]["read"] == 3
    stored = parse_spec((folder / "run" / "spec.yaml").read_bytes(), name="spec.yaml")
    assert stored.classifiers == load_spec(folder / "job.yaml").classifiers
