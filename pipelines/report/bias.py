"""What each rule removed, by language, source, kind of content, site and the groups that a spec names, beside the rest.

For each group and rule: the share of the documents that the rule applies to which failed it, against that share among
all other documents. A difference is called large when its whole 95% interval lies beyond `LARGE`. Counts are integers,
from `measured/` and `decisions/` put beside each other part by part (they hold the same documents in the same order),
so that a run of any size fits in memory. Whether a difference is unjust, no number says.
"""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import duckdb

from curation.quality.gates import Rule, When
from pipelines.judging import rules_by_name
from pipelines.parts import read_part
from pipelines.report.shares import Share, difference
from pipelines.rundir import Run, connect
from pipelines.spec import GateSpec, JobSpec
from pipelines.standing import part_names

LARGE = 0.05
"""Five percentage points."""
MOST_GROUPS = 12
"""Groups of one axis: those of most documents."""
MOST_RULES = 40
AXES = {"language": "signal.language", "source": "source", "domain": "domain", "site": "site"}
DECIDED = ("state", "decided_by", "failed")


@dataclass(frozen=True, slots=True, kw_only=True)
class Comparison:
    """What a rule removed of one group, and of all other documents."""

    axis: str
    group: str
    rule: str
    removed: Share
    others: Share

    @property
    def difference(self) -> float:
        """The group's share less that of the others."""
        return self.removed.value - self.others.value

    @property
    def interval(self) -> tuple[float, float]:
        """The difference's 95% interval."""
        return difference(self.removed, self.others)

    @property
    def is_large(self) -> bool:
        """Whether the whole interval lies beyond `LARGE`, on either side."""
        low, high = self.interval
        return low > LARGE or high < -LARGE

    def facts(self) -> dict[str, object]:
        """Returns it as plain values."""
        low, high = self.interval
        return {
            "axis": self.axis,
            "group": self.group,
            "rule": self.rule,
            "removed": self.removed.count,
            "of": self.removed.of,
            "removed_of_others": self.others.count,
            "others": self.others.of,
            "difference": self.difference,
            "interval": [low, high],
            "is_large": self.is_large,
        }


def bias_of(run: Run, spec: JobSpec | None) -> list[Comparison]:
    """Returns every comparison that can be made: largest certain difference first, then by axis, group and rule.

    Axes with one group only are left out, as are rules that removed nothing; of many rules, those that removed most.
    """
    columns = frozenset(run.measured.schema.names)
    axes = _axes(spec, columns)
    with connect() as connection:
        connection.register("measured", run.measured)
        connection.register("decisions", run.decisions)
        rules = _rules(connection)
        top = {name: _top(connection, expression) for name, expression in axes.items()}
        axes = {name: expression for name, expression in axes.items() if len(top[name]) > 1}
        if not rules or not axes:
            return []
        applies = [_applies(rule, spec, columns) for rule in rules]
        counts = _counts(run, connection, _Query(axes=axes, top=top, rules=rules, applies=applies))
    found = [
        Comparison(axis=axis, group=group, rule=rule, removed=removed, others=others)
        for axis in axes
        for group in top[axis]
        for rule in rules
        for removed, others in [_shares(counts, axis, group, rule)]
        if removed.of and others.of and removed.count + others.count
    ]
    return sorted(found, key=lambda item: (-_certain(item), item.axis, item.group, item.rule))


def _certain(item: Comparison) -> float:
    """Returns how far from zero the difference is at least."""
    low, high = item.interval
    return max(low, -high, 0.0)


@dataclass(frozen=True, slots=True, kw_only=True)
class _Query:
    """What is counted in each part: SQL of each axis and its groups, rules, and SQL of where each applies."""

    axes: Mapping[str, str]
    top: Mapping[str, Sequence[str]]
    rules: Sequence[str]
    applies: Sequence[str]

    def columns(self, names: Sequence[str]) -> list[str]:
        """Returns those of `names` that the SQL reads."""
        return [name for name in names if any(_quoted(name) in sql for sql in [*self.axes.values(), *self.applies])]


Key = tuple[str, str | None, str, str]
"""Axis, group (None: all), rule, and what is counted: `of` or `removed`."""


def _counts(run: Run, connection: duckdb.DuckDBPyConnection, query: _Query) -> Counter[Key]:
    counts: Counter[Key] = Counter()
    names = query.columns(run.measured.schema.names)
    for part in part_names(run):
        connection.register("part_measured", read_part(run.store, f"measured/{part}.parquet", names))
        connection.register("part_decided", read_part(run.store, f"decisions/{part}.parquet", list(DECIDED)))
        columns = [f"{_grouped(query, axis)} AS {_quoted('axis ' + axis)}" for axis in query.axes]
        columns += [f"({condition}) AS {_quoted(f'applies {at}')}" for at, condition in enumerate(query.applies)]
        connection.execute(
            f"CREATE OR REPLACE TEMP TABLE part AS SELECT {', '.join(columns)}, "  # noqa: S608 - names are quoted
            "list_distinct(list_transform(failed, lambda item: item.rule)) AS rules "
            "FROM part_measured POSITIONAL JOIN part_decided"
        )
        for axis in query.axes:
            _add(counts, connection, query, axis)
    return counts


def _add(counts: Counter[Key], connection: duckdb.DuckDBPyConnection, query: _Query, axis: str) -> None:
    """Counts one part by one axis; a group that is not among the axis' first ones is null there."""
    column = _quoted("axis " + axis)
    sums = ", ".join(f"count(*) FILTER ({_quoted(f'applies {at}')})" for at in range(len(query.rules)))
    for group, *numbers in connection.execute(f"SELECT {column}, {sums} FROM part GROUP BY ALL").fetchall():  # noqa: S608
        for rule, number in zip(query.rules, numbers, strict=True):
            counts[axis, None, rule, "of"] += number
            if group is not None:
                counts[axis, group, rule, "of"] += number
    failed = f"SELECT {column}, rule, count(*) FROM (SELECT {column}, unnest(rules) AS rule FROM part) GROUP BY ALL"  # noqa: S608
    for group, rule, number in connection.execute(failed).fetchall():
        counts[axis, None, rule, "removed"] += number
        if group is not None:
            counts[axis, group, rule, "removed"] += number


def _shares(counts: Counter[Key], axis: str, group: str, rule: str) -> tuple[Share, Share]:
    """Returns what the rule removed of the group, and of all other documents."""
    removed, of = (counts[axis, group, rule, what] for what in ("removed", "of"))
    all_removed, all_of = (counts[axis, None, rule, what] for what in ("removed", "of"))
    return Share(count=removed, of=of), Share(count=all_removed - removed, of=all_of - of)


def _axes(spec: JobSpec | None, columns: frozenset[str]) -> dict[str, str]:
    """Returns SQL of each axis: a column of `measured`, or a key of the data's other fields."""
    axes = {name: _quoted(column) for name, column in AXES.items() if column in columns}
    for name in spec.report.groups if spec else ():
        key = '$."' + name.replace('"', '\\"') + '"'
        if name in columns:
            axes[name] = f"CAST({_quoted(name)} AS VARCHAR)"
        elif "extra" in columns:
            axes[name] = f"json_extract_string({_quoted('extra')}, {_literal(key)})"
    return axes


def _top(connection: duckdb.DuckDBPyConnection, expression: str) -> list[str]:
    query = (
        f"SELECT {expression} AS name, count(*) AS size FROM measured WHERE name IS NOT NULL "  # noqa: S608
        f"GROUP BY name ORDER BY size DESC, name LIMIT {MOST_GROUPS}"
    )
    return [name for name, _ in connection.execute(query).fetchall()]


def _rules(connection: duckdb.DuckDBPyConnection) -> list[str]:
    """Returns the rules that removed most, by name."""
    query = f"""SELECT item.rule AS rule, count(*) AS size FROM (SELECT unnest(failed) AS item FROM decisions)
                GROUP BY rule ORDER BY size DESC, rule LIMIT {MOST_RULES}"""  # noqa: S608
    return sorted(rule for rule, _ in connection.execute(query).fetchall())


def _grouped(query: _Query, axis: str) -> str:
    listed = ", ".join(map(_literal, query.top[axis]))
    return f"CASE WHEN {query.axes[axis]} IN ({listed}) THEN {query.axes[axis]} END"


def _applies(name: str, spec: JobSpec | None, columns: frozenset[str]) -> str:
    """Returns SQL of where a rule applies: deduplication, to what the gates let pass; a gate's, where it measured."""
    if name.startswith("dedup/"):
        return "state <> 'dropped' OR starts_with(decided_by, 'dedup/')"
    rule = rules_by_name(spec).get(name) if spec else None
    if rule is None or spec is None or rule.column not in columns:
        return "true"
    gate = name.partition("/")[0]
    sources = tuple(source for source, given in spec.inputs.items() if gate in given.gates)
    when = spec.gates.get(gate, GateSpec()).when  # a spec need not name the gate of what a model writes
    conditions = [_within(When(source=sources)), _within(when), _within(rule.when)]
    return " AND ".join([*filter(None, conditions), *_measured(rule)])


def _measured(rule: Rule) -> list[str]:
    return [] if rule.absent else [f"{_quoted(rule.column)} IS NOT NULL"]


def _within(when: When) -> str:
    return " AND ".join(
        f"coalesce({_quoted(column)} IN ({', '.join(map(_literal, allowed))}), false)"
        for column, allowed in when.columns()
    )


def _quoted(name: str) -> str:
    return '"' + name.replace('"', '""') + '"'


def _literal(text: str) -> str:
    return "'" + text.replace("'", "''") + "'"
