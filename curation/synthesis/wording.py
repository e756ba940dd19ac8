"""What tasks say in each language: instructions, connectives, marks of definitions and questions.

One JSON file a language under `wordings/`, written by us; its `source` says whether a speaker has read it. A template's
hash covers the whole wording of the language, so that a changed word makes other documents with other ids.
"""

import json
from dataclasses import dataclass
from functools import cache
from importlib import resources

from curation.identity import secure_hash

LANGUAGES = ("en", "de", "fr", "es", "it", "pt", "ru", "zh", "ja", "ar")
SPACELESS = frozenset({"zh", "ja"})
VERSION = 3
"""Of the rules that find tasks: raise it when they find others."""

Phrases = tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Wording:
    """The phrases of one language; a tuple holds variants or members, a name in braces is filled in."""

    language: str
    source: str
    question: str
    answer: str
    title: str
    summary: str
    cloze: Phrases
    sentence_order: Phrases
    connective: Phrases
    reason: Phrases
    definition: Phrases
    heading: Phrases
    heading_in: Phrases
    title_of: Phrases
    summary_of: Phrases
    table_text: Phrases
    fact: str
    row: str
    code: Phrases
    docstring: Phrases
    contrast: Phrases
    result: Phrases
    example: Phrases
    addition: Phrases
    because: Phrases
    be: Phrases
    articles: Phrases
    pronouns: Phrases
    summary_headings: Phrases
    faq: tuple[Phrases, ...]
    abbreviations: Phrases
    content: bytes

    @property
    def space(self) -> str:
        """What stands between sentences."""
        return "" if self.language in SPACELESS else " "

    @property
    def colon(self) -> str:
        """What stands between a label and what it labels."""
        if self.language in SPACELESS:
            return "："
        return " : " if self.language == "fr" else ": "

    def hash_of(self, template: str) -> bytes:
        """Returns the digest of a template in this language."""
        return secure_hash(b"%s\x00%d\x00" % (template.encode(), VERSION) + self.content)


@cache
def wording_of(language: str | None) -> Wording | None:
    """Returns the phrases of a language (a code as `signal.language` has it), None where there are none."""
    if language not in LANGUAGES:
        return None
    content = resources.files("curation.synthesis").joinpath(f"wordings/{language}.json").read_bytes()
    phrases = {name: _frozen(value) for name, value in json.loads(content).items()}
    return Wording(language=language, content=content, **phrases)  # type: ignore[arg-type]  # tests see to the files


def _frozen(value: object) -> object:
    return tuple(_frozen(item) for item in value) if isinstance(value, list) else value
