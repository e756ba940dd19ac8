"""docs/languages.md: the rules of language identification, and how often it is right in each language."""

import collections
import dataclasses
import json
from pathlib import Path

from pipelines.spec_signals import ParagraphLanguagesSpec

PAGE = Path(__file__).with_suffix(".md")
COUNTED = Path(__file__).parent / "benchmarks" / "results" / "languages.json"
TITLES = {
    "udhr": "UDHR",
    "tatoeba_laser": "Tatoeba",
    "xquad_wiki": "Wikipedia",
    "manpages": "manual pages",
    "fortunes": "quotations",
}

Counts = dict[str, dict[str, dict[str, int]]]


def page() -> str:
    """Returns the page."""
    counts: Counts = json.loads(COUNTED.read_text())["corpora"]
    settings = dataclasses.asdict(ParagraphLanguagesSpec())
    return PAGE.read_text(encoding="utf-8").format(totals=_totals(counts), table=_table(counts), **settings)


def _totals(counts: Counts) -> str:
    lines = [
        "| corpus | languages | texts | gristmill | fastText | outcome right | wrong | mixed | undetermined |",
        "|---|---|---|---|---|---|---|---|---|",
    ]
    for name, title in TITLES.items():
        total = collections.Counter[str]()
        for count in counts[name].values():
            total.update(count)
        wrong = total["texts"] - total["outcome"] - total["mixed"] - total["undetermined"]
        parts = (total["gristmill"], total["fasttext"], total["outcome"], wrong, total["mixed"], total["undetermined"])
        shares = " | ".join(f"{part / total['texts']:.1%}" for part in parts)
        lines.append(f"| {title} | {len(counts[name])} | {total['texts']} | {shares} |")
    return "\n".join(lines)


def _table(counts: Counts) -> str:
    lines = [f"| language | {' | '.join(TITLES.values())} |", "|---" * (1 + len(TITLES)) + "|"]
    for language in sorted({language for of_corpus in counts.values() for language in of_corpus}):
        cells = [_cell(counts[name].get(language)) for name in TITLES]
        lines.append(f"| `{language}` | {' | '.join(cells)} |")
    return "\n".join(lines)


def _cell(count: dict[str, int] | None) -> str:
    return f"{count['gristmill']} / {count['fasttext']} / {count['texts']}" if count else ""
