"""`make experiment`: trains equal models on equal tokens of raw, curated and otherwise ordered documents.

Usage: GRISTMILL_CORPORA=... python -m infra.experiment [--work runs/experiment] [--finished-only | --page-only]. What
is finished lies in the work folder and is taken from there, so a run that was stopped goes on. Writes
infra/experiment/results/experiment.json, docs/experiment.md and its pictures; exits 1 where curated text does not beat
raw with an interval that excludes zero.
"""

import argparse
import os
import sys
from pathlib import Path

from infra.experiment.page import write_page
from infra.experiment.result import read_result, save_result


def main() -> int:
    """Runs what is not finished yet."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--work", type=Path, default=Path("runs/experiment"), help="folder of what is finished")
    parser.add_argument("--page-only", action="store_true", help="write the page from the last results")
    parser.add_argument("--finished-only", action="store_true", help="results of the cells that are there so far")
    chosen = parser.parse_args()
    if not chosen.page_only:
        if not os.environ.get("GRISTMILL_CORPORA"):
            parser.exit(2, "GRISTMILL_CORPORA is not set: it names the folder that holds the corpora (dev/)\n")
        from infra.experiment.measure import FULL, measure  # noqa: PLC0415 - the page needs no torch

        dev = Path(os.environ["GRISTMILL_CORPORA"], "dev")
        save_result(measure(dev, chosen.work, FULL, finished_only=chosen.finished_only))
    result = read_result()
    write_page(result)
    missed = [
        f"{tier}, {corpus}: expected curated text to beat raw, found {found['curated - raw']}"
        for tier, corpora in result["differences"].items()
        for corpus, found in corpora.items()
        if found["curated - raw"]["high"] >= 0
    ]
    print("\n".join(missed) or "curated text beats raw in every tier, with intervals that exclude zero")
    return 1 if missed else 0


if __name__ == "__main__":
    sys.exit(main())
