"""`gristmill plan`: what it forecasts from a sample against what the run then does."""

import json
import random

import numpy as np
import pyarrow as pa
import pytest

from curation.errors import SchemaError
from pipelines.inputs.files import InputFile
from pipelines.inputs.units import Piece, WorkUnit
from pipelines.job import run_job
from pipelines.planning import duplicate_range, forecast
from pipelines.progress import silent
from pipelines.sampling import is_drawn, shares
from pipelines.spec_file import load_spec
from tests.forecasts import MIN_HITS, TOLERANCE, assert_near, real_rules

SPEC = """
job: made
inputs:
  long: {files: [long.jsonl], gates: [size]}
  short: {files: [short.jsonl], gates: [size]}
gates: {size: {rules: [{signal: num_words, min: 30}]}}
signals: [gopher_quality]
runner: {mode: in_memory, workers: 1}
limits: {unit_bytes: 64KiB, batch_bytes: 16KiB}
"""


@pytest.fixture(scope="module")
def made(tmp_path_factory):
    """Two inputs, of long and of short documents, whose share of failures differs along the files."""
    folder = tmp_path_factory.mktemp("made")
    source = random.Random(11)
    words = [f"w{number}" for number in range(5000)]
    for name, most in (("long", 200), ("short", 60)):
        texts = [" ".join(source.choices(words, k=source.randint(5, most))) for _ in range(3000)]
        texts.sort(key=len)  # the head of a file is not like the rest
        (folder / f"{name}.jsonl").write_text("".join(f"{json.dumps({'text': text})}\n" for text in texts))
    (folder / "made.yaml").write_text(SPEC)
    return folder / "made.yaml"


@pytest.mark.soak
def test_a_sample_of_a_tenth_forecasts_documents_and_rules_although_files_are_sorted(made, tmp_path):
    spec = load_spec(made)
    size = sum((made.parent / f"{name}.jsonl").stat().st_size for name in ("long", "short"))
    found = forecast(spec, root=made.parent, sample_bytes=size // 4)
    again = forecast(spec, root=made.parent, sample_bytes=size // 4)
    assert (found.rules, found.documents) == (again.rules, again.documents), "the same sample each time"
    assert found.sampled_documents < 2400, "a sample, not all"
    run_job(spec, spec_path=made, output=str(tmp_path / "run"), limit=None, settings=(), progress=silent())
    real = real_rules(tmp_path / "run")
    assert_near(found.documents, 6000, 0.05, "documents")
    assert real["size/num_words"] > MIN_HITS
    assert_near(found.rules[0].fails, real["size/num_words"], TOLERANCE, "size/num_words")


@pytest.mark.slow
def test_a_sample_of_everything_forecasts_what_the_run_finds(made, tmp_path):
    spec = load_spec(made, settings=("dedup.near=null",))
    found = forecast(spec, root=made.parent, sample_bytes=1 << 30)
    result = run_job(spec, spec_path=made, output=str(tmp_path / "run"), limit=None, settings=(), progress=silent())
    assert {rule.rule: rule.fails for rule in found.rules} == real_rules(tmp_path / "run")
    assert found.documents == found.sampled_documents == result.counts["read"]
    assert found.kept == (result.counts["kept"], result.counts["kept"])
    assert found.duplicates == (result.counts["exact_duplicates"],) * 2
    assert found.passes == found.shuffle_bytes == 0


def test_nothing_is_forecast_of_a_job_that_could_not_run(made):
    spec = load_spec(made, settings=("gates.size.rules=[{signal: language_score, min: 0.5}]",))
    with pytest.raises(SchemaError):
        forecast(spec, root=made.parent, sample_bytes=1 << 20)


def test_the_range_of_duplicates_is_one_number_for_all_and_wide_for_a_small_share():
    assert duplicate_range(found=7, scaled=7.0, share=1.0, most=1000) == (7, 7)
    assert duplicate_range(found=0, scaled=0.0, share=0.1, most=10_000) == (0, 300), "the rule of three"
    assert duplicate_range(found=25, scaled=250.0, share=0.1, most=10_000) == (250, 3800)
    assert duplicate_range(found=25, scaled=250.0, share=0.1, most=900) == (250, 900), "no more than there are"


def test_documents_are_drawn_by_id_and_a_smaller_sample_is_part_of_a_larger_one():
    raw = np.random.default_rng(3).integers(0, 256, (20_000, 16), dtype=np.uint8)
    ids = pa.FixedSizeBinaryArray.from_buffers(pa.binary(16), 20_000, [None, pa.py_buffer(raw.tobytes())])
    small, large = is_drawn(ids, 0.1), is_drawn(ids, 0.5)
    assert abs(int(small.sum()) - 2000) < 5 * (2000 * 0.9) ** 0.5
    assert not (small & ~large).any()
    assert is_drawn(ids, 1.0).all()
    assert (is_drawn(ids.slice(100, 50), 0.5) == large[100:150]).all(), "a slice of the array"


def test_units_are_spread_over_each_input_and_a_small_input_is_seen_whole():
    files = [
        InputFile(uri=f"/{n}", path=str(n), bytes=64 << 20, format="jsonl", compression="none") for n in range(100)
    ]
    big = [WorkUnit(index=n, source="big", pieces=(Piece(file=file),)) for n, file in enumerate(files)]
    small_file = InputFile(uri="/s", path="s", bytes=1 << 10, format="jsonl", compression="none")
    small = WorkUnit(index=100, source="small", pieces=(Piece(file=small_file),))
    taken = shares([*big, small], 1 << 20)
    assert (taken["small"].units, taken["small"].rate) == ((small,), 1.0)
    chosen = [unit.index for unit in taken["big"].units]
    assert chosen == [0, 50]
    assert taken["big"].cap_bytes * len(chosen) * taken["big"].rate < 1 << 20
