"""Evaluation sets read from JSONL and Parquet, and the index of them that decontamination looks texts up in."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import orjson
import pyarrow as pa

from curation.contamination.index import Index, build_index
from curation.contamination.overlap import without_common
from curation.errors import InputError
from pipelines.inputs.accounts import Accounts
from pipelines.inputs.open import list_files
from pipelines.inputs.reading import read_unit
from pipelines.inputs.sniff import inspect_file
from pipelines.inputs.units import plan_units
from pipelines.spec import Columns, InputSpec, Limits


@dataclass(frozen=True, slots=True, kw_only=True)
class EvaluationSet:
    """The files of one evaluation set, and which of an item's fields are its text."""

    name: str
    files: tuple[str, ...]
    fields: tuple[str, ...] = ("text",)
    id: str = "id"


def index_of_sets(
    sets: Sequence[EvaluationSet], *, root: Path, ngram: int, common: tuple[str, ...] = (), common_field: str = "text"
) -> Index:
    """Returns the index of evaluation sets.

    Args:
        sets: in any order; items keep theirs.
        root: folder that relative paths start from.
        ngram: words of a run.
        common: files of clean text: a run in more than ten of their documents is ignored.
        common_field: the field that has their text.

    Raises:
        InputError: a set names no file, has no item, or has one that cannot be read.
    """
    names: list[str] = []
    passages: list[str] = []
    items: list[int] = []
    for one in sets:
        first = len(names)
        for name, texts in _items(one, root):
            passages += texts
            items += [len(names)] * len(texts)
            names.append(name)
        if len(names) == first:
            raise InputError(f"{one.name}: expected items, found none in {', '.join(one.files)}")
    index = build_index(
        pa.array(passages, pa.string()), np.array(items, dtype=np.int64), pa.array(names, pa.string()), ngram=ngram
    )
    if not common:
        return index
    given = InputSpec(files=common, columns=Columns(text=common_field), extract="none")
    return without_common(index, (batch["text"] for batch in _records("common", given, root)))


def _items(one: EvaluationSet, root: Path) -> Iterator[tuple[str, list[str]]]:
    """Yields (name, passages) of each item."""
    columns = Columns(text=one.fields[0], id=one.id)
    number = 0
    for batch in _records(one.name, InputSpec(files=one.files, columns=columns, extract="none"), root):
        rows = zip(*(batch[name].to_pylist() for name in ("user_id", "text", "extra")), strict=True)
        for user_id, text, extra in rows:
            own = str(user_id) if user_id is not None else str(number)
            others = orjson.loads(extra) if extra and len(one.fields) > 1 else {}
            texts = [text or "", *(found for field in one.fields[1:] for found in _texts(others.get(field)))]
            yield f"{one.name}/{own.removeprefix(one.name + '/')}", texts
            number += 1


def _texts(value: object) -> Iterator[str]:
    """Yields the texts in a field: itself, or those of a list or of keys below it."""
    if isinstance(value, str):
        yield value
    elif isinstance(value, list | dict):
        for item in value.values() if isinstance(value, dict) else value:
            yield from _texts(item)


def _records(name: str, given: InputSpec, root: Path) -> Iterator[pa.RecordBatch]:
    """Yields batches of READ with texts.

    Raises:
        InputError: there is no file, or a record that cannot be read.
    """
    files = [inspect_file(file, given) for file in list_files(given.files, root)]
    if not files:
        raise InputError(f"{name}: expected at least one file, found none for {', '.join(given.files)}")
    accounts = Accounts(source=name)
    for unit in plan_units(files, Limits(), source=name, given=given):
        yield from read_unit(unit, given, Limits(), accounts)
    broken = accounts.dead_letter_table().slice(0, 1).to_pylist()
    if broken:
        raise InputError(
            f"{broken[0]['path']}: expected records with the field {given.columns.text!r}, "
            f"found {broken[0]['reason']} at {broken[0]['offset']}: {broken[0]['detail']}"
        )
