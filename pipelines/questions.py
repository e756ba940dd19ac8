"""Questions to a finished run: why did this document end as it did, and which documents did a rule take?

Answers come from the written tables; what a rule says is asked of the gate itself, so that `why` and the run cannot
disagree about a value at its threshold.
"""

from collections.abc import Mapping
from contextlib import suppress
from dataclasses import replace
from functools import lru_cache
from typing import cast

import duckdb
import pyarrow as pa

from curation.errors import InputError, SpecError
from curation.quality.gates import Gate, Rule
from pipelines.answers import (
    Answer,
    Check,
    Explanation,
    Link,
    Member,
    Sample,
    Value,
    answer_text,
    samples_text,
)
from pipelines.inputs.urls import strip_credentials
from pipelines.lookup import DecisionRow, MeasuredRow, decision_rows, find, measured_rows, named, parts_of
from pipelines.rundir import Run
from pipelines.spec import JobSpec

__all__ = ["answer_text", "inspect_run", "samples", "samples_text", "spec_of", "why_document"]

MAX_LISTED = 50
EXCERPT_CHARS = 600
STATES = ("kept", "dropped", "review")


MADE_BY = ("generator", "template", "model")


def why_document(run: Run, document: str) -> list[Answer]:
    """Explains the document that `document` names; where several match, lists the first 50 of them.

    Args:
        run: the run.
        document: an id in hex or the start of one, a URL, a WARC record id, or the data's
            own id.

    Raises:
        InputError: no document of the run has this name.
    """
    rows, total = find(run, document, limit=MAX_LISTED)
    if not total:
        raise InputError(
            f"{strip_credentials(document)!r}: expected the id (hex), URL or own id of a document in {run.store.uri}, "
            "found none; records that could not be read are in dead_letter/"
        )
    decisions = decision_rows(run, parts_of(run, [row["doc_id"] for row in rows]))
    answers: list[Answer] = []
    for row in rows:
        decision = decisions.get(row["doc_id"])
        if decision is None:
            raise InputError(f"{run.store.uri}: no decision about {row['doc_id'].hex()} yet: run the job to its end")
        answers.append(
            Answer(
                num_matches=total,
                document=named(row),
                state=decision["state"],
                decided_by=decision["decided_by"],
                explanation=_explain(run, decision) if total == 1 else None,
            )
        )
    return answers


def inspect_run(
    run: Run, *, state: str | None = None, rule: str | None = None, count: int = 10, seed: int = 0
) -> list[Sample]:
    """Returns `count` documents, the same ones each time: those whose id hashes lowest with `seed`.

    Args:
        run: the run.
        state: kept, dropped or review; None: any.
        rule: the rule that decided, failed or asked for review, with or without its gate; None: any.
        count: how many at most.
        seed: another seed shows other documents.

    Raises:
        SpecError: there is no such state.
    """
    if state is not None and state not in STATES:
        raise SpecError(f"state: expected one of {', '.join(STATES)}, found {state!r}")
    with run.connect(tables=("decisions",)) as connection:
        found = connection.execute(
            _SAMPLE, {"state": state, "rule": rule, "count": count, "seed": str(seed)}
        ).fetchall()
    return samples(run, [row[0] for row in found])


MATCHES = """
($state IS NULL OR state = $state) AND ($rule IS NULL
  OR decided_by = $rule OR split_part(decided_by, '/', 2) = $rule
  OR len(list_filter(failed, lambda item: item.rule = $rule OR split_part(item.rule, '/', 2) = $rule)) > 0
  OR len(list_filter(review_reasons, lambda reason: starts_with(reason, $rule || ':')
                     OR starts_with(reason, split_part(reason, '/', 1) || '/' || $rule || ':'))) > 0)
"""
"""Decisions of a state ($state) that a rule ($rule, with or without its gate) touched; null: any."""

_SAMPLE = f"""
SELECT doc_id FROM decisions WHERE {MATCHES}
ORDER BY md5(hex(doc_id) || $seed), doc_id LIMIT $count
"""  # noqa: S608 - no value is in it


def samples(run: Run, ids: list[bytes], *, chars: int = EXCERPT_CHARS) -> list[Sample]:
    """Returns the documents `ids`, in that order, with excerpts of at most `chars` code points."""
    parts = parts_of(run, ids)
    measured = measured_rows(run, parts, ["text", "signal.language"])
    decisions = decision_rows(run, parts)
    present = [(measured[doc_id], decisions[doc_id]) for doc_id in ids if doc_id in measured and doc_id in decisions]
    return [_sample(row, decision, chars) for row, decision in present]


def _sample(row: MeasuredRow, decision: DecisionRow, chars: int) -> Sample:
    text = row.get("text") or ""
    return Sample(
        document=named(row),
        state=decision["state"],
        decided_by=decision["decided_by"],
        failed=decision["failed"],
        review_reasons=decision["review_reasons"],
        survivor_id=decision["survivor_id"].hex() if decision["survivor_id"] else None,
        language=cast(str | None, _values(row).get("signal.language")),
        num_chars=len(text),
        excerpt=text[:chars],
    )


def spec_of(run: Run) -> JobSpec | None:
    """Returns the spec that made the run, None where there is none that this version reads."""
    return _spec_of(run.store.read("spec.yaml")) if run.store.exists("spec.yaml") else None


@lru_cache(maxsize=32)
def _spec_of(content: bytes) -> JobSpec | None:
    """Kept by content: every page about a document asks for it."""
    from pipelines.spec_file import parse_spec  # noqa: PLC0415 - a YAML parser that most questions do without

    with suppress(SpecError):
        return parse_spec(content, name="spec.yaml")
    return None


def _explain(run: Run, decision: DecisionRow) -> Explanation:
    doc_id, cluster_id = decision["doc_id"], decision["cluster_id"]
    survivor, linked = decision["survivor_id"], decision["linked_id"]
    parts = parts_of(run, [item for item in (doc_id, survivor, linked) if item])
    row = measured_rows(run, {part: [doc_id] for part, ids in parts.items() if doc_id in ids})[doc_id]
    names = {item: named(found) for item, found in measured_rows(run, parts, []).items()}
    spec = spec_of(run)
    with run.connect(tables=("decisions", "links")) as connection:
        num_members, members = _members(connection, cluster_id) if cluster_id else (0, [])
        links = _links(connection, doc_id)
    return Explanation(
        failed=decision["failed"],
        review_reasons=decision["review_reasons"],
        split=decision["split"],
        signals={name.removeprefix("signal."): value for name, value in _values(row).items() if name[:7] == "signal."},
        checks=_checks(spec, row, run.measured.schema) if spec else [],
        cluster_id=cluster_id.hex() if cluster_id else None,
        num_members=num_members,
        members=members,
        survivor=names.get(survivor) if survivor else None,
        survivor_jaccard=decision["survivor_jaccard"],
        linked=names.get(linked) if linked else None,
        link_kind=decision["link_kind"],
        link_jaccard=decision["link_jaccard"],
        link_threshold=decision["link_threshold"],
        links=links,
        made_of=parent.hex() if (parent := row.get("parent_id")) else None,
        made_by=", ".join(name for key in MADE_BY if (name := _values(row).get(key)) and isinstance(name, str)) or None,
        license=row["license"],
        extractor=row["extractor"],
        num_edits=len(row.get("edits") or []),
        excerpt=(row.get("text") or "")[:EXCERPT_CHARS],
    )


def _values(row: MeasuredRow) -> Mapping[str, Value]:
    return cast(Mapping[str, Value], row)


def _members(connection: duckdb.DuckDBPyConnection, cluster_id: bytes) -> tuple[int, list[Member]]:
    """Returns the size of a cluster and its members: the earliest first, then by id."""
    query = """SELECT count(*) OVER (), doc_id, source, state, decided_by, survivor_id, link_kind, link_jaccard
        FROM decisions WHERE cluster_id = $cluster ORDER BY (doc_id <> $cluster), doc_id LIMIT $most"""
    rows = connection.execute(query, {"cluster": cluster_id, "most": MAX_LISTED}).fetchall()
    members = [
        Member(
            doc_id=doc_id.hex(),
            source=source,
            state=state,
            decided_by=decided_by,
            survivor_id=survivor_id.hex() if survivor_id else None,
            link_kind=kind,
            link_jaccard=jaccard,
        )
        for _, doc_id, source, state, decided_by, survivor_id, kind, jaccard in rows
    ]
    return (int(rows[0][0]) if rows else 0), members


def _links(connection: duckdb.DuckDBPyConnection, doc_id: bytes) -> list[Link]:
    query = """SELECT CASE WHEN doc_id = $doc THEN earlier_id ELSE doc_id END AS other, kind, jaccard, threshold
        FROM links WHERE doc_id = $doc OR earlier_id = $doc ORDER BY jaccard DESC NULLS LAST, kind, other LIMIT $most"""
    rows = connection.execute(query, {"doc": doc_id, "most": MAX_LISTED}).fetchall()
    return [
        Link(doc_id=other.hex(), kind=kind, jaccard=jaccard, threshold=threshold)
        for other, kind, jaccard, threshold in rows
    ]


def _checks(spec: JobSpec, row: MeasuredRow, schema: pa.Schema) -> list[Check]:
    """Asks every gate of the document's input about it, rule by rule."""
    from pipelines.judging import gates_of  # noqa: PLC0415 - pulls in readers and kernels, which `inspect` needs not

    fields = [field for field in schema if field.name in ("source", "domain") or field.name.startswith("signal.")]
    values = _values(row)
    batch = pa.RecordBatch.from_pylist([{field.name: values[field.name] for field in fields}], pa.schema(fields))
    gates = [gate for of_source in gates_of(spec) if of_source.source == row["source"] for gate in of_source.gates]
    return [_check(gate, rule, batch) for gate in gates for rule in gate.rules]


def _check(gate: Gate, rule: Rule, batch: pa.RecordBatch) -> Check:
    value: Value = batch[rule.column][0].as_py()
    entries = replace(gate, rules=(rule,))(batch)[f"verdict.{gate.name}"][0].as_py()
    if entries:
        outcome = "failed" if entries[0]["action"] == "drop" else "review"
    else:
        applies = value is not None and bool((gate.when.mask(batch) & rule.when.mask(batch))[0])
        outcome = "passed" if applies else "not_applicable"
    return Check(
        rule=f"{gate.name}/{rule.label}",
        signal=rule.signal,
        value=value,
        min=rule.min,
        max=rule.max,
        one_of=list(rule.one_of),
        absent=rule.absent,
        outcome=outcome,
        margin=_margin(rule, value),
    )


def _margin(rule: Rule, value: Value) -> float | None:
    if not isinstance(value, float):
        return None
    distances = [value - rule.min] if rule.min is not None else []
    distances += [rule.max - value] if rule.max is not None else []
    return min(distances, default=None)
