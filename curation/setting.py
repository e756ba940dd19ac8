"""Documented dataclass fields: a setting's default and its sentence stand in one place.

The spec reference and the JSON Schema are generated from the `doc` in each field's metadata.
"""

import dataclasses
from typing import TypeVar

Value = TypeVar("Value")


def key(default: Value, doc: str) -> Value:
    """Returns a dataclass field with a default and the sentence that documents it."""
    return dataclasses.field(default=default, metadata={"doc": doc})  # type: ignore[no-any-return,call-overload]


def required(doc: str) -> dataclasses.Field:  # type: ignore[type-arg]
    """Returns a dataclass field that must be given."""
    return dataclasses.field(metadata={"doc": doc})  # type: ignore[no-any-return,call-overload]
