"""What differs between two decisions about the same documents: kept documents, their tokens and mix, and by which rule.

Both sides are counted once, into cells of documents that are alike in everything a table of the answer groups by; all
tables are sums over cells. Counts are integers; estimates enter only when cells are added up.
"""

from collections import defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import NamedTuple, TypedDict

import duckdb

AXES = ("source", "language", "domain")
NOT_READ = "not in the input"
"""Stands for a rule where the other side never read a document."""


class Amount(TypedDict):
    """Some documents; `tokens` is null where the run has no token counts."""

    documents: int
    tokens: int | None


class Side(TypedDict):
    """What became of all documents on one side; `tokens` are those of the kept ones."""

    read: int
    kept: int
    review: int
    dropped: int
    tokens: int | None


class RuleChange(TypedDict):
    """Documents that a rule no longer keeps out, and those that it keeps out only now."""

    rule: str
    added: Amount
    removed: Amount


class Share(TypedDict):
    """Kept documents of one source, language or domain."""

    name: str | None
    before: Amount
    after: Amount
    added: Amount
    removed: Amount


class Comparison(TypedDict):
    """Two sides; what is added is kept after and not before."""

    before: Side
    after: Side
    only_before: int  # documents that the other side never read
    only_after: int
    added: Amount
    removed: Amount
    rules: list[RuleChange]  # by name
    mix: dict[str, list[Share]]  # by axis; most documents before first
    estimated_tokens: int  # documents kept after whose tokens are estimated from their size


class Cell(NamedTuple):
    """Documents that are alike; see `CELLS`."""

    source: str
    language_before: str | None
    language_after: str | None
    domain_before: str | None
    domain_after: str | None
    before: str | None  # state; null: not read
    before_by: str | None
    after: str | None
    after_by: str | None
    is_new: bool  # passes the gates only now; whether it is a copy is not known
    documents: int
    tokens_before: int
    tokens_after: int
    untold: int  # kept after, number of tokens unknown
    untold_size: int


CELLS = """
SELECT source, language_before, language_after, domain_before, domain_after, before, before_by, after, after_by, is_new,
  count(*), coalesce(sum(tokens_before) FILTER (before = 'kept'), 0), coalesce(sum(tokens_after), 0),
  count(*) FILTER (after = 'kept' AND tokens_after IS NULL),
  coalesce(sum(size) FILTER (after = 'kept' AND tokens_after IS NULL), 0)
FROM sides GROUP BY ALL ORDER BY ALL
"""

RATIOS = """
SELECT source, sum(tokens_before) / sum(size) FROM sides WHERE tokens_before IS NOT NULL AND size > 0
GROUP BY GROUPING SETS (source, ()) HAVING count(*) > 0 ORDER BY ALL
"""


@dataclass(frozen=True, slots=True, kw_only=True)
class Estimates:
    """What is put in for what is not known, by source; None stands for all of them.

    Attributes:
        kept_share: of documents that pass the gates, those that deduplication keeps.
        tokens_per_size: tokens for each unit of size.
    """

    kept_share: Mapping[str | None, float] = field(default_factory=dict)
    tokens_per_size: Mapping[str | None, float] = field(default_factory=dict)

    def share(self, cell: Cell) -> float:
        """Returns which part of a cell's documents stays where it is."""
        return self.kept_share.get(cell.source, self.kept_share.get(None, 1.0)) if cell.is_new else 1.0

    def tokens(self, cell: Cell) -> float:
        """Returns the tokens of the documents of a cell that are kept after."""
        per_size = self.tokens_per_size.get(cell.source, self.tokens_per_size.get(None, 0.0))
        return (cell.tokens_after + cell.untold_size * per_size) * self.share(cell)


@dataclass(slots=True)
class _Sum:
    documents: float = 0
    tokens: float = 0

    def add(self, documents: float, tokens: float) -> None:
        self.documents += documents
        self.tokens += tokens

    def amount(self, *, has_tokens: bool) -> Amount:
        return Amount(documents=round(self.documents), tokens=round(self.tokens) if has_tokens else None)


_Sums = defaultdict[str | None, dict[str, _Sum]]


def cells(connection: duckdb.DuckDBPyConnection) -> list[Cell]:
    """Returns the cells of the table `sides` of `connection`, in a fixed order.

    It has a row per document: `source`; `language_` and `domain_` of either side; the states `before` and `after`
    (null: that side never read it), the rules `before_by` and `after_by`; `is_new`; `tokens_before` and `tokens_after`
    (null: not known); `size`.
    """
    return [Cell(*row) for row in connection.execute(CELLS).fetchall()]


def token_ratios(connection: duckdb.DuckDBPyConnection) -> dict[str | None, float]:
    """Returns tokens per unit of size, by source, of the documents whose tokens are known; None: of all."""
    return dict(connection.execute(RATIOS).fetchall())


def compared(found: Iterable[Cell], *, tokens: tuple[bool, bool], estimates: Estimates) -> Comparison:
    """Returns the comparison that cells add up to.

    Args:
        found: from `cells`.
        tokens: whether token counts are known before, and after.
        estimates: for what is not known.
    """
    rows = list(found)
    rules = _moves(rows, estimates)
    total = {name: _Sum() for name in ("added", "removed")}
    for sums in rules.values():
        for name, amount in total.items():
            amount.add(sums[name].documents, sums[name].tokens)
    return Comparison(
        before=_side(_states_before(rows), has_tokens=tokens[0]),
        after=_side(_states_after(rows, estimates), has_tokens=tokens[1]),
        only_before=sum(cell.documents for cell in rows if cell.after is None),
        only_after=sum(cell.documents for cell in rows if cell.before is None),
        added=total["added"].amount(has_tokens=tokens[1]),
        removed=total["removed"].amount(has_tokens=tokens[0]),
        rules=[
            RuleChange(
                rule=str(rule),
                added=sums["added"].amount(has_tokens=tokens[1]),
                removed=sums["removed"].amount(has_tokens=tokens[0]),
            )
            for rule, sums in sorted(rules.items(), key=lambda item: str(item[0]))
        ],
        mix={axis: _mix(rows, axis, estimates, tokens) for axis in AXES},
        estimated_tokens=round(sum(cell.untold * estimates.share(cell) for cell in rows)) if all(tokens) else 0,
    )


def _states_before(rows: Iterable[Cell]) -> dict[str | None, _Sum]:
    states: defaultdict[str | None, _Sum] = defaultdict(_Sum)
    for cell in rows:
        states[cell.before].add(cell.documents, cell.tokens_before)
    return states


def _states_after(rows: Iterable[Cell], estimates: Estimates) -> dict[str | None, _Sum]:
    states: defaultdict[str | None, _Sum] = defaultdict(_Sum)
    for cell in rows:
        share = estimates.share(cell)
        states[cell.after].add(cell.documents * share, estimates.tokens(cell))
        states["dropped"].add(cell.documents * (1 - share), 0)
    return states


def _side(states: Mapping[str | None, _Sum], *, has_tokens: bool) -> Side:
    counts = {state: round(states[state].documents) if state in states else 0 for state in ("kept", "review")}
    read = round(sum(amount.documents for state, amount in states.items() if state is not None))
    kept = states.get("kept", _Sum())
    return Side(
        read=read,
        kept=counts["kept"],
        review=counts["review"],
        dropped=read - counts["kept"] - counts["review"],
        tokens=kept.amount(has_tokens=has_tokens)["tokens"],
    )


def _moves(rows: Iterable[Cell], estimates: Estimates) -> _Sums:
    """Returns what was added (by the rule before) and removed (by the rule after)."""
    sums: _Sums = defaultdict(lambda: {"added": _Sum(), "removed": _Sum()})
    for cell in rows:
        if cell.after == "kept" != cell.before:
            by = NOT_READ if cell.before is None else cell.before_by
            sums[by]["added"].add(cell.documents * estimates.share(cell), estimates.tokens(cell))
        elif cell.before == "kept" != cell.after:
            by = NOT_READ if cell.after is None else cell.after_by
            sums[by]["removed"].add(cell.documents, cell.tokens_before)
    return sums


def _mix(rows: Iterable[Cell], axis: str, estimates: Estimates, tokens: tuple[bool, bool]) -> list[Share]:
    names = ("before", "after", "added", "removed")
    sums: _Sums = defaultdict(lambda: {name: _Sum() for name in names})
    for cell in rows:
        before, after = _labels(cell, axis)
        was, is_now = cell.before == "kept", cell.after == "kept"
        count, tokens_after = cell.documents * estimates.share(cell), estimates.tokens(cell)
        if was:
            sums[before]["before"].add(cell.documents, cell.tokens_before)
            sums[before]["removed"].add(cell.documents * (not is_now), cell.tokens_before * (not is_now))
        if is_now:
            sums[after]["after"].add(count, tokens_after)
            sums[after]["added"].add(count * (not was), tokens_after * (not was))
    has = dict(zip(names, (*tokens, tokens[1], tokens[0]), strict=True))
    shares = [
        Share(name=name, **{key: amount.amount(has_tokens=has[key]) for key, amount in of.items()})  # type: ignore[typeddict-item]
        for name, of in sums.items()
    ]
    return sorted(shares, key=lambda share: (-share["before"]["documents"], share["name"] or ""))


def _labels(cell: Cell, axis: str) -> tuple[str | None, str | None]:
    if axis == "source":
        return cell.source, cell.source
    return (
        (cell.language_before, cell.language_after) if axis == "language" else (cell.domain_before, cell.domain_after)
    )
