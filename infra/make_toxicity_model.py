"""Trains `curation/quality/models/toxicity.ftz` and writes its card: a fastText model of offensive English.

Run `python infra/make_toxicity_model.py $GRISTMILL_CORPORA/dev`. It reads 24,783 tweets (MIT; Davidson et al. 2017,
arXiv 1703.04009): hate and offence are one label, the rest the other. Four of five tweets are offensive, so
pieces of books (CC0), answers about medicine (CC BY 4.0) and short messages that are no spam (CC BY 4.0) are `fine`
too. A fifth of the texts, chosen by hash, is held out. One thread, so that the same library gives the same bytes.
"""

import argparse
import gzip
import hashlib
import json
import re
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import fasttext

FOLDER = Path(__file__).resolve().parent.parent / "curation" / "quality" / "models"
OPTIONS = {"dim": 16, "epoch": 20, "lr": 0.5, "wordNgrams": 2, "bucket": 1 << 18, "minCount": 2, "loss": "softmax"}
MAX_ROWS = 15_000
"""Rows of the input matrix that quantisation keeps."""
HELD_OUT = 5
THRESHOLDS = (0.5, 0.8, 0.9)
NEITHER = 2
PIECE_WORDS = 40
NOISE = re.compile(r"&\w+;|https?://\S+|@\w+|\bRT\b")


def main() -> None:
    """Trains, measures and writes."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("corpora", type=Path)
    rows = rows_of(parser.parse_args().corpora)
    train = [(label, text) for label, text in rows if not is_held_out(text)]
    held = [(label, text) for label, text in rows if is_held_out(text)]
    with tempfile.TemporaryDirectory() as folder:
        given = Path(folder, "train.txt")
        given.write_text("".join(f"__label__{label} {text}\n" for label, text in train), encoding="utf-8")
        model = fasttext.train_supervised(str(given), thread=1, seed=0, verbose=0, **OPTIONS)
        model.quantize(input=str(given), cutoff=MAX_ROWS, retrain=True, qnorm=True, thread=1, verbose=0)
        model.save_model(str(FOLDER / "toxicity.ftz"))
    card = {
        "model": "toxicity.ftz",
        "sha256": hashlib.sha256((FOLDER / "toxicity.ftz").read_bytes()).hexdigest(),
        "labels": ["toxic", "fine"],
        "trained_on": "tweets (Davidson et al. 2017, arXiv 1703.04009; MIT), hate or offence against neither; "
        "as fine also Standard Ebooks (CC0), MedQuAD (CC BY 4.0), ham of the UCI SMS collection (CC BY 4.0)",
        "num_train": len(train),
        "num_held_out": len(held),
        "options": OPTIONS | {"cutoff": MAX_ROWS, "thread": 1, "seed": 0},
        "held_out": [measured(model, held, threshold) for threshold in THRESHOLDS],
        "limits": "Tweets of 2016, full of a few slurs; short texts. It knows words, not who is meant.",
    }
    (FOLDER / "toxicity.json").write_text(json.dumps(card, indent=1) + "\n")


def rows_of(corpora: Path) -> list[tuple[str, str]]:
    """Returns (label, text) of each different text: one line, without what only tweets have."""
    tweets = read(corpora / "quality" / "davidson_hate_offensive.jsonl.gz")
    found = {cleaned(row["text"]): "fine" if row["label"] == NEITHER else "toxic" for row in tweets}
    for piece in plain_pieces(corpora):
        found.setdefault(piece, "fine")
    return [(label, text) for text, label in found.items() if text]


def plain_pieces(corpora: Path) -> Iterator[str]:
    """Yields texts of about the length of a tweet from what nobody calls offensive."""
    for name in ("text/standardebooks.jsonl.gz", "text/medquad_qa.jsonl.gz"):
        for row in read(corpora / name):
            words = cleaned(row["text"]).split()
            yield from (" ".join(words[at : at + PIECE_WORDS]) for at in range(0, len(words), PIECE_WORDS))
    messages = read(corpora / "quality" / "sms_spam.jsonl.gz")
    yield from (cleaned(row["text"]) for row in messages if row["label"] == "ham")


def read(path: Path) -> Iterator[dict[str, Any]]:
    """Yields the rows of a packed JSONL file."""
    with gzip.open(path, "rt", encoding="utf-8") as opened:
        yield from map(json.loads, opened)


def cleaned(text: str) -> str:
    """Returns a text in lower case, without mentions, links, entities and line feeds."""
    return " ".join(re.findall(r"\w+", NOISE.sub(" ", text).lower()))


def is_held_out(text: str) -> bool:
    """Returns whether a text is of the fifth that measures."""
    return hashlib.sha256(text.encode()).digest()[0] % HELD_OUT == 0


def measured(model: "fasttext.FastText._FastText", rows: list[tuple[str, str]], threshold: float) -> dict[str, float]:
    """Returns precision and recall of `toxic` at a threshold."""
    scores = (dict(zip(*model.predict(text, k=2), strict=True)) for _, text in rows)
    flagged = [score.get("__label__toxic", 0.0) > threshold for score in scores]
    toxic = [label == "toxic" for label, _ in rows]
    both = sum(a and b for a, b in zip(flagged, toxic, strict=True))
    return {
        "threshold": threshold,
        "precision": round(both / max(sum(flagged), 1), 4),
        "recall": round(both / sum(toxic), 4),
        "false_positives": round((sum(flagged) - both) / (len(toxic) - sum(toxic)), 4),
    }


if __name__ == "__main__":
    main()
