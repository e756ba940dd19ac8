"""Measures URL rules, bad words and the edits of DCLM's recipe, which no other benchmark has.

Usage: GRISTMILL_CORPORA=... python infra/benchmarks/rules_and_edits.py [--rounds 5]

`url_rules`, with the package's word lists and a list of 100,000 drawn domains: the addresses of
$GRISTMILL_CORPORA/dev/extraction_gold, 20 times, in thousands of URLs per CPU-second. The others on 8 MB of English
prose, in 10^6 bytes of UTF-8 text per CPU-second: `bad_words` with the English list, `mojibake`, `urls_in_text`, and
`line_feed_runs`, each over batches of 400 documents. User and system time after a warm-up; figures are medians.
Writes infra/benchmarks/results/rules_and_edits.json. There are no targets.
"""

import gzip
import hashlib
import json
import os
import statistics
import sys
import tempfile
import time
from pathlib import Path

import pyarrow as pa
from heuristics import batches_of, speed, texts_of
from records import arguments, circumstances, save

from curation.plan import EDITS
from curation.quality.bad_words import BadWords
from curation.quality.listed import ListFile
from curation.quality.urls import UrlRules
from curation.step import Step
from pipelines.inputs.urls import site_of

NUM_DOMAINS, REPEATS, BATCH = 100_000, 20, 400
ON_TEXT: dict[str, Step] = {
    "bad_words": BadWords(),
    "mojibake": EDITS["mojibake"],
    "urls_in_text": EDITS["urls_in_text"],
    "line_feed_runs": EDITS["line_feed_runs"],
}


def addresses() -> pa.RecordBatch:
    """Returns URLs with their sites."""
    urls: list[str] = []
    for path in sorted(Path(os.environ["GRISTMILL_CORPORA"], "dev", "extraction_gold").glob("*.jsonl.gz")):
        with gzip.open(path, "rt", encoding="utf-8") as lines:
            urls += [url for line in lines if (url := json.loads(line).get("url"))]
    urls *= REPEATS
    return pa.record_batch({"url": pa.array(urls, pa.string()), "site": pa.array(map(site_of, urls), pa.string())})


def domains(folder: str) -> ListFile:
    """Returns a list of drawn domains."""
    path = Path(folder, "domains.txt")
    names = (hashlib.sha256(b"%d" % number).hexdigest()[:12] for number in range(NUM_DOMAINS))
    path.write_text("".join(f"{name}.example\n" for name in names), encoding="utf-8")
    return ListFile(path=str(path), name="drawn")


def thousands(step: UrlRules, given: pa.RecordBatch) -> float:
    """Returns 10^3 URLs per CPU-second."""
    before = time.process_time()
    for at in range(0, given.num_rows, BATCH):
        step(given.slice(at, BATCH))
    return given.num_rows / 1e3 / (time.process_time() - before)


def main() -> int:
    """Runs all rounds, writes the result and prints a table."""
    chosen = arguments(__doc__, rounds=5)
    batches = [
        batch.append_column("signal.language", pa.array(["en"] * batch.num_rows))
        for batch in batches_of(texts_of("en"))
    ]
    given = addresses()
    with tempfile.TemporaryDirectory() as folder:
        rules = UrlRules(domains=(domains(folder),))
        rules(given.slice(0, BATCH))
    for step in ON_TEXT.values():
        step(batches[0])
    rounds = [
        {"url_rules": thousands(rules, given)} | {name: speed((step,), batches) for name, step in ON_TEXT.items()}
        for _ in range(chosen.rounds)
    ]
    figures = {name: statistics.median(one[name] for one in rounds) for name in rounds[0]}
    result = {
        **circumstances("google-re2", "numba", "pyahocorasick", "pyarrow"),
        "units": {"url_rules": "10^3 URLs per CPU-second", "others": "10^6 bytes of UTF-8 text per CPU-second"},
        "urls": given.num_rows,
        "domains": NUM_DOMAINS,
        "bytes": sum(batch["text"].nbytes for batch in batches),
        "figures": figures,
        "rounds": rounds,
    }
    path = save("rules_and_edits", result)
    print(*(f"{name} {value:.1f}" for name, value in figures.items()), path, sep="\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
