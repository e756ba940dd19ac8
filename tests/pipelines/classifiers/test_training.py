"""Training: the same data gives the same bytes, and what the card says is so."""

import hashlib
import json
from dataclasses import replace

import pyarrow.parquet as pq
import pytest

from curation.errors import InputError
from curation.quality.calibration import read_calibration
from curation.quality.scores import scorer_of
from pipelines.classifiers.evaluation import evaluate, scored
from pipelines.classifiers.examples import HELD_OUT, TEST, Source, Splitting, examples_of, read_sources
from pipelines.classifiers.fitting import Training
from pipelines.classifiers.measures import Wanted
from pipelines.classifiers.training import Wish, train_classifier, write_classifier
from pipelines.spec import Columns
from tests.labelled_texts import drawn_rows, write_jsonl

WISH = Wish(training=Training(dim=8, epochs=5, buckets=2000, kept_rows=600))
FILES = ("model.ftz", "calibration.json", "card.json", "CARD.md", "dead_letter.parquet")


def _moved(rows, name):
    """Gives the documents of each source sites of their own."""
    return [row | {"url": row["url"].replace(".example", f".{name}.example")} for row in rows]


def examples(folder, splitting=WISH.splitting):
    folder.mkdir(exist_ok=True)
    given = [("good", True, "good"), ("bad", False, "bad"), ("strange", False, "bad")]
    sources = [
        Source(
            name=name,
            files=str(
                write_jsonl(folder / f"{name}.jsonl", _moved(drawn_rows(label, 150, seed=index, sites=40), name))
            ),
            is_positive=is_positive,
        )
        for index, (name, is_positive, label) in enumerate(given)
    ]
    return examples_of([read_sources(sources, Columns())], splitting)


@pytest.fixture(scope="module")
def folders(tmp_path_factory):
    """Two folders that were trained apart, from files in different places."""
    made = []
    for name in ("first", "second"):
        folder = tmp_path_factory.mktemp(name)
        found = examples(folder / "data")
        write_classifier(train_classifier(found, WISH), found, folder / "out")
        made.append(folder / "out")
    return made


def test_training_twice_gives_the_same_bytes_of_every_file(folders):
    for name in FILES:
        first, second = ((folder / name).read_bytes() for folder in folders)
        assert first == second, f"{name} differs between two trainings on the same data"


def test_another_seed_gives_another_model(tmp_path, folders):
    other = replace(WISH, training=replace(WISH.training, seed=1))
    assert train_classifier(examples(tmp_path / "data"), other).model != (folders[0] / "model.ftz").read_bytes()


def test_an_unquantised_model_is_the_same_every_time_too(tmp_path):
    wish = replace(WISH, training=replace(WISH.training, quantize=False))
    found = examples(tmp_path / "data")
    assert train_classifier(found, wish).model == train_classifier(found, wish).model


def test_the_card_says_what_the_files_are_and_what_was_read(folders):
    card = json.loads((folders[0] / "card.json").read_bytes())
    for key in ("model", "calibration"):
        content = (folders[0] / card[key]["file"]).read_bytes()
        assert card[key]["sha256"] == hashlib.sha256(content).hexdigest()
    assert {item["source"]: item["label"] for item in card["data"]["sources"]} == {
        "good": "positive", "bad": "negative", "strange": "negative",
    }  # fmt: skip
    assert all(item["xxh3_128"] for item in card["data"]["files"])
    assert str(folders[0].parent) not in (folders[0] / "card.json").read_text(), "a card names no folder"
    assert card["versions"].keys() == {"gristmill", "fasttext-community", "scikit-learn", "numpy"}


def test_the_card_s_measures_are_those_of_the_model_on_the_test_documents(folders, tmp_path):
    card = json.loads((folders[0] / "card.json").read_bytes())
    knots = read_calibration((folders[0] / "calibration.json").read_bytes(), name="c")
    scorer = scorer_of((folders[0] / "model.ftz").read_bytes(), name="m", labels={}, calibration=knots)
    found = examples(tmp_path / "data")
    measured = evaluate(found, found.of(TEST), scored(scorer, found, found.of(TEST)))
    assert card["evaluation"]["test"]["all"]["recall"]["value"] == measured.all.recall.value
    assert measured.all.auc.value > 0.95, "the vocabularies differ: it should tell them apart"
    assert set(measured.by_source) == {"good", "bad", "strange"}


def test_the_page_shows_every_measure_and_source_of_the_card(folders):
    page = (folders[0] / "CARD.md").read_text()
    card = json.loads((folders[0] / "card.json").read_bytes())
    measured = card["evaluation"]["test"]["all"]
    for name in ("accuracy", "precision", "recall", "auc", "ece"):
        assert f"{measured[name]['value']:.3f}" in page, name
    assert "| strange | negative | unknown |" in page
    assert "| precision 0.9 |" in page


def test_a_held_out_source_has_measures_of_its_own(tmp_path):
    wish = replace(WISH, splitting=Splitting(held_out=("strange",)), asked=(Wanted(precision=0.9),))
    found = examples(tmp_path / "data", wish.splitting)
    card = train_classifier(found, wish).facts()
    held = card["evaluation"]["held_out"]
    assert held["all"]["documents"] == int(found.of(HELD_OUT).sum()) == 150
    assert held["by_source"].keys() == {"strange"}
    assert [row["wanted"] for row in card["thresholds"]] == ["precision 0.9"]


def test_hostile_names_and_licences_do_not_break_out_of_the_page(tmp_path):
    rows = [row | {"license": "a|b\n<script>\x1b[31m"} for row in drawn_rows("good", 60)]
    sources = [
        Source(name="good", files=str(write_jsonl(tmp_path / "good.jsonl", rows)), is_positive=True),
        Source(name="bad", files=str(write_jsonl(tmp_path / "bad.jsonl", drawn_rows("bad", 60))), is_positive=False),
    ]
    found = examples_of([read_sources(sources, Columns())], Splitting(validation_fraction=0.3, test_fraction=0.3))
    write_classifier(train_classifier(found, WISH), found, tmp_path / "out")
    page = (tmp_path / "out" / "CARD.md").read_text()
    assert "<script>" not in page
    assert "\x1b" not in page
    assert "a\\|b" in page


def test_dead_letters_of_the_data_lie_beside_the_model(folders):
    assert pq.read_table(folders[0] / "dead_letter.parquet").num_rows == 0


def test_too_few_documents_are_told(tmp_path):
    sources = [
        Source(
            name=name,
            files=str(write_jsonl(tmp_path / f"{name}.jsonl", drawn_rows(name, 2))),
            is_positive=name == "good",
        )
        for name in ("good", "bad")
    ]
    with pytest.raises(InputError) as caught:
        train_classifier(examples_of([read_sources(sources, Columns())], Splitting()), WISH)
    assert "expected positive and negative documents, found" in str(caught.value)
