"""The names of what makes one copy of a document preferred to another, and the stored columns that they read.

`source`: order of the inputs. `first`: order of the input: source, path, offset. `longest`: bytes of text. `licensed`:
preferred licences, other known ones, unknown. `newest`: fetch time. `signal.NAME`: largest first; `-signal.NAME`:
smallest first. What is unknown comes last.
"""

NAMED = ("source", "first", "longest", "licensed", "newest")
_COLUMNS = {"source": "source", "longest": "text_bytes", "licensed": "license", "newest": "fetch_time"}


def column_of(criterion: str) -> str | None:
    """Returns the stored column that a criterion reads; None for `first`, which is the order of the rows."""
    return _COLUMNS.get(criterion) if criterion in NAMED else criterion.removeprefix("-")
