"""What a model says about its task instead of doing it: refusals, and leftovers of prompts and templates.

The phrases are ours, collected by kind and language in `residue.json`; one that the parent has too is the parent's.
"""

import functools
import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from importlib import resources

import pyarrow as pa

from curation.setting import key
from curation.synthesis.verification.both_texts import Both, Measures, measured, with_measures
from curation.synthesis.verification.pieces import folded, sentences_of, tokens_of

NAMES = ("refusals", "template_residue", "repeated_fraction")
_INTRODUCTION = re.compile(r"^([^\n:：]{6,120})[:：]\s*\n")
_MIN_SENTENCE_TOKENS, _TELLING_CHARS = 4, 4


@dataclass(frozen=True, slots=True, kw_only=True)
class Residue:
    """Adds `signal.refusals`, `signal.template_residue` and `signal.repeated_fraction` (float64).

    Phrases of each kind that the parent has not: refusals and introductions are looked for in the first
    `opening_chars` characters, offers of more help in the last, marks of templates anywhere; a first line that ends
    with a colon and has no word of the parent is an introduction too. And the share of sentences that were there
    before: a model in a loop, in any script; null where there is no sentence of four words.
    """

    opening_chars: int = key(200, "characters at either end in which a model speaks of its task")

    def output_schema(self, schema: pa.Schema) -> pa.Schema:
        """Appends the signals."""
        return with_measures(schema, NAMES)

    def __call__(self, batch: pa.RecordBatch) -> pa.RecordBatch:
        """Measures `text` against `parent_text`."""
        return measured(batch, NAMES, self._found)

    def _found(self, both: Both) -> Measures:
        text, parent = _plain(both.text), _plain(both.parent)
        opening, end = text[: self.opening_chars], text[-self.opening_chars :]
        phrases = _phrases()
        left = _count(phrases["marks"], text, parent) + _count(phrases["introductions"], opening, parent)
        left += _count(phrases["closings"], end, parent) + _introduces(both)
        return {
            "refusals": float(_count(phrases["refusals"], opening, parent)),
            "template_residue": float(left),
            "repeated_fraction": _repeated(both.text),
        }


def _introduces(both: Both) -> int:
    """Returns 1 where the first line ends with a colon and says nothing that the parent says, else 0."""
    line = _INTRODUCTION.match(both.text.lstrip())
    if line is None:
        return 0
    known = {folded(token.text) for token in tokens_of(both.parent)}
    telling = [folded(token.text) for token in tokens_of(line.group(1)) if len(token.text) >= _TELLING_CHARS]
    return int(bool(telling) and known.isdisjoint(telling))


def _repeated(text: str) -> float | None:
    """Returns the share of sentences that came before."""
    sentences = [folded(one) for one in sentences_of(text) if len(tokens_of(one)) >= _MIN_SENTENCE_TOKENS]
    return 1 - len(set(sentences)) / len(sentences) if sentences else None


def _count(phrases: tuple[str, ...], text: str, parent: str) -> int:
    return sum(phrase in text and phrase not in parent for phrase in phrases)


def _plain(text: str) -> str:
    return " ".join(text.casefold().replace("’", "'").split())


@functools.cache
def _phrases() -> Mapping[str, tuple[str, ...]]:
    """Returns phrases by kind, of all languages."""
    content = resources.files("curation.synthesis.verification").joinpath("residue.json").read_bytes()
    kinds: Mapping[str, Mapping[str, list[str]]] = json.loads(content)
    return {
        kind: tuple(_plain(phrase) for phrases in by_language.values() for phrase in phrases)
        for kind, by_language in kinds.items()
    }
