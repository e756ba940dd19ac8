"""The gold pages where our text and trafilatura's differ most, by F1 against the gold, for people to read.

Usage: PYTHONPATH=. python infra/extraction/differing_pages.py OUTPUT.jsonl [NUMBER]. Ours is the whole reader's text,
each page's blocks chosen by a model that did not see its site; the cuts are the packaged model's. A line of the output
has a page's id, both F1, and what each of the two lost and kept beside the gold, cut short.
"""

import difflib
import json
import re
import sys
from dataclasses import dataclass
from pathlib import Path

from curation.text.charset import decode
from curation.text.content import ContentModel, packaged_model
from curation.text.page import read_page
from infra.extraction.gold import NUM_FOLDS, Page, gold_pages
from infra.extraction.peers import peer_texts
from infra.extraction.scores import overlap
from infra.extraction.training import Sample, sample, trained

MOST_SHOWN = 700
"""Characters of a difference that are written."""
_WORD = re.compile(r"\w+")


@dataclass(frozen=True, slots=True, kw_only=True)
class Difference:
    """A page that two extractors read differently."""

    page: Page
    ours: str
    theirs: str

    @property
    def f1(self) -> tuple[float, float]:
        """Returns ours and theirs."""
        return overlap(self.ours, self.page.text).f1, overlap(self.theirs, self.page.text).f1

    def row(self) -> dict[str, object]:
        """Returns what is written of it."""
        ours, theirs = self.f1
        row: dict[str, object] = {"id": self.page.id, "site": self.page.site, "ours": round(ours, 3)}
        row |= {"trafilatura": round(theirs, 3), "gold_words": len(_WORD.findall(self.page.text))}
        for name, text in (("ours", self.ours), ("trafilatura", self.theirs)):
            lost, kept = beside(text, self.page.text)
            row |= {f"{name}_lost": lost, f"{name}_kept": kept}
        return row


def beside(found: str, gold: str) -> tuple[str, str]:
    """Returns words of the gold that are not in `found`, and words of `found` that are not in the gold, in order."""
    ours, theirs = _WORD.findall(found), _WORD.findall(gold)
    lost, kept = [], []
    for tag, a, b, c, d in difflib.SequenceMatcher(None, ours, theirs, autojunk=False).get_opcodes():
        if tag != "equal":
            kept.append(" ".join(ours[a:b]))
            lost.append(" ".join(theirs[c:d]))
    return tuple(" / ".join(piece for piece in pieces if piece)[:MOST_SHOWN] for pieces in (lost, kept))  # type: ignore[return-value]


def held_out_models(samples: list[Sample]) -> list[ContentModel]:
    """Returns of each fold a model of the other four."""
    cuts = packaged_model().cuts
    return [
        ContentModel(
            trees=trained(one for one in samples if one.page.fold != fold), cuts=cuts, sha256=f"without fold {fold}"
        )
        for fold in range(NUM_FOLDS)
    ]


def differences() -> list[Difference]:
    """Returns the pages with whole gold texts, those where F1 differs most first."""
    pages = gold_pages()
    peers = peer_texts(pages)
    models = held_out_models([sample(page, peers[page.id]) for page in pages])
    found = []
    for page in pages:
        if page.set != "segments":
            html = decode(page.raw, declared=page.charset, is_html=True).text
            ours = read_page(html, chooser=models[page.fold], comments="drop").text
            found.append(Difference(page=page, ours=ours, theirs=peers[page.id]["trafilatura"][0]))
    return sorted(found, key=lambda one: -abs(one.f1[0] - one.f1[1]))


def main() -> None:
    """Writes the output."""
    output, number = Path(sys.argv[1]), int((sys.argv[2:] or ["100"])[0])
    with output.open("w", encoding="utf-8") as file:
        for one in differences()[:number]:
            file.write(json.dumps(one.row(), ensure_ascii=False) + "\n")


if __name__ == "__main__":
    main()
