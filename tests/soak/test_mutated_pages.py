"""Every page of the corpora, damaged at random, and random bytes, through the whole reader with bounds checked."""

import datetime
import json
import os
import subprocess
import sys

import pytest

from tests.soak.process_memory import ROOT

RESULTS = ROOT / "infra" / "benchmarks" / "results" / "mutated_pages.json"
TIMES = 20

pytestmark = [pytest.mark.soak]


def test_damaged_pages_and_random_bytes_are_read_within_bounds_and_as_the_oracles_have_it(tmp_path, corpora):
    checked = {"NUMBA_BOUNDSCHECK": "1", "NUMBA_OPT": "1", "NUMBA_CACHE_DIR": str(tmp_path)}
    program = [sys.executable, "-m", "tests.curation.text.test_mutated_pages", str(TIMES)]
    done = subprocess.run(
        program,
        cwd=ROOT,
        env={**os.environ, **checked, "GRISTMILL_CORPORA": str(corpora.parent), "PYTHONPATH": str(ROOT)},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    counts = json.loads(done.stdout)
    assert counts["damaged"] == TIMES * counts["pages"] > 0
    RESULTS.write_text(json.dumps({"date": datetime.date.today().isoformat(), **counts}, indent=1) + "\n")
