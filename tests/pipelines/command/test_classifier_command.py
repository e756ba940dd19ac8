"""`gristmill classifier` on a terminal: what it writes, says and refuses."""

import json

import pytest

from pipelines.command.main import main
from tests.labelled_texts import drawn_rows, write_jsonl

SMALL = ["--dim", "8", "--epochs", "5", "--buckets", "2000", "--kept-rows", "600"]


@pytest.fixture(scope="module")
def data(tmp_path_factory):
    """Options that name labelled documents."""
    folder = tmp_path_factory.mktemp("data")
    good = write_jsonl(folder / "good.jsonl", drawn_rows("good", 150))
    bad = write_jsonl(folder / "bad.jsonl", drawn_rows("bad", 150))
    return ["--positive", str(good), "--negative", f"web={bad}"]


@pytest.fixture(scope="module")
def trained(data, tmp_path_factory):
    folder = tmp_path_factory.mktemp("trained") / "model"
    assert (
        main(["classifier", "train", *data, *SMALL, "--license", "web=MIT", "--keep-share", "0.4", "-o", str(folder)])
        == 0
    )
    return folder


def test_train_writes_a_model_its_calibration_and_its_card(trained, capfd):
    names = {path.name for path in trained.iterdir()}
    assert names == {"model.ftz", "calibration.json", "card.json", "CARD.md", "dead_letter.parquet"}
    licences = {
        item["source"]: item["licenses"] for item in json.loads((trained / "card.json").read_text())["data"]["sources"]
    }
    assert licences == {"good": ["unknown"], "web": ["MIT"]}


def test_evaluate_shows_measures_by_source_and_language_and_the_threshold_asked_for(trained, data, capfd):
    model = [str(trained / "model.ftz"), "--calibration", str(trained / "calibration.json")]
    assert main(["classifier", "evaluate", *model, *data, "--split", "test", "--precision", "0.9"]) == 0
    shown = capfd.readouterr().out
    assert shown.splitlines()[0].split() == "documents positive accuracy precision recall AUC ECE".split()  # noqa: SIM905
    assert "\nall " in shown
    assert "\nsource web " in shown
    assert "\nlanguage en" in shown
    assert "\nprecision 0.9" in shown


def test_evaluate_as_json_has_every_measure_with_its_interval(trained, data, capfd):
    assert main(["classifier", "evaluate", str(trained / "model.ftz"), *data, "--json"]) == 0
    found = json.loads(capfd.readouterr().out)["evaluation"]
    for name in ("accuracy", "precision", "recall", "auc", "ece"):
        measure = found["all"][name]
        assert measure["low"] <= measure["value"] <= measure["high"], name
    assert found["all"]["documents"] == 300
    assert found["by_source"].keys() == {"good", "web"}


def test_calibrate_writes_knots_and_buckets_that_a_spec_can_name(trained, data, tmp_path, capfd):
    output = tmp_path / "c.json"
    reference = ["--reference", data[1]]
    assert (
        main(["classifier", "calibrate", str(trained / "model.ftz"), *data, *reference, "-o", str(output), "--json"])
        == 0
    )
    found = json.loads(capfd.readouterr().out)
    written = json.loads(output.read_text())
    assert found["knots"] == len(written["scores"])
    assert len(written["bucket_edges"]) == 19
    assert found["ece_after"]["value"] < 0.2
    assert main(["classifier", "calibrate", str(trained / "model.ftz"), *data, "-o", str(output)]) == 2
    assert capfd.readouterr().err.endswith(f"error: {output} exists already; choose another name with -o, or --force\n")


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ([], "expected --positive and --negative documents, or --decisions and --run; found neither"),
        (["--decisions", "d.parquet"], "expected --decisions together with the --run that they are about"),
        (["--positive", "a.jsonl", "--negative", "b.jsonl", "--license", "x"], "--license x: expected NAME=SPDX"),
        (
            ["--positive", "a.jsonl", "--negative", "b.jsonl", "--license", "x=MIT"],
            "--license x: expected one of the sources, found none of that name",
        ),
        (
            ["--positive", "a.jsonl", "--negative", "b.jsonl", "--test-fraction", "0.95"],
            "expected --validation-fraction and --test-fraction to be less than 1 together",
        ),
    ],
)
def test_what_is_missing_is_told_before_anything_is_read(arguments, message, tmp_path, monkeypatch, capfd):
    monkeypatch.chdir(tmp_path)
    for name in ("a", "b"):
        write_jsonl(tmp_path / f"{name}.jsonl", drawn_rows("good", 2))
    assert main(["classifier", "train", *arguments, "-o", "out"]) == 2
    assert capfd.readouterr().err.splitlines()[-1] == f"error: {message}"


def test_a_folder_that_holds_something_is_not_written_to(trained, data, capfd):
    assert main(["classifier", "train", *data, "-o", str(trained)]) == 2
    assert (
        capfd.readouterr().err.splitlines()[-1]
        == f"error: {trained} exists already; choose another folder with -o, or --force"
    )


def test_a_label_that_is_no_number_or_not_there_is_told(trained, data, capfd):
    model = str(trained / "model.ftz")
    assert main(["classifier", "evaluate", model, *data, "--label", "hq"]) == 2
    assert capfd.readouterr().err.splitlines()[-1] == "error: --label hq: expected LABEL=NUMBER, e.g. hq=1"
    assert main(["classifier", "evaluate", model, *data, "--label", "hq=1"]) == 1
    assert capfd.readouterr().err.splitlines()[-1] == (
        f"error: {model}: expected the label 'hq', found positive, negative; name the labels that make the score"
    )


def test_a_damaged_model_is_an_error_and_no_defect(data, tmp_path, capfd):
    (tmp_path / "m.bin").write_bytes(b"no model")
    assert main(["classifier", "evaluate", str(tmp_path / "m.bin"), *data]) == 1
    assert "the file is damaged or no fastText model" in capfd.readouterr().err
