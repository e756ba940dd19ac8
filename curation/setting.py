"""Documented dataclass fields: a setting's default and its sentence stand in one place.

The spec reference and the JSON Schema are generated from the `doc` in each field's metadata.
"""

import dataclasses
from typing import TypeVar

Value = TypeVar("Value")


def key(default: Value, doc: str) -> Value:
    """Returns a dataclass field with a default and the sentence that documents it."""
    return dataclasses.field(default=default, metadata=documented(doc))


def documented(doc: str) -> dict[str, str]:
    """Returns the metadata of a field that has no default, or needs `default_factory`."""
    return {"doc": doc}
