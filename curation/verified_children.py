"""The plan that holds children against their parents: measures of synthesis and privacy, and the gate that judges them.

A child passes the gates of real documents first and this one besides: all of it where a model wrote it, and that it is
in its parent's language where rules cut it out of its parent. Counts of invented facts are
told apart in three: none passes, one (of names, up to three) is for people, more are dropped. Bounds are set on the dev
corpora: infra/benchmarks/results/verification.json has recall and false alarms by rule and language.
"""

from dataclasses import dataclass

import pyarrow as pa
import pyarrow.compute as pc

from curation.quality.gates import Gate, Rule
from curation.quality.language import Language
from curation.step import Step, require, signal_field, with_columns, with_fields
from curation.synthesis.children import PARENT_TEXT
from curation.synthesis.mined import languages_of
from curation.synthesis.verification.from_parent import InventedPersonalData, LanguageKept
from curation.synthesis.verification.kept_facts import KeptFacts
from curation.synthesis.verification.negation import KeptNegations
from curation.synthesis.verification.overlap import ParentOverlap
from curation.synthesis.verification.residue import Residue

VERIFICATION = "verification"
"""Name of the gate."""

PARENT_LANGUAGE = signal_field("parent_language", pa.string())

KEEPS_LANGUAGE = Rule(signal="language_kept", min=1.0)
RULES = (
    KEEPS_LANGUAGE,
    Rule(signal="length_ratio", min=0.2, max=4.0),
    Rule(signal="copied_fraction", max=0.9, review_within=0.05),
    Rule(signal="repeated_fraction", max=0.3),
    Rule(signal="shared_words_fraction", min=0.15, review_within=0.1),
    Rule(signal="refusals", max=0.0),
    Rule(signal="template_residue", max=0.0),
    Rule(signal="invented_pii", max=0.0),
    Rule(signal="invented_numbers", max=1.25, review_within=0.5),
    Rule(signal="invented_months", max=1.25, review_within=0.5),
    Rule(signal="invented_units", max=1.25, review_within=0.5),
    Rule(signal="invented_names", max=2.25, review_within=1.3),
    Rule(signal="changed_negations", max=0.0, action="review"),
    Rule(signal="kept_numbers_fraction", min=0.3, action="review"),
    Rule(signal="kept_names_fraction", min=0.2, action="review"),
)
"""In the order in which they decide: what a child is comes before what it says."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ParentLanguage:
    """Adds `signal.parent_language` (string): the language of `parent_text` by `Language`; null where it is unsure."""

    model: str | None = None
    sha256: str | None = None

    def output_schema(self, schema: pa.Schema) -> pa.Schema:
        """Appends the signal."""
        return with_fields(require(schema, PARENT_TEXT.name, pa.string()), [PARENT_LANGUAGE])

    def __call__(self, batch: pa.RecordBatch) -> pa.RecordBatch:
        """Measures `parent_text`."""
        parents = pa.record_batch({"text": batch[PARENT_TEXT.name]})
        found = languages_of(Language(model=self.model, sha256=self.sha256)(parents))
        known = pc.if_else(batch[PARENT_TEXT.name].is_valid(), found, pa.scalar(None, pa.string()))
        return with_columns(batch, [PARENT_LANGUAGE], [known])


def verification_steps(*, language: Language, personal_data: bool, written: bool = True) -> tuple[Step, ...]:
    """Returns the measures of a child.

    Args:
        language: how `signal.language` of the child was measured; the parent's is measured alike.
        personal_data: whether `pii` is measured before them, so that what is invented can be told.
        written: whether a model writes children; else only their language is measured.
    """
    languages = (ParentLanguage(model=language.model, sha256=language.sha256), LanguageKept())
    if not written:
        return languages
    steps = (ParentOverlap(), Residue(), KeptFacts(), KeptNegations(), *languages)
    return (*steps, InventedPersonalData()) if personal_data else steps


def verification_gate(*, personal_data: bool, written: bool = True) -> Gate:
    """Returns the gate that judges what `verification_steps` measure."""
    if not written:
        return Gate(name=VERIFICATION, rules=(KEEPS_LANGUAGE,))
    rules = RULES if personal_data else tuple(rule for rule in RULES if rule.signal != "invented_pii")
    return Gate(name=VERIFICATION, rules=rules)
