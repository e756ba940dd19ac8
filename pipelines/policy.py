"""Which stored columns the policies of deduplication read, and whether there are such columns."""

import pyarrow as pa

from curation.dedup.criteria import NAMED
from curation.errors import SpecError
from pipelines.measuring import measured_schema
from pipelines.spec import DedupSpec, JobSpec

_NAMED_SCOPES = {"global": None, "language": "signal.language"}


def scope_column(dedup: DedupSpec) -> str | None:
    """Returns the column of `measured/` whose values are the scopes; None: one scope for all."""
    return _NAMED_SCOPES.get(dedup.scope, dedup.scope)


def check_policy(spec: JobSpec) -> None:
    """Raises SpecError when the order of survivors or the scope reads a column that is not there or not fit."""
    schema = measured_schema(spec)
    for criterion in spec.dedup.prefer:
        column = criterion.removeprefix("-")
        if criterion not in NAMED and (column not in schema.names or schema.field(column).type != pa.float64()):
            numeric = [item.name for item in schema if item.name.startswith("signal.") and item.type == pa.float64()]
            raise SpecError(
                f"dedup.prefer: expected {', '.join(NAMED)} or a measured number, found {criterion!r}; "
                f"measured are {', '.join(numeric) or 'none'}"
            )
    name = scope_column(spec.dedup)
    if name is not None and (name not in schema.names or not _is_plain(schema.field(name).type)):
        columns = [item.name for item in schema if _is_plain(item.type)]
        raise SpecError(
            f"dedup.scope: expected global, source, language or a column of measured/, found {spec.dedup.scope!r}; "
            f"columns are {', '.join(columns)}"
        )


def _is_plain(kind: pa.DataType) -> bool:
    return not pa.types.is_nested(kind)
