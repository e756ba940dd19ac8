"""Counts what the context rules of bad words excuse in English and in other languages, which have one of the rules.

Usage: GRISTMILL_CORPORA=... python infra/benchmarks/bad_words_by_language.py

Texts of $GRISTMILL_CORPORA/dev/text in many languages, by the language that is identified, where LDNOOBW has a list for
it. Prints documents, those with a listed word, and those with one that no rule excuses: of English, of all others, and
of the languages with most.
"""

from collections import Counter

import pyarrow as pa
from fasttext_predict import MIX, texts

from curation.quality.bad_words import BadWords
from curation.quality.language import Language

BATCH, SHOWN = 4000, 6


def main() -> None:
    """Prints the counts."""
    counted: dict[str, Counter[str]] = {name: Counter() for name in ("documents", "listed", "not excused")}
    given, steps = texts(MIX), (Language(), BadWords())
    for first in range(0, len(given), BATCH):
        batch = pa.record_batch({"text": pa.array(given[first : first + BATCH], pa.string())})
        for step in steps:
            batch = step(batch)
        columns = (batch[f"signal.{name}"].to_pylist() for name in ("language", "num_listed_words", "num_bad_words"))
        for language, listed, bad in zip(*columns, strict=True):
            if listed is not None:
                counted["documents"][language] += 1
                counted["listed"][language] += listed > 0
                counted["not excused"][language] += bad > 0
    others = [
        {language: count for language, count in of.items() if language != "en"}.values() for of in counted.values()
    ]
    print(f"{'':12}", *(f"{name:>12}" for name in counted))
    print(f"{'not English':12}", *(f"{sum(of):12}" for of in others))
    for language, _ in counted["listed"].most_common(SHOWN):
        print(f"{language:12}", *(f"{of[language]:12}" for of in counted.values()))


if __name__ == "__main__":
    main()
