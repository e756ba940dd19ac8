"""Other extractors in their venv: texts of pages, and CPU seconds of each page.

Usage: python peer_side.py PAGES OUTPUT. Both are JSON lines, one a page; a page's `raw` is in base64. The methods take
turns on each page. Runs under the peers' Python and imports nothing of ours.
"""

import base64
import json
import logging
import sys
import time
from collections.abc import Callable
from pathlib import Path

import lxml.html
from readability import Document
from resiliparse.extract.html2text import extract_plain_text
from resiliparse.parse.encoding import bytes_to_str, detect_encoding
from resiliparse.parse.html import HTMLTree
from trafilatura import extract


def _decoded(raw: bytes) -> str:
    return bytes_to_str(raw, detect_encoding(raw))


def _resiliparse(raw: bytes) -> str:
    return extract_plain_text(HTMLTree.parse(_decoded(raw)), main_content=True, alt_texts=False, comments=False)


def _readability(raw: bytes) -> str:
    summary = Document(_decoded(raw)).summary(html_partial=True)
    return "\n".join(lxml.html.fromstring(summary).itertext()) if summary.strip() else ""


def _trafilatura(**settings: bool) -> Callable[[bytes], str]:
    return lambda raw: extract(_decoded(raw), include_comments=False, **settings) or ""


METHODS = {
    "resiliparse": _resiliparse,
    "trafilatura_fast": _trafilatura(fast=True),
    "trafilatura": _trafilatura(),
    "trafilatura_precision": _trafilatura(favor_precision=True),
    "readability": _readability,
}


def _ran(method: Callable[[bytes], str], raw: bytes) -> tuple[str, float]:
    started = time.process_time()
    try:
        text = method(raw)
    except Exception:  # a page that a tool fails on is one without text
        text = ""
    return text, time.process_time() - started


def main() -> None:
    """Writes the output."""
    logging.disable(logging.CRITICAL)
    pages, output = (Path(argument) for argument in sys.argv[1:])
    with pages.open(encoding="utf-8") as lines, output.open("w", encoding="utf-8") as file:
        for number, line in enumerate(lines):
            page = json.loads(line)
            raw = base64.b64decode(page["raw"])
            if number == 0:
                for method in METHODS.values():
                    _ran(method, raw)
            found = {name: _ran(method, raw) for name, method in METHODS.items()}
            file.write(json.dumps({"id": page["id"], "found": found}) + "\n")


if __name__ == "__main__":
    main()
