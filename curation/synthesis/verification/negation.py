"""Whether a child denies what its parent says, or says what it denies.

Each sentence of the child is held against those of the parent that have most of its words; where all of these deny
and it does not, or the other way round, the two differ. A paraphrase by an opposite ("did not fail": "passed") looks
the same, so this is a question for people rather than a fault.
"""

import functools
import json
from collections.abc import Mapping
from dataclasses import dataclass
from importlib import resources

import pyarrow as pa

from curation.setting import key
from curation.synthesis.verification.both_texts import Both, Measures, measured, with_measures
from curation.synthesis.verification.pieces import folded, sentences_of, tokens_of

NAMES = ("changed_negations",)
_MOST_SENTENCES = 400


@dataclass(frozen=True, slots=True, kw_only=True)
class KeptNegations:
    """Adds `signal.changed_negations` (float64): sentences of the child whose negation differs from the parent's.

    Null where the language has no list of negations (`negations.json`).
    """

    min_overlap: float = key(0.6, "share of the shorter sentence's words that two sentences must have in common")
    min_words: int = key(4, "words that a sentence must have")

    def output_schema(self, schema: pa.Schema) -> pa.Schema:
        """Appends the signal."""
        return with_measures(schema, NAMES, language=True)

    def __call__(self, batch: pa.RecordBatch) -> pa.RecordBatch:
        """Measures `text` against `parent_text`."""
        return measured(batch, NAMES, self._changed)

    def _changed(self, both: Both) -> Measures:
        words = _negations().get(both.language or "")
        if words is None:
            return {}
        denied = [_Sentence.of(sentence, words) for sentence in sentences_of(both.parent)[:_MOST_SENTENCES]]
        said = [_Sentence.of(sentence, words) for sentence in sentences_of(both.text)[:_MOST_SENTENCES]]
        return {"changed_negations": float(sum(self._differs(sentence, denied) for sentence in said))}

    def _differs(self, sentence: "_Sentence", parents: list["_Sentence"]) -> bool:
        if len(sentence.words) < self.min_words:
            return False
        alike = [(sentence.overlap(other), other.denies) for other in parents if len(other.words) >= self.min_words]
        close = [denies for overlap, denies in alike if overlap >= self.min_overlap]
        return bool(close) and sentence.denies not in close


@dataclass(frozen=True, slots=True, kw_only=True)
class Negations:
    """Words that deny, and longer ones that have such a word in them and do not."""

    words: tuple[str, ...]
    but_not: tuple[str, ...]
    inside: bool
    """Whether they are looked for inside runs of characters: the language puts no spaces between words."""

    def without(self, sentence: str) -> tuple[bool, str]:
        """Returns whether a folded sentence denies, and the sentence without the words that do."""
        for phrase in self.but_not:
            sentence = sentence.replace(phrase, " ")
        if self.inside:
            found = [word for word in self.words if word in sentence]
            for word in found:
                sentence = sentence.replace(word, " ")
            return bool(found), sentence
        tokens = [token.text.replace("’", "'") for token in tokens_of(sentence)]
        kept = [token for token in tokens if token not in self.words and not token.endswith("n't")]
        return len(kept) < len(tokens), " ".join(kept)


@dataclass(frozen=True, slots=True, kw_only=True)
class _Sentence:
    words: frozenset[str]
    denies: bool

    @staticmethod
    def of(sentence: str, negations: Negations) -> "_Sentence":
        denies, rest = negations.without(folded(sentence))
        return _Sentence(words=frozenset(token.text for token in tokens_of(rest)), denies=denies)

    def overlap(self, other: "_Sentence") -> float:
        return len(self.words & other.words) / min(len(self.words), len(other.words))


@functools.cache
def _negations() -> Mapping[str, Negations]:
    content = resources.files("curation.synthesis.verification").joinpath("negations.json").read_bytes()
    return {
        language: Negations(
            words=tuple(map(folded, lists["words"])),
            but_not=tuple(map(folded, lists.get("but_not", []))),
            inside=bool(lists.get("inside")),
        )
        for language, lists in json.loads(content).items()
    }
