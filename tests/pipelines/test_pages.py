"""Whole runs over web pages by our own reader: low confidence goes to review, or to trafilatura in worker processes."""

from pathlib import Path

import pyarrow.dataset as ds
import pytest

from curation.text.content import packaged_model
from curation.text.page import read_page
from pipelines.job import run_job
from pipelines.progress import silent
from pipelines.spec_file import load_spec

STORY = "The mill stands where the river turns, and its wheel has ground the barley of four villages since 1780. "
SURE = (
    f"<html><body><nav><a href=/>Home</a></nav><article><h1>Mill</h1>{f'<p>{STORY}</p>' * 12}</article></body></html>"
)
UNSURE = (
    "<html><body>"
    + "".join(f"<div><a href=/{n}>Shop item {n}</a> is one of the things that we sell here.</div>" for n in range(9))
    + "</body></html>"
)
SPEC = """
job: pages
inputs: {web: {files: [pages/*.html], extractor: gristmill, gates: [sure], %s}}
runner: {mode: %s, workers: 2}
dedup: {near: null}
gates:
  sure: {rules: [{signal: page_confidence, min: %s, action: review}]}
"""


@pytest.fixture(scope="module")
def bound() -> float:
    """A confidence between those of the two pages, by the model of this version."""
    sure, unsure = (
        read_page(page, chooser=packaged_model(), comments="drop").signals.confidence for page in (SURE, UNSURE)
    )
    assert unsure < sure
    return round((sure + unsure) / 2, 3)


def run(folder: Path, *, gate: str, mode: str, least: float) -> dict[str, dict[str, object]]:
    """Runs both pages and returns what is known of each, by its file."""
    (folder / "pages").mkdir()
    (folder / "pages" / "sure.html").write_text(SURE)
    (folder / "pages" / "unsure.html").write_text(UNSURE)
    path = folder / "job.yaml"
    path.write_text(SPEC % (gate, mode, least))
    output = folder / "run"
    run_job(load_spec(path), spec_path=path, output=str(output), limit=None, settings=(), progress=silent())
    measured = ds.dataset(output / "measured", format="parquet").to_table().to_pylist()
    decided = {row["doc_id"]: row for row in ds.dataset(output / "decisions", format="parquet").to_table().to_pylist()}
    return {Path(row["path"]).stem: row | decided[row["doc_id"]] for row in measured}


def test_a_page_of_low_confidence_goes_to_review_by_a_rule_that_names_value_and_bound(tmp_path: Path, bound: float):
    found = run(tmp_path, gate="gate: none", mode="in_memory", least=bound)
    assert (found["sure"]["state"], found["unsure"]["state"]) == ("kept", "review")
    (reason,) = found["unsure"]["review_reasons"]
    confidence = found["unsure"]["signal.page_confidence"]
    assert reason == f"sure/page_confidence: {confidence:.6g} against {bound}"


@pytest.mark.parametrize("mode", ["multi_threading", pytest.param("multi_processing", marks=pytest.mark.soak)])
def test_the_gate_works_in_workers_and_the_run_says_which_page_it_read(tmp_path: Path, bound: float, mode: str):
    pytest.importorskip("trafilatura", reason="trafilatura is not installed")
    found = run(tmp_path, gate=f"gate: trafilatura, gate_below: {bound}", mode=mode, least=0.0)
    assert "trafilatura" not in found["sure"]["extractor"]
    assert "trafilatura" in found["unsure"]["extractor"]
    assert "Shop item 3" in found["unsure"]["text"]
