"""`gristmill perplexity train` writes the same model for the same documents, and a run ranks texts by it."""

import hashlib
import json

import numpy as np
import pytest

from curation.errors import SpecError
from curation.quality.ngram_model import read_model
from pipelines.command.main import main
from pipelines.measuring import measured_schema
from pipelines.run_plan import plan_run
from pipelines.rundir import open_run
from pipelines.shards_checks import check_scores
from pipelines.spec_file import load_spec, parse_spec
from pipelines.spec_paths import moved

SPEC = """
job: ranked
inputs: {{texts: {{files: [web.jsonl], gates: [like]}}}}
signals: [language]
perplexity:
  any: {{model: model.npz, sha256: {sha256}}}
gates:
  like: {{rules: [{{signal: perplexity_bucket, one_of: [head, middle]}}, {{signal: perplexity, max: 1000000}}]}}
dedup: {{near: null}}
validation: {{fraction: 0}}
runner: {{mode: in_memory, workers: 1}}
"""
KNOWN = "the cat sat on the mat and the dog lay by the door"


def write_texts(path, texts):
    path.write_text("".join(json.dumps({"text": text}) + "\n" for text in texts))
    return str(path)


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """Documents, a model trained on some of them, and the run of SPEC."""
    made = tmp_path_factory.mktemp("perplexity")
    write_texts(made / "wiki.jsonl", [KNOWN] * 3 + ["a dog sat on a cat"])
    write_texts(made / "web.jsonl", [KNOWN, "the dog sat by the mat today", "buy pills now"])
    assert main(train(made, "model.npz")) == 0
    digest = hashlib.sha256((made / "model.npz").read_bytes()).hexdigest()
    (made / "job.yaml").write_text(SPEC.format(sha256=digest))
    assert main(["run", str(made / "job.yaml"), "--output", str(made / "run")]) == 0
    return made


def train(folder, output, *options):
    files = [str(folder / "wiki.jsonl"), "--calibrate", str(folder / "web.jsonl")]
    return ["perplexity", "train", *files, "-o", str(folder / output), *options]


def test_twice_gives_the_same_bytes_and_an_existing_file_is_kept(folder, capfd):
    assert main(train(folder, "again.npz", "--json")) == 0
    facts = json.loads(capfd.readouterr().out)
    assert (folder / "again.npz").read_bytes() == (folder / "model.npz").read_bytes()
    assert facts["sha256"] == hashlib.sha256((folder / "again.npz").read_bytes()).hexdigest()
    assert (facts["documents"], facts["words"], facts["calibrating_documents"]) == (4, 45, 3)
    assert main(train(folder, "again.npz")) == 2
    assert f"{folder / 'again.npz'} exists already; choose another name with -o, or --force" in capfd.readouterr().err


def test_options_change_what_is_trained_on(folder, capfd):
    assert main(train(folder, "o.npz", "--order", "2", "--max-bytes", str(2 * len(KNOWN)), "--json")) == 0
    facts = json.loads(capfd.readouterr().out)
    assert (facts["documents"], facts["text_bytes"]) == (2, 2 * len(KNOWN))
    assert read_model((folder / "o.npz").read_bytes(), name="o").order == 2
    assert main(train(folder, "o.npz", "--max-bytes", "5", "--force")) == 2
    assert capfd.readouterr().err == (
        f"error: {folder / 'wiki.jsonl'}: expected documents with words within 5 bytes of text, found none\n"
    )


def test_a_language_takes_only_its_documents(folder, capfd):
    english, german = "The weather was fine and they walked home.", "Das Wetter war schön und sie gingen nach Hause."
    both = write_texts(folder / "both.jsonl", [english, german] * 3)
    command = ["perplexity", "train", both, "--calibrate", both, "-o", str(folder / "language.npz"), "--force"]
    assert main([*command, "--language", "de", "--json"]) == 0
    facts = json.loads(capfd.readouterr().out)
    assert (facts["documents"], facts["text_bytes"]) == (3, 3 * len(german.encode()))
    assert main([*command, "--language", "fr"]) == 2
    assert capfd.readouterr().err == (
        f"error: {both}: expected documents with words in language fr within 67108864 bytes of text, found none\n"
    )


def test_two_documents_have_no_thirds(folder, capfd):
    few = write_texts(folder / "few.jsonl", ["a", "b", "..."])
    assert main(["perplexity", "train", few, "--calibrate", few, "-o", str(folder / "few.npz")]) == 2
    assert capfd.readouterr().err == f"error: --calibrate {few}: expected at least 3 documents with words, found 2\n"
    assert not (folder / "few.npz").exists()


def test_a_run_buckets_by_the_thirds_of_the_calibrating_documents_and_a_gate_judges_them(folder):
    run = open_run(folder / "run")
    measured = run.dataset("measured").to_table().to_pydict()
    model = read_model((folder / "model.npz").read_bytes(), name="model")
    assert measured["signal.perplexity_bucket"] == ["head", "middle", "tail"]
    assert np.quantile(measured["signal.perplexity"], [1 / 3, 2 / 3]).tolist() == list(model.cut_offs)
    assert [row["state"] for row in run.dataset("decisions").to_table().to_pylist()] == ["kept", "kept", "dropped"]


def test_the_fingerprint_changes_with_the_model_and_not_with_its_place(folder, tmp_path):
    spec = load_spec(folder / "job.yaml")
    before = plan_run(spec, root=folder).fingerprint
    assert plan_run(moved(spec, root=folder, folder=tmp_path), root=tmp_path).fingerprint == before
    assert main(train(folder, "two.npz", "--order", "2")) == 0
    other = SPEC.replace("model.npz, sha256: {sha256}", "two.npz").format()
    assert plan_run(parse_spec(other.encode(), name="a"), root=folder).fingerprint != before


def test_a_curriculum_may_order_by_it_and_not_by_its_bucket():
    job = "job: a\ninputs: {x: {files: [a]}}\nperplexity: {any: {model: m.npz}}\n"
    for name in ("perplexity", "perplexity_bucket"):
        spec = parse_spec(f"{job}shards: {{tokenizer: t, difficulty: [{{score: {name}}}]}}\n".encode(), name="a.yaml")
        if name == "perplexity":
            check_scores(spec.shards, measured_schema(spec))
    with pytest.raises(
        SpecError, match=r"difficulty\[0\].score: expected a numeric signal .*, found 'perplexity_bucket'"
    ):
        check_scores(spec.shards, measured_schema(spec))


@pytest.mark.parametrize(
    ("lines", "message"),
    [
        (
            "perplexity: {en: {model: 'https://m.example/a.npz'}}",
            "perplexity.en.sha256: expected the sha256 of the file that is named beside it, found none",
        ),
        (
            "perplexity: {en us: {model: m.npz}}",
            "perplexity.en us: expected a name of at most 64 letters, digits, - and _, found 'en us'",
        ),
    ],
)
def test_what_is_wrong_with_models_is_told_with_its_place(lines, message):
    with pytest.raises(SpecError) as caught:
        parse_spec(f"job: a\ninputs: {{x: {{files: [a]}}}}\n{lines}\n".encode(), name="a.yaml")
    assert str(caught.value).split(": ", 1)[1] == message
