"""Counts how many texts of each language are told right, by us and by the library, and what paragraphs come to.

Usage: GRISTMILL_CORPORA=... python infra/benchmarks/languages.py

Texts are those of $GRISTMILL_CORPORA/dev/text that say their language, where the model knows it: declarations of human
rights (UDHR), sentences (Tatoeba), paragraphs of Wikipedia, manual pages and quotations. Writes
infra/benchmarks/results/languages.json, from which infra/generated.py makes docs/languages.md.
"""

import collections
import sys

import fasttext
import pyarrow as pa
from fasttext_predict import documents, lines
from records import arguments, circumstances, save

from curation.quality.language import PACKAGED_MODEL, Language, load_model
from curation.quality.paragraph_languages import MIXED, UNDETERMINED, ParagraphLanguages

CORPORA = ("udhr", "tatoeba_laser", "xquad_wiki", "manpages", "fortunes")

Counts = dict[str, dict[str, int]]


def counted(name: str, short: dict[str, str], model: fasttext.FastText) -> Counts:
    """Returns, by language that the model knows: texts, how many each tells right, and outcomes of paragraphs.

    Args:
        name: of the corpus.
        short: the model's label of a language that has another one in the corpora.
        model: the library's.
    """
    known = {label.removeprefix("__label__") for label in load_model(None, None).names}
    rows = [(_label(row["lang"], short), row["text"]) for row in documents(name)]
    rows = [(label, text) for label, text in rows if label in known]
    batch = ParagraphLanguages()(Language()(pa.record_batch({"text": pa.array([text for _, text in rows])})))
    ours, outcomes = (batch[f"signal.{column}"].to_pylist() for column in ("language", "language_outcome"))
    theirs = [model.f.predict(line, 1, 0.0, "strict")[0][1] for line in lines([text for _, text in rows])]
    counts: dict[str, collections.Counter[str]] = collections.defaultdict(collections.Counter)
    for (label, _), mine, peer, outcome in zip(rows, ours, theirs, outcomes, strict=True):
        counts[label].update(
            texts=1,
            gristmill=int(mine == label),
            fasttext=int(peer == f"__label__{label}"),
            outcome=int(outcome == label),
            mixed=int(outcome == MIXED),
            undetermined=int(outcome == UNDETERMINED),
        )
    return {label: dict(count) for label, count in sorted(counts.items())}


def _label(language: str, short: dict[str, str]) -> str:
    return short.get(language, language).partition("-")[0]


def main() -> int:
    """Counts all corpora, writes the result and prints totals."""
    arguments(__doc__, rounds=1)
    model = fasttext.load_model(str(PACKAGED_MODEL))
    short = {row["lang"]: row["bcp47"].partition("-")[0] for row in documents("udhr")}
    found = {name: counted(name, short, model) for name in CORPORA}
    path = save("languages", {**circumstances("fasttext-community"), "corpora": found})
    for name, counts in found.items():
        totals = collections.Counter[str]()
        for count in counts.values():
            totals.update(count)
        print(f"{name:16}", *(f"{key} {value}" for key, value in totals.items()))
    print(path)
    return 0


if __name__ == "__main__":
    sys.exit(main())
