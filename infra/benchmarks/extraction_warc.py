"""From a web archive to text, end to end: gzip, WARC, HTTP, encoding and main content, in pages per CPU-second.

Usage: GRISTMILL_CORPORA=... python infra/benchmarks/extraction_warc.py [--rounds 5]

Pages: the article benchmark, $GRISTMILL_CORPORA/dev/web/pages/aeb.warc.gz. Ours is what a run does up to the text, with
`extractor: gristmill` (rendered Markdown, metadata and signals too) and with `extractor: resiliparse`. The others read
the archive by FastWARC and decode as Resiliparse does: `resiliparse` (main content) and `trafilatura` (its default).
All take turns in one process on one core; user and system time after a warm-up; figures are medians. Writes
infra/benchmarks/results/extraction_warc.json. Target: ours at least ten times trafilatura's pages.
"""

import os
import statistics
import sys
import time
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path

import trafilatura
from fastwarc.warc import ArchiveIterator, WarcRecordType
from records import arguments, circumstances, save, verdict
from resiliparse.extract.html2text import extract_plain_text
from resiliparse.parse.encoding import bytes_to_str, detect_encoding
from resiliparse.parse.html import HTMLTree

from curation.plan import extract_step
from curation.text.extract import Extractor
from pipelines.inputs.accounts import Accounts
from pipelines.inputs.open import list_files
from pipelines.inputs.reading import read_unit
from pipelines.inputs.sniff import inspect_file
from pipelines.inputs.units import plan_units
from pipelines.spec import InputSpec, Limits


def ours(extractor: Extractor, archive: Path) -> list[str | None]:
    """Returns the texts of an archive's pages as a run reads and extracts them."""
    given = InputSpec(files=(str(archive),), extractor=extractor)
    files = [inspect_file(file, given) for file in list_files(given.files, archive.parent)]
    step = extract_step("main", extractor=extractor)
    return [
        text
        for unit in plan_units(files, Limits(), source="pages", given=given, first_index=0)
        for batch in read_unit(unit, given, Limits(), Accounts(source="pages"))
        for text in step(batch)["text"].to_pylist()
    ]


def payloads(archive: Path) -> Iterator[bytes]:
    """Yields the bodies of an archive's responses."""
    with archive.open("rb") as file:
        for record in ArchiveIterator(file, record_types=WarcRecordType.response, parse_http=True):
            yield record.reader.read()


def by_resiliparse(archive: Path) -> list[str | None]:
    """Returns the main content by Resiliparse."""
    trees = (HTMLTree.parse(bytes_to_str(raw, detect_encoding(raw))) for raw in payloads(archive))
    return [extract_plain_text(tree, main_content=True, alt_texts=False, comments=False) for tree in trees]


def by_trafilatura(archive: Path) -> list[str | None]:
    """Returns the main content by trafilatura, its default but for comments, which the others leave out too."""
    pages = (bytes_to_str(raw, detect_encoding(raw)) for raw in payloads(archive))
    return [trafilatura.extract(page, include_comments=False) for page in pages]


METHODS: dict[str, Callable[[Path], list[str | None]]] = {
    "ours": partial(ours, "gristmill"),
    "ours_with_resiliparse": partial(ours, "resiliparse"),
    "resiliparse": by_resiliparse,
    "trafilatura": by_trafilatura,
}


def main() -> int:
    """Returns 1 where the target is missed."""
    given = arguments(str(__doc__), rounds=5)
    archive = Path(os.environ["GRISTMILL_CORPORA"], "dev/web/pages/aeb.warc.gz")
    texts = {name: method(archive) for name, method in METHODS.items()}
    spent: dict[str, list[float]] = {name: [] for name in METHODS}
    for _ in range(given.rounds):
        for name, method in METHODS.items():
            started = time.process_time()
            method(archive)
            spent[name].append(time.process_time() - started)
    speeds = {name: round(len(texts[name]) / statistics.median(times), 1) for name, times in spent.items()}
    ratios = {
        name: round(statistics.median(b / a for a, b in zip(spent["ours"], spent[name], strict=True)), 2)
        for name in METHODS
        if name != "ours"
    }
    result: dict[str, object] = {
        "circumstances": circumstances("fastwarc", "numba", "resiliparse", "trafilatura"),
        "archive_bytes": archive.stat().st_size,
        "pages": {name: len(found) for name, found in texts.items()},
        "pages_with_text": {name: sum(bool(text and text.strip()) for text in found) for name, found in texts.items()},
        "pages_per_cpu_second": speeds,
        "ours_times_as_many": ratios,
    }
    missed = [f"ours: {ratios['trafilatura']} times trafilatura's pages, expected 10"]
    return verdict(missed if ratios["trafilatura"] < 10 else [], save("extraction_warc", result))


if __name__ == "__main__":
    sys.exit(main())
