"""Whether a child says other numbers, dates, units or names than its parent, and how many it leaves out."""

from dataclasses import dataclass

import pyarrow as pa

from curation.synthesis.verification.both_texts import Both, Measures, measured, with_measures
from curation.synthesis.verification.facts import Facts, KnownWords, facts_of

NAMES = (
    "invented_numbers",
    "invented_months",
    "invented_units",
    "invented_names",
    "kept_numbers_fraction",
    "kept_names_fraction",
)


@dataclass(frozen=True, slots=True, kw_only=True)
class KeptFacts:
    """Adds `signal.invented_<kind>` of numbers, months, units and names, `signal.kept_<kind>_fraction` of two.

    Invented: how many the child has that its parent has not; a unit is invented where the parent has its number, but
    never with that unit. Kept: the share of the parent's that the child has, null where the parent has none. Which
    words are facts: `curation.synthesis.verification.facts`.
    """

    def output_schema(self, schema: pa.Schema) -> pa.Schema:
        """Appends the signals."""
        return with_measures(schema, NAMES, language=True)

    def __call__(self, batch: pa.RecordBatch) -> pa.RecordBatch:
        """Measures `text` against `parent_text`."""
        return measured(batch, NAMES, _kept)


def _kept(both: Both) -> Measures:
    child, parent = facts_of(both.text, both.language), facts_of(both.parent, both.language)
    in_child, in_parent = KnownWords(both.text), KnownWords(both.parent)
    known = parent.numbers | parent.spelled
    names = set(parent.names)
    return {
        "invented_numbers": float(len((child.numbers | child.spelled) - known)),
        "invented_months": float(len(child.months - parent.months)),
        "invented_units": float(_invented_units(child, parent)),
        "invented_names": float(len({name for name in child.names if not in_parent.has(name)})),
        "kept_numbers_fraction": _fraction(len(parent.numbers & (child.numbers | child.spelled)), len(parent.numbers)),
        "kept_names_fraction": _fraction(sum(map(in_child.has, names)), len(names)),
    }


def _invented_units(child: Facts, parent: Facts) -> int:
    known = parent.numbers | parent.spelled
    return len({one for one in child.measures - parent.measures if one.number in known})


def _fraction(part: int, whole: int) -> float | None:
    return part / whole if whole else None
