"""Gates: bounds on signals. A gate adds a verdict per document and drops nothing.

A rule fails when the value is *strictly* beyond its bound, as in Gopher ("reject on strictly greater").
Values and bounds are float64 on every path, so that a document exactly at a threshold gets one answer.
A null signal is "not applicable": it fails no rule.
"""

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Literal

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from curation.errors import SchemaError, SpecError
from curation.schema import VERDICT
from curation.setting import documented, key
from curation.step import require, with_columns, with_fields

Mask = NDArray[np.bool_]


@dataclass(frozen=True, slots=True, kw_only=True)
class When:
    """Limits a gate or rule to some documents; where it does not hold, the rule is not applicable."""

    language: tuple[str, ...] = key((), "labels of `signal.language`; empty: any")
    language_outcome: tuple[str, ...] = key((), "of `signal.language_outcome`: labels, mixed, undetermined; empty: any")
    source: tuple[str, ...] = key((), "names of inputs; empty: any")
    domain: tuple[str, ...] = key((), "domains of inputs; empty: any")

    def columns(self) -> Iterator[tuple[str, tuple[str, ...]]]:
        """Yields (column, allowed values) of each condition that is set."""
        conditions = (
            ("signal.language", self.language),
            ("signal.language_outcome", self.language_outcome),
            ("source", self.source),
            ("domain", self.domain),
        )
        return ((column, allowed) for column, allowed in conditions if allowed)

    def mask(self, batch: pa.RecordBatch) -> Mask:
        """Returns bool (N,): where every condition holds; null never matches."""
        mask = np.ones(batch.num_rows, dtype=np.bool_)
        for column, allowed in self.columns():
            mask &= _is_in(batch[column], allowed)
        return mask


@dataclass(frozen=True, slots=True, kw_only=True)
class Rule:
    """One bound on one signal."""

    signal: str = field(metadata=documented("signal that is judged, without the `signal.` prefix"))
    name: str | None = key(None, "name in decisions; default: the signal's")
    min: float | None = key(None, "smallest value that passes")
    max: float | None = key(None, "largest value that passes")
    one_of: tuple[str, ...] = key((), "texts that pass (for signals that are text)")
    absent: bool = key(False, "any text fails, and decisions quote it (for signals that are text)")
    review_within: float = key(0.0, "values this close to the bound go to review, on either side")
    action: Literal["drop", "review"] = key("drop", "what a failed rule does")
    when: When = key(When(), "documents the rule applies to")

    @property
    def label(self) -> str:
        """The name that decisions carry."""
        return self.name or self.signal

    @property
    def column(self) -> str:
        """The column that is judged."""
        return f"signal.{self.signal}"

    @property
    def is_of_text(self) -> bool:
        """Whether the signal is text, not a number."""
        return bool(self.one_of) or self.absent

    def check(self) -> None:
        """Raises SpecError unless the rule has exactly one kind of bound that makes sense."""
        if (self.min is not None or self.max is not None) + bool(self.one_of) + self.absent != 1:
            raise SpecError(
                f"rule {self.label!r}: expected min and/or max, or one_of, or absent; give one kind of bound"
            )
        if self.review_within < 0 or (self.is_of_text and self.review_within):
            raise SpecError(f"rule {self.label!r}: review_within must be >= 0, and only with min or max")


@dataclass(frozen=True, slots=True, kw_only=True)
class Gate:
    """Adds `verdict.<name>`: the rules that each document failed, with value, threshold and action.

    The list is empty where every applicable rule passed. `review` entries with a passing value are
    those that lie within `review_within` of the bound.
    """

    name: str
    rules: tuple[Rule, ...]
    when: When = When()

    def output_schema(self, schema: pa.Schema) -> pa.Schema:
        """Appends `verdict.<name>`, list of `curation.schema.VERDICT`."""
        for rule in self.rules:
            rule.check()
            require(schema, rule.column, pa.string() if rule.is_of_text else pa.float64())
        for condition in (self.when, *(rule.when for rule in self.rules)):
            for column, _ in condition.columns():
                require(schema, column, pa.string())
        return with_fields(schema, [self._field])

    @property
    def _field(self) -> pa.Field:
        return pa.field(f"verdict.{self.name}", pa.list_(VERDICT), nullable=False)

    def __call__(self, batch: pa.RecordBatch) -> pa.RecordBatch:
        """Judges every document by every rule."""
        applies = self.when.mask(batch)
        parts = [_entries(rule, batch, applies & rule.when.mask(batch)) for rule in self.rules]
        return with_columns(batch, [self._field], [_listed(parts, batch.num_rows)])


def _is_in(column: pa.Array, allowed: tuple[str, ...]) -> Mask:
    found = pc.fill_null(pc.is_in(column, value_set=pa.array(allowed, pa.string()), skip_nulls=True), False)
    return np.asarray(found.to_numpy(zero_copy_only=False), dtype=np.bool_)


def _entries(rule: Rule, batch: pa.RecordBatch, applies: Mask) -> tuple[NDArray[np.int64], pa.StructArray]:
    """Returns (rows that get an entry, ascending; their VERDICT structs)."""
    if rule.is_of_text:
        return _text_entries(rule, batch[rule.column], applies)
    values = batch[rule.column].to_numpy(zero_copy_only=False).astype(np.float64, copy=False)
    failed, near, threshold = _judge(rule, values)
    rows = np.flatnonzero(applies & ~np.isnan(values) & (failed | near))
    columns = {
        "rule": pa.repeat(rule.label, rows.size),
        "value": pa.array(values[rows]),
        "threshold": pa.array(threshold[rows]),
        "found": pa.nulls(rows.size, pa.string()),
        "action": pc.if_else(pa.array(near[rows]), "review", rule.action),
    }
    return rows, _structs(columns)


def _judge(rule: Rule, values: NDArray[np.float64]) -> tuple[Mask, Mask, NDArray[np.float64]]:
    """Returns (beyond a bound, within `review_within` of a bound, the bound that counts), each (N,)."""
    low = -np.inf if rule.min is None else float(rule.min)
    high = np.inf if rule.max is None else float(rule.max)
    with np.errstate(invalid="ignore"):
        too_low, too_high = values < low, values > high
        near_low, near_high = (np.abs(values - bound) <= rule.review_within for bound in (low, high))
    near = (near_low | near_high) if rule.review_within > 0 else np.zeros_like(too_low)
    counts_low = too_low | (near_low & ~too_high) if np.isfinite(low) else np.zeros_like(too_low)
    return too_low | too_high, near, np.where(counts_low, low, high)


def _text_entries(rule: Rule, column: pa.Array, applies: Mask) -> tuple[NDArray[np.int64], pa.StructArray]:
    known = column.is_valid().to_numpy(zero_copy_only=False)
    rows = np.flatnonzero(applies & known & ~_is_in(column, rule.one_of))
    columns = {
        "rule": pa.repeat(rule.label, rows.size),
        "value": pa.nulls(rows.size, pa.float64()),
        "threshold": pa.nulls(rows.size, pa.float64()),
        "found": column.take(pa.array(rows)),
        "action": pa.repeat(rule.action, rows.size),
    }
    return rows, _structs(columns)


def _structs(columns: dict[str, pa.Array]) -> pa.StructArray:
    return pa.StructArray.from_arrays([columns[field.name] for field in VERDICT], fields=list(VERDICT))


def _listed(parts: list[tuple[NDArray[np.int64], pa.StructArray]], num_rows: int) -> pa.ListArray:
    """Gathers entries into one list per row, in the order of the rules."""
    rows = np.concatenate([rows for rows, _ in parts]) if parts else np.zeros(0, np.int64)
    order = np.argsort(rows, kind="stable")
    entries = pa.concat_arrays([entries for _, entries in parts]) if parts else pa.array([], VERDICT)
    offsets = np.zeros(num_rows + 1, dtype=np.int32)
    np.cumsum(np.bincount(rows, minlength=num_rows), out=offsets[1:])
    return pa.ListArray.from_arrays(pa.array(offsets), entries.take(pa.array(order)), type=pa.list_(VERDICT))


def check_gates(gates: tuple[Gate, ...], schema: pa.Schema) -> None:
    """Raises SchemaError, naming the gate, when a gate reads a signal that `schema` lacks."""
    for gate in gates:
        try:
            gate.output_schema(schema)
        except SchemaError as error:
            raise SchemaError(f"gate {gate.name!r} {error}") from None
