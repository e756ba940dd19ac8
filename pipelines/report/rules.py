"""Rules as a report shows them: what each one asks for, in words, beside what it did."""

from collections.abc import Mapping
from dataclasses import dataclass

from curation.quality.gates import Rule, When
from pipelines.answers import number
from pipelines.judging import rules_by_name
from pipelines.report.figures import RuleCounts
from pipelines.report.histogram import Threshold
from pipelines.spec import DedupSpec, JobSpec

MOST_RULES = 14
MOST_LABELS = 8
NOTHING = RuleCounts()


@dataclass(frozen=True, slots=True, kw_only=True)
class RuleRow:
    """One rule, what passes it, and what it did."""

    name: str  # <gate>/<rule>
    passes: str
    counts: RuleCounts


def rule_rows(spec: JobSpec | None, counts: Mapping[str, RuleCounts]) -> list[RuleRow]:
    """Returns every rule of the spec and every name in the decisions, those that took most documents first."""
    known = _conditions(spec) if spec else {}
    rows = [
        RuleRow(name=name, passes=known.get(name, ""), counts=counts.get(name, NOTHING))
        for name in [*known, *(name for name in counts if name not in known)]
    ]
    return sorted(rows, key=lambda row: (-row.counts.failed - row.counts.review, -row.counts.decided, row.name))


def thresholds_of(spec: JobSpec | None) -> dict[str, list[Threshold]]:
    """Returns the bounds of every numeric rule by signal."""
    found: dict[str, list[Threshold]] = {}
    for name, rule in rules_by_name(spec).items() if spec else ():
        for bound, is_min in ((rule.min, True), (rule.max, False)):
            if bound is not None:
                found.setdefault(rule.signal, []).append(Threshold(rule=name, value=float(bound), is_min=is_min))
    return found


def _conditions(spec: JobSpec) -> dict[str, str]:
    rules = rules_by_name(spec)
    gates = {f"{name}/": gate.when for name, gate in spec.gates.items()}
    shown = {
        name: condition(rule) + _applies(next((when for gate, when in gates.items() if name.startswith(gate)), When()))
        for name, rule in rules.items()
    }
    return shown | _duplicate_conditions(spec.dedup)


def _duplicate_conditions(dedup: DedupSpec) -> dict[str, str]:
    what = {"exact_raw": "content", "exact_text": "text", "exact_words": "words", "url": "URL"}
    found = {f"dedup/{kind}": f"no earlier kept document has the same {what[kind]}" for kind in dedup.kinds}
    if dedup.near:
        signing = dedup.near.signing
        shingles = f"{signing.ngram}-{'word' if signing.shingle == 'words' else 'character'} shingles"
        alike = f"{number(dedup.near.min_jaccard)} or more over {shingles}"
        found["dedup/near"] = f"no earlier kept document has a Jaccard similarity of {alike}"
    if dedup.near and dedup.near.review_within:
        asked = f"{number(dedup.near.min_jaccard)}, within {number(dedup.near.review_within)}"
        found["dedup/near_borderline"] = f"no earlier kept document has a Jaccard similarity near {asked}"
    if dedup.undecided == "hold":
        found["dedup/cluster_undecided"] = "no document like it is in review"
    return found


def condition(rule: Rule) -> str:
    """Returns what passes a rule, in words; the signal is named where the rule has another name."""
    signal = f"{rule.signal} " if rule.label != rule.signal else ""
    if rule.one_of:
        labels = ", ".join(rule.one_of[:MOST_LABELS])
        more = len(rule.one_of) - MOST_LABELS
        bound = f"{signal}one of {labels}" + (f" and {more} more" if more > 0 else "")
    elif rule.absent:
        bound = f"{signal}none"
    elif rule.min is not None and rule.max is not None:
        bound = f"{signal}from {number(rule.min)} to {number(rule.max)}"
    elif rule.min is not None:
        bound = f"{signal}at least {number(rule.min)}"
    else:
        bound = f"{signal}at most {number(rule.max)}"
    near = f", review within {number(rule.review_within)}" if rule.review_within else ""
    action = ", else review" if rule.action == "review" else ""
    return f"{bound}{near}{action}{_applies(rule.when)}"


def _applies(when: When) -> str:
    parts = [f"{kind} {', '.join(values)}" for kind, values in _kinds(when) if values]
    return f" (only {'; '.join(parts)})" if parts else ""


def _kinds(when: When) -> tuple[tuple[str, tuple[str, ...]], ...]:
    return (
        ("language", when.language),
        ("outcome", when.language_outcome),
        ("source", when.source),
        ("domain", when.domain),
    )
