"""The packaged quality model is what its script makes, and its card tells the truth about it."""

import json
from pathlib import Path

import pytest

from curation.quality.scores import PACKAGED_CALIBRATION, PACKAGED_MODEL, PACKAGED_SHA256


@pytest.mark.slow
def test_the_script_makes_the_packaged_model_byte_for_byte(repository, corpora, tmp_path, monkeypatch):
    monkeypatch.setenv("GRISTMILL_CORPORA", str(corpora.parent))
    monkeypatch.syspath_prepend(str(repository / "infra"))
    import make_quality_model

    trained, _ = make_quality_model.made(tmp_path)
    assert trained.model == PACKAGED_MODEL.read_bytes()
    assert trained.calibration.to_json() == PACKAGED_CALIBRATION.read_bytes()
    card = json.loads(PACKAGED_MODEL.with_name("quality_en.card.json").read_bytes())
    assert card["evaluation"] == trained.facts()["evaluation"]
    assert card["data"] == trained.facts()["data"]


def test_the_script_trains_on_nothing_that_may_not_be_redistributed(repository: Path, corpora: Path):
    manifest = (corpora.parent / "MANIFEST.md").read_text()
    lines = [line.split("|") for line in manifest.splitlines() if line.startswith("| ")]
    rows = {cells[1].strip(): cells[6].strip() for cells in lines if len(cells) > 6}
    script = (repository / "infra" / "make_quality_model.py").read_text()
    trained_on = script.split("def corpora()")[1].split("def others()")[0]
    names = [part.split('"')[0] for part in trained_on.split('rows("')[1:]]
    assert len(names) == 8
    assert {name: rows[f"{name}.jsonl.gz"] for name in names} == dict.fromkeys(names, "yes")


def test_the_card_is_of_the_packaged_model_and_says_how_it_does_on_unseen_sources():
    card = json.loads(PACKAGED_MODEL.with_name("quality_en.card.json").read_bytes())
    assert card["model"]["sha256"] == PACKAGED_SHA256
    assert len(card["unseen_sources"]) == 15
    assert card["evaluation"]["test"]["all"]["documents"] > 1000
