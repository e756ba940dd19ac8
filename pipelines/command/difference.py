"""The tables of `gristmill whatif` and `gristmill compare`."""

from collections.abc import Callable, Iterator

from curation.text.safe import visible
from pipelines.answers import failure_text, locator
from pipelines.changes import Change, Standing
from pipelines.command.speaking import table
from pipelines.comparison import Amount, Comparison, RuleChange, Share

MOST_SHARES = 12
EXCERPT_CHARS = 160
STATES = (("read", "read"), ("kept", "kept"), ("review", "in review"), ("dropped", "dropped"))


def side_table(result: Comparison, title: str) -> str:
    """Returns documents by state, and tokens, on both sides."""
    before, after = result["before"], result["after"]
    counts: list[tuple[str, int | None, int | None]] = [
        (label, before[name], after[name])  # type: ignore[literal-required]
        for name, label in STATES
    ]
    counts.append(("tokens", before["tokens"], after["tokens"]))
    rows = [(label, _number(was), _number(now), _change(was, now)) for label, was, now in counts if was is not None]
    return f"{title}\n{table([('', 'before', 'after', 'change'), *rows])}"


def rule_table(result: Comparison) -> str:
    """Returns what each rule no longer keeps out, and what it keeps out only now; empty where nothing moved."""
    rows = [
        (visible(item["rule"]), *_amounts(item["added"]), *_amounts(item["removed"]))
        for item in result["rules"]
        if _moved(item)
    ]
    if not rows:
        return ""
    return table([("rule", "documents added", "tokens", "documents removed", "tokens"), *rows])


def mix_tables(result: Comparison) -> Iterator[str]:
    """Yields kept documents by source, language and domain, where there is more than one."""
    for axis, shares in result["mix"].items():
        if len(shares) > 1:
            rows = [(visible(share["name"] or "unknown"), *_share(share)) for share in _largest(shares)]
            yield table([(axis, "before", "after", "added", "removed", "tokens before", "tokens after"), *rows])


def _largest(shares: list[Share]) -> list[Share]:
    """Returns the largest shares, and what is added and removed in the others as one."""
    shown, rest = shares[:MOST_SHARES], shares[MOST_SHARES:]
    if not rest:
        return shown
    total: Callable[[str], Amount] = lambda key: Amount(  # noqa: E731
        documents=sum(share[key]["documents"] for share in rest),  # type: ignore[literal-required]
        tokens=sum(share[key]["tokens"] or 0 for share in rest),  # type: ignore[literal-required, misc]
    )
    others = Share(
        name=f"{len(rest)} others",
        before=total("before"),
        after=total("after"),
        added=total("added"),
        removed=total("removed"),
    )
    return [*shown, others]


def change_lines(change: Change) -> str:
    """Returns a document that changes sides: from where to where, and every reason."""
    before, after = change["before"], change["after"]
    lines = [
        f"{change['document']['doc_id']}  {_stands(before)} -> {_stands(after)}",
        f"  {locator(change['document'])}",
        *(f"  before: {reason}" for reason in _reasons(before)),
        *(f"  after: {reason}" for reason in _reasons(after)),
        f"  {visible(change['excerpt'], limit=EXCERPT_CHARS)}",
    ]
    return "\n".join(lines)


def _stands(standing: Standing | None) -> str:
    if standing is None:
        return "not in the input"
    by = f" by {visible(standing['decided_by'])}" if standing["decided_by"] else ""
    return f"{standing['state']}{by}"


def _reasons(standing: Standing | None) -> list[str]:
    if standing is None:
        return []
    return [*map(failure_text, standing["failed"]), *map(visible, standing["review_reasons"])]


def _moved(item: RuleChange) -> bool:
    return bool(item["added"]["documents"] or item["removed"]["documents"])


def _share(share: Share) -> tuple[str, ...]:
    documents = (_number(share[key]["documents"]) for key in ("before", "after", "added", "removed"))
    return (*documents, _number(share["before"]["tokens"]), _number(share["after"]["tokens"]))


def _amounts(amount: Amount) -> tuple[str, str]:
    return _number(amount["documents"]), _number(amount["tokens"])


def _number(value: int | None) -> str:
    return "-" if value is None else f"{value:,}"


def _change(before: int | None, after: int | None) -> str:
    if before is None or after is None:
        return "-"
    share = f" ({(after - before) / before:+.1%})" if before and after != before else ""
    return f"{after - before:+,}{share}"
