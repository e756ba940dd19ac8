"""Makes the package's quality classifier for English from the test corpora; the same bytes every time.

Usage: GRISTMILL_CORPORA=... python infra/make_quality_model.py [FOLDER]

Reference-like text (encyclopaedia, medical answers, books, mathematics, manuals of software) against text as people
post it (chat messages, tweets, collections of sayings). Only corpora that may be redistributed are trained on. All are
cut or joined to passages of 200 to 2,000 characters, so that length tells little. Besides the card's test split, the
script measures each pair of a positive and a negative source with a model trained without both, and what share of
corpora of other kinds is kept. Writes curation/quality/models/quality_en.*; the digests in curation/quality/scores.py
must follow.
"""

import gzip
import hashlib
import json
import os
import sys
import tempfile
import time
from collections.abc import Iterable, Iterator
from dataclasses import replace
from pathlib import Path

import pyarrow as pa

from curation.quality.scores import Scorer, scorer_of
from pipelines.classifiers.card import card_json, card_page
from pipelines.classifiers.evaluation import raw_scores, scored
from pipelines.classifiers.examples import HELD_OUT, Source, Splitting, examples_of, read_sources
from pipelines.classifiers.measures import measure, share
from pipelines.classifiers.training import Trained, Wish, fit_classifier, train_classifier
from pipelines.spec import Columns

MODELS = Path(__file__).resolve().parent.parent / "curation" / "quality" / "models"
NAME = "quality_en"
DESCRIPTION = """Tells edited reference text (encyclopaedia, medical answers, books, mathematics, manuals) from text as
people post it (chat messages, tweets, sayings), in English. What it says of other languages, of source code, and of the
furniture of web pages (menus, notices) means nothing: it saw no such text. The tweets among its negatives were
collected by abusive words; dialects that are common there may be scored lower. Look at what a gate on it drops before
you trust it."""
POSITIVES = {
    "encyclopaedia": "CC-BY-SA-4.0",
    "medical": "CC-BY-4.0",
    "books": "CC0-1.0",
    "mathematics": "GFDL-1.2-or-later",
    "manuals": "MIT AND BSD-3-Clause AND Apache-2.0",
}
NEGATIVES = {"sayings": "LicenseRef-Debian-fortunes", "messages": "CC-BY-4.0", "tweets": "MIT"}
WISH = Wish(
    name=NAME,
    description=DESCRIPTION,
    splitting=Splitting(validation_fraction=0.15, test_fraction=0.15, max_per_source=1500),
)
SHORTEST, LONGEST, LINE = 200, 2000, 1500

Row = dict[str, str]


def rows(name: str) -> list[Row]:
    """Returns the English rows of a corpus, and those of software."""
    path = Path(os.environ["GRISTMILL_CORPORA"]) / "dev" / f"{name}.jsonl.gz"
    with gzip.open(path, "rt", encoding="utf-8") as lines:
        return [row for row in map(json.loads, lines) if row.get("lang", "en") in {"en", "code"}]


def drawn(key: str) -> float:
    """Returns a number in [0, 1) that the key decides."""
    return int(hashlib.sha256(key.encode()).hexdigest()[:12], 16) / 16**12


def passages(pieces: Iterable[str], key: str) -> Iterator[str]:
    """Yields the pieces, joined to passages whose lengths the key decides; a rest that is too short is left."""
    passage, number = "", 0
    for piece in pieces:
        passage += piece + "\n"
        if len(passage) >= SHORTEST + (LONGEST - SHORTEST) * drawn(f"{key}/{number}"):
            yield passage
            passage, number = "", number + 1
    if len(passage) >= SHORTEST:
        yield passage


def lines_of(text: str) -> Iterator[str]:
    """Yields the lines of a text, long ones cut."""
    for line in text.split("\n"):
        yield from (line[start : start + LINE] for start in range(0, max(len(line), 1), LINE))


def cut(given: Iterable[Row], site: str) -> Iterator[tuple[str, str]]:
    """Yields (site, passage) of long documents; `site` is the key of what must not be on two sides of a split."""
    for row in given:
        for passage in passages(lines_of(row["text"]), row["id"]):
            yield row[site], passage


def joined(given: Iterable[Row], site: str) -> Iterator[tuple[str, str]]:
    """Yields (site, passage) of short documents of one `site`; where that is their id each passage is a site."""
    by_site: dict[str, list[Row]] = {}
    for row in sorted(given, key=lambda row: drawn(row["id"])):
        by_site.setdefault(row["id"].split("/")[1] if site == "category" else "", []).append(row)
    for name, own in sorted(by_site.items()):
        for number, passage in enumerate(passages((row["text"].strip() for row in own), name or given_name(own))):
            yield name or f"{given_name(own)}-{number}", passage


def given_name(own: list[Row]) -> str:
    """Returns a name for rows that have none: the first one's id."""
    return own[0]["id"]


def sections(given: Iterable[Row]) -> Iterator[tuple[str, str]]:
    """Yields (site, passage) of books: forty passages in a row are a site."""
    for row in given:
        for number, passage in enumerate(passages(lines_of(row["text"]), row["id"])):
            yield f"{row['id']}-{number // 40}", passage


def corpora() -> dict[str, list[tuple[str, str]]]:
    """Returns (site, passage) of every source."""
    manuals = [row for row in rows("text/code") if row["ext"] in {"md", "rst", "txt"}]
    return {
        "encyclopaedia": [(row["title"], row["text"]) for row in rows("text/xquad_wiki")],
        "medical": list(cut(rows("text/medquad_qa"), "url")),
        "books": list(sections(rows("text/standardebooks"))),
        "mathematics": list(cut(rows("text/math_stacks_tex"), "id")),
        "manuals": list(cut(manuals, "id")),
        "sayings": list(joined(rows("text/fortunes"), "category")),
        "messages": list(joined(rows("quality/sms_spam"), "id")),
        "tweets": list(joined(rows("quality/davidson_hate_offensive"), "id")),
    }


def others() -> dict[str, list[str]]:
    """Returns passages of other kinds of text, none of which may be trained on: most may not be redistributed."""
    speeches = [row for row in rows("text/nltk_inaugural_genesis_abc") if row["id"].startswith("inaugural")]
    articles = Path(os.environ["GRISTMILL_CORPORA"]) / "dev" / "extraction_gold" / "aeb.jsonl.gz"
    with gzip.open(articles, "rt", encoding="utf-8") as lines:
        pages = list(map(json.loads, lines))
    return {
        "articles of news sites": [text for _, text in cut(pages, "id")],
        "summaries of news": [text for _, text in joined(rows("text/ag_news"), "id")],
        "speeches of presidents": [text for _, text in cut(speeches, "id")],
        "sentences that test hate detection": [text for _, text in joined(rows("quality/hatecheck"), "id")],
    }


def write_sources(given: dict[str, list[tuple[str, str]]], folder: Path) -> list[Source]:
    """Writes each source as JSONL; a site becomes a host of its own."""
    sources = []
    for name, pairs in given.items():
        lines = []
        for number, (site, text) in enumerate(pairs):
            host = f"{hashlib.sha256(site.encode()).hexdigest()[:16]}.{name}.example"
            lines.append(json.dumps({"id": f"{name}/{number}", "url": f"https://{host}/", "text": text}) + "\n")
        (folder / f"{name}.jsonl").write_text("".join(lines))
        licences = POSITIVES | NEGATIVES
        path = str(folder / f"{name}.jsonl")
        sources.append(Source(name=name, files=path, is_positive=name in POSITIVES, license=licences[name]))
    return sources


def without(sources: list[Source]) -> Iterator[dict[str, object]]:
    """Yields, per pair of a positive and a negative source, the measures on both of a model trained without them."""
    found = read_sources(sources, Columns())
    for positive in POSITIVES:
        for negative in NEGATIVES:
            wish = replace(WISH, splitting=replace(WISH.splitting, held_out=(positive, negative)))
            examples = examples_of([found], wish.splitting)
            fitted = fit_classifier(examples, wish)
            held = measure(scored(fitted.scorer, examples, examples.of(HELD_OUT)), threshold=0.5)
            yield {"positive": positive, "negative": negative, "measures": held}


def kept_shares(scorer: Scorer) -> Iterator[dict[str, object]]:
    """Yields what share of other kinds of text has a score of at least 0.5."""
    for name, texts in others().items():
        assert scorer.calibration is not None, "it was trained with one"
        probability_N = scorer.calibration.apply(raw_scores(scorer, pa.array(texts, pa.string())))
        yield {"text": name, "passages": len(texts), "kept": share(int((probability_N >= 0.5).sum()), len(texts))}


def made(folder: Path) -> tuple[Trained, list[Source]]:
    """Returns the trained model, and the sources that it was trained on, written to `folder`."""
    sources = write_sources(corpora(), folder)
    return train_classifier(examples_of([read_sources(sources, Columns())], WISH.splitting), WISH), sources


def main(folder: Path = MODELS) -> None:
    """Trains, measures and writes."""
    with tempfile.TemporaryDirectory() as temporary:
        started = time.process_time()
        trained, sources = made(Path(temporary))
        print(f"reading, training, calibration and evaluation: {time.process_time() - started:.1f} CPU seconds")
        scorer = scorer_of(trained.model, name=NAME, labels={}, calibration=trained.calibration)
        card = {
            **trained.facts(),
            "unseen_sources": list(without(sources)),
            "other_texts": list(kept_shares(scorer)),
        }
    for key, suffix in (("model", "ftz"), ("calibration", "calibration.json")):
        card[key]["file"] = f"{NAME}.{suffix}"
    folder.mkdir(parents=True, exist_ok=True)
    contents = {
        "ftz": trained.model,
        "calibration.json": trained.calibration.to_json(),
        "card.json": card_json(card),
        "md": card_page(card).encode(),
    }
    for suffix, content in contents.items():
        (folder / f"{NAME}.{suffix}").write_bytes(content)
        print(f"{NAME}.{suffix}: {len(content):,} bytes, sha256 {hashlib.sha256(content).hexdigest()}")


if __name__ == "__main__":
    main(*map(Path, sys.argv[1:]))
