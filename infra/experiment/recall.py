"""Which of the faults a pipeline found, by kind, and which clean documents it lost: the same measure for every arm."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import pyarrow as pa

from infra.experiment.faults import CLEAN, COPIES, MEND, Record


@dataclass(frozen=True, slots=True, kw_only=True)
class Found:
    """Of `records` of a kind: those whose fault is gone, and those of which a text stays.

    A copy is gone if it and its original are not both kept. Of planted strings the share that is in no kept text counts
    (`found` is then a sum of shares). A clean record is never found; its text stays if it or a copy of it is kept.
    """

    kind: str
    records: int
    found: float
    stay: int


def recall(records: Sequence[Record], kept: Mapping[str, str]) -> list[Found]:
    """Returns what was found of each kind, in order of first appearance in `faults.RATES`; clean comes first.

    Args:
        records: the raw corpus.
        kept: text by id of what a pipeline kept.
    """
    kinds = dict.fromkeys([CLEAN, *(record.fault for record in records)])
    copies: dict[str, list[str]] = {}
    for record in records:
        if record.original:
            copies.setdefault(record.original, []).append(record.id)
    return [
        Found(
            kind=kind,
            records=len(of_kind),
            found=sum(_found(record, kept) for record in of_kind),
            stay=sum(any(name in kept for name in (record.id, *copies.get(record.id, ()))) for record in of_kind),
        )
        for kind in kinds
        if (of_kind := [record for record in records if record.fault == kind])
    ]


def _found(record: Record, kept: Mapping[str, str]) -> float:
    """Returns 1 where the fault is gone, 0 where it is not, a share where parts of it are."""
    if record.fault == CLEAN:
        return 0.0
    if record.fault in COPIES:
        return float(not (record.id in kept and record.original in kept))
    if record.fault in MEND and record.id in kept:
        text = kept[record.id]
        left = text.split("\n") if record.fault == "boilerplate_lines" else text
        return sum(string not in left for string in record.planted) / len(record.planted)
    return float(record.id not in kept)


def read_kept(names: Sequence[str], texts: Sequence[str]) -> dict[str, str]:
    """Returns texts by id."""
    return dict(zip(names, texts, strict=True))


def deciding_rules(decisions: pa.Table, records: Sequence[Record]) -> dict[str, list[tuple[str, int]]]:
    """Returns by kind what decided on its dropped records, the commonest first; of Gristmill's arm only.

    Args:
        decisions: `user_id` and `decided_by` of dropped documents.
        records: the raw corpus.
    """
    kinds = {record.id: record.fault for record in records}
    counts: dict[str, dict[str, int]] = {}
    for name, rule in zip(decisions["user_id"].to_pylist(), decisions["decided_by"].to_pylist(), strict=True):
        of_kind = counts.setdefault(kinds[name], {})
        of_kind[rule] = of_kind.get(rule, 0) + 1
    return {kind: sorted(found.items(), key=lambda item: (-item[1], item[0])) for kind, found in counts.items()}
