"""datatrove's side of heuristics.py: FineWeb's four filters in datatrove's own venv; prints one JSON object.

Usage: python datatrove_filters_side.py TEXTS.jsonl. Each filter runs over all documents by its own `run`, alone, so
that none profits from what another dropped; within one, the first rule that fails ends it, which is in its favour.
"""

import json
import sys

from datatrove.pipeline.filters import (
    C4QualityFilter,
    FineWebQualityFilter,
    GopherQualityFilter,
    GopherRepetitionFilter,
)
from datatrove_side import WARM_UP_DOCUMENTS, run, seconds


def main() -> None:
    """Warms up, then measures."""
    with open(sys.argv[1], encoding="utf-8") as lines:
        texts = [json.loads(line) for line in lines]
    c4 = C4QualityFilter(filter_no_terminal_punct=False)
    filters = (GopherRepetitionFilter(), GopherQualityFilter(), c4, FineWebQualityFilter())
    for step in filters:
        run(step, texts[:WARM_UP_DOCUMENTS])
    before = seconds()
    for step in filters:
        run(step, texts)
    measured = {"fineweb": seconds() - before}
    num_bytes = sum(len(text.encode()) for text in texts)
    json.dump({"bytes": num_bytes, "documents": len(texts), "cpu_seconds": measured}, sys.stdout)


if __name__ == "__main__":
    main()
