"""Step: the protocol that all of Gristmill is made of.

A Step maps one Arrow record batch to one record batch and knows its output schema. It is a frozen,
slotted, keyword-only dataclass: the step *is* its own configuration. What kind it is shows in what it
does to a batch: a Signal adds `signal.<name>`, an Edit replaces `text`, a Gate adds `verdict.<name>`,
a Derive adds rows. None drops a row.
"""

import dataclasses
from collections.abc import Iterable
from typing import Protocol, Self, runtime_checkable

import pyarrow as pa

from curation.errors import SchemaError
from curation.identity import fingerprint


@runtime_checkable
class Step(Protocol):
    """A pure function on record batches that knows its output schema."""

    def output_schema(self, schema: pa.Schema) -> pa.Schema:
        """Returns the schema of what `__call__` returns for a batch of `schema`.

        Raises:
            SchemaError: a column that the step reads is missing or has another type.
        """
        ...

    def __call__(self, batch: pa.RecordBatch) -> pa.RecordBatch:
        """Returns the batch with this step applied; row order and `doc_id` are kept."""
        ...


def require(schema: pa.Schema, name: str, data_type: pa.DataType) -> pa.Schema:
    """Returns `schema` unchanged if it has column `name` of `data_type`.

    Raises:
        SchemaError: it has not; the message lists the columns there are.
    """
    index = schema.get_field_index(name)
    if index < 0:
        raise SchemaError(f"reads {name!r}, which no earlier step adds; columns are {', '.join(schema.names)}")
    if schema.field(index).type != data_type:
        raise SchemaError(f"reads {name!r} as {data_type}, found {schema.field(index).type}")
    return schema


def signal_field(name: str, data_type: pa.DataType | None = None) -> pa.Field:
    """Returns the nullable field `signal.<name>`, float64 unless told."""
    return pa.field(f"signal.{name}", data_type or pa.float64())


def with_fields(schema: pa.Schema, fields: Iterable[pa.Field]) -> pa.Schema:
    """Returns `schema` with `fields` appended.

    Raises:
        SchemaError: a field of that name is there already.
    """
    for field in fields:
        if schema.get_field_index(field.name) >= 0:
            raise SchemaError(f"adds {field.name!r}, which an earlier step adds already")
        schema = schema.append(field)
    return schema


def with_columns(batch: pa.RecordBatch, fields: Iterable[pa.Field], arrays: Iterable[pa.Array]) -> pa.RecordBatch:
    """Returns `batch` with columns appended, in order."""
    schema = with_fields(batch.schema, fields)
    return pa.RecordBatch.from_arrays([*batch.columns, *arrays], schema=schema)


def configuration_of(step: object) -> dict[str, object]:
    """Returns the step's class name and fields as plain JSON values: what its fingerprint covers.

    Raises:
        SchemaError: the step is no dataclass.
    """
    if not dataclasses.is_dataclass(step) or isinstance(step, type):
        raise SchemaError(f"{step!r} is not a dataclass; a step is its own configuration")
    return {"step": type(step).__name__, **dataclasses.asdict(step)}


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """Steps in order, grouped into phases `edit* measure* judge`; itself a Step.

    A signal's field says in its metadata which phase's text it measured (`phase`, counted from 1).
    """

    phases: tuple[tuple[Step, ...], ...]

    def output_schema(self, schema: pa.Schema) -> pa.Schema:
        """Type-checks the whole chain before a worker starts.

        Raises:
            SchemaError: names the phase, the step and the missing column.
        """
        for number, phase in enumerate(self.phases, start=1):
            for position, step in enumerate(phase, start=1):
                before = schema.names
                try:
                    schema = step.output_schema(schema)
                except SchemaError as error:
                    raise SchemaError(f"phase {number}, step {position} ({type(step).__name__}) {error}") from None
                schema = _mark_phase(schema, before, number)
        return schema

    def __call__(self, batch: pa.RecordBatch) -> pa.RecordBatch:
        """Applies every step in order."""
        for number, phase in enumerate(self.phases, start=1):
            for step in phase:
                before = batch.schema.names
                batch = step(batch)
                batch = pa.RecordBatch.from_arrays(batch.columns, schema=_mark_phase(batch.schema, before, number))
        return batch

    def configuration(self) -> list[list[dict[str, object]]]:
        """Returns every step's configuration, by phase."""
        return [[configuration_of(step) for step in phase] for phase in self.phases]

    def fingerprint(self) -> str:
        """Returns a digest of all that decides the plan's output."""
        return fingerprint([*self.configuration()])

    def then(self, *steps: Step) -> Self:
        """Returns a plan with one more phase."""
        return dataclasses.replace(self, phases=(*self.phases, steps))


def _mark_phase(schema: pa.Schema, before: list[str], number: int) -> pa.Schema:
    known = set(before)
    for index, field in enumerate(schema):
        if field.name.startswith("signal.") and field.name not in known:
            schema = schema.set(index, field.with_metadata({"phase": str(number)}))
    return schema
