"""Twenty million synthetic signatures to survivors on the local runner, in passes, within 8 GiB."""

import json
import subprocess
import sys

import numpy as np
import pytest
from scipy import stats

from tests.soak.many_signatures import LEVELS, NEAR, WIDTH
from tests.soak.process_memory import ROOT, run_and_record

NUM_DOCUMENTS = 20_000_000

pytestmark = [pytest.mark.soak]


def chance_of_link(similarity):
    """Of a pair: that a band is equal and at least min_jaccard of all minima are; exact, by convolution."""
    rows = np.arange(NEAR.signing.rows + 1)
    band = stats.binom.pmf(rows, NEAR.signing.rows, similarity)
    without_full = np.where(rows < NEAR.signing.rows, band, 0)
    equal, missed = np.ones(1), np.ones(1)
    for _ in range(NEAR.signing.bands):
        equal, missed = np.convolve(equal, band), np.convolve(missed, without_full)
    enough = np.arange(WIDTH + 1) / WIDTH >= NEAR.min_jaccard
    return float(equal[enough].sum() - missed[enough].sum())


def test_twenty_million_signatures_become_survivors_within_8_gib(tmp_path):
    module = [sys.executable, "-m", "tests.soak.many_signatures"]
    subprocess.run([*module, "write", str(tmp_path), str(NUM_DOCUMENTS)], cwd=ROOT, check=True)
    name = f"{NUM_DOCUMENTS // 10**6} million signatures to survivors"
    peak, output = run_and_record([*module, "link", str(tmp_path), str(NUM_DOCUMENTS)], name)
    found = json.loads(next(line for line in output.splitlines() if line.startswith("{")))
    assert peak < 8 << 30
    assert found["documents"] == NUM_DOCUMENTS
    assert found["unplanted"] == found["hot_buckets"] == 0
    assert found["removed"] == found["links"] == sum(found["caught"])
    for level, caught, copies in zip(LEVELS, found["caught"], found["copies"], strict=True):
        chance = chance_of_link(level)
        assert abs(caught - copies * chance) <= 4 * (copies * chance * (1 - chance)) ** 0.5 + 1, f"similarity {level}"
