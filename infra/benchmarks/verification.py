"""Measures verification: recall of planted faults by kind and language, false alarms of each rule on clean children.

Usage: GRISTMILL_CORPORA=... python infra/benchmarks/verification.py [--seed 1]

Parents: the paragraphs of $GRISTMILL_CORPORA/dev/text/xquad_wiki. A fault counts as found when the rule that looks for
it failed or was in doubt. False alarms are those on clean children (`planted_faults.py`), and on the pairs that people
called paraphrases in MSRP, whose sentences differ in facts too, so they are an upper bound. Writes
infra/benchmarks/results/verification.json; exits 1 where a kind is below its bound.
"""

import gzip
import json
import os
import sys
import time
from collections import Counter
from pathlib import Path

import pyarrow as pa
from planted_faults import Paragraph, Planter
from records import arguments, circumstances, save

from curation.identity import doc_ids
from curation.privacy.personal_data import PersonalData
from curation.quality.language import Language
from curation.step import Plan
from curation.verified_children import verification_gate, verification_steps

LOOKED_FOR_BY = {
    "changed_number": "invented_numbers",
    "changed_month": "invented_months",
    "changed_unit": "invented_units",
    "invented_name": "invented_names",
    "dropped_negation": "changed_negations",
    "wrong_language": "language_kept",
    "copied": "copied_fraction",
    "drifted": "shared_words_fraction",
    "refused": "refusals",
    "left_over": "template_residue",
    "truncated": "length_ratio",
    "invented_pii": "invented_pii",
    "repeated": "repeated_fraction",
}
LEAST_RECALL, MOST_FALSE_ALARMS = 0.8, 0.05
Triple = tuple[str, str]


def plan() -> Plan:
    """Returns the plan that measures and judges children."""
    measures = verification_steps(language=Language(), personal_data=True)
    return Plan(phases=((Language(), PersonalData(), *measures, verification_gate(personal_data=True)),))


def rules_failed(pairs: list[Triple]) -> list[set[str]]:
    """Returns the rules that each (child, parent) failed or nearly failed."""
    batch = pa.record_batch(
        {
            "doc_id": pa.array(doc_ids("verification", "pairs", range(len(pairs))), pa.binary(16)),
            "text": [child for child, _ in pairs],
            "parent_text": [parent for _, parent in pairs],
            "model": ["planted"] * len(pairs),
            "template": ["simple/1"] * len(pairs),
        }
    )
    return [{entry["rule"] for entry in entries} for entries in plan()(batch)["verdict.verification"].to_pylist()]


def rows_of(name: str) -> list[dict[str, str]]:
    """Returns the rows of a file of the dev corpora."""
    path = Path(os.environ["GRISTMILL_CORPORA"], "dev", name)
    with gzip.open(path, "rt", encoding="utf-8") as lines:
        return [json.loads(line) for line in lines]


def paragraphs() -> list[Paragraph]:
    """Returns the paragraphs of XQuAD in five languages."""
    return [
        Paragraph(key=row["id"].partition(".")[2], title=row["title"], language=row["lang"], text=row["text"])
        for row in rows_of("text/xquad_wiki.jsonl.gz")
    ]


def shares(counts: Counter[str], total: int) -> dict[str, float]:
    """Returns each count by the total, largest first."""
    return {name: round(count / total, 4) for name, count in counts.most_common()}


def main() -> None:
    """Plants, judges, prints and saves."""
    given = arguments(__doc__ or "", rounds=1, seed=(1, "seed of the planter"))
    planter = Planter(paragraphs(), seed=given.seed)
    children = [child for parent in planter.paragraphs for child in planter.children(parent)]
    begun = time.process_time()
    failed = rules_failed([(child.text, child.parent.text) for child in children])
    milliseconds = 1000 * (time.process_time() - begun) / len(children)
    recall: dict[str, dict[str, dict[str, float]]] = {}
    for kind, rule in LOOKED_FOR_BY.items():
        for language in ("en", "de", "es", "ru", "zh"):
            of_kind = [
                rules
                for child, rules in zip(children, failed, strict=True)
                if child.kind == kind and child.parent.language == language
            ]
            if of_kind:
                found = sum(rule in rules for rules in of_kind)
                recall.setdefault(kind, {})[language] = {
                    "planted": len(of_kind),
                    "recall": round(found / len(of_kind), 4),
                }
    false_alarms = {}
    for language in ("en", "de", "es", "ru", "zh"):
        clean = [
            r for c, r in zip(children, failed, strict=True) if c.kind == "clean" and c.parent.language == language
        ]
        false_alarms[language] = shares(Counter(rule for rules in clean for rule in rules), len(clean))
    paraphrases = [row for row in rows_of("dedup/msrp_pairs.jsonl.gz") if row["label"] == 1]
    on_people = rules_failed([(row["text_b"], row["text"]) for row in paraphrases])
    overall = {
        kind: round(
            sum(one["planted"] * one["recall"] for one in by.values()) / sum(one["planted"] for one in by.values()), 4
        )
        for kind, by in recall.items()
    }
    alarms = Counter(rule for c, rules in zip(children, failed, strict=True) if c.kind == "clean" for rule in rules)
    num_clean = sum(child.kind == "clean" for child in children)
    of_clean = shares(alarms, num_clean)
    missed = [kind for kind, value in overall.items() if value < LEAST_RECALL]
    missed += [rule for rule, value in of_clean.items() if value > MOST_FALSE_ALARMS]
    result: dict[str, object] = {
        **circumstances("pyarrow", "numpy"),
        "parents": len(planter.paragraphs),
        "children": len(children),
        "rule_by_kind": LOOKED_FOR_BY,
        "recall": overall,
        "recall_by_language": recall,
        "false_alarms_on_clean": of_clean,
        "false_alarms_by_language": false_alarms,
        "alarms_on_paraphrases_of_msrp": shares(Counter(rule for rules in on_people for rule in rules), len(on_people)),
        "paraphrases": len(paraphrases),
        "cpu_milliseconds_per_child": round(milliseconds, 3),
        "bounds": {"least_recall": LEAST_RECALL, "most_false_alarms": MOST_FALSE_ALARMS},
        "missed": missed,
    }
    print(json.dumps({name: result[name] for name in ("recall", "false_alarms_on_clean", "missed")}, indent=1))
    print(save("verification", result))
    sys.exit(bool(missed))


if __name__ == "__main__":
    main()
