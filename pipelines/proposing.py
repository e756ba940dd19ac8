"""A short, commented spec proposed from files that were never seen before: `gristmill init`."""

import os
import re
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, fields, replace
from itertools import chain, islice
from pathlib import Path

from curation.errors import InputError
from pipelines.guessing import SAMPLE_LIMITS, columns_of, is_list_of_lines
from pipelines.inputs.accounts import Accounts
from pipelines.inputs.files import InputFile
from pipelines.inputs.open import list_files
from pipelines.inputs.sniff import inspect_file
from pipelines.inputs.units import Piece, WorkUnit
from pipelines.measuring import documents_of
from pipelines.spec import Columns, InputSpec, JobSpec, Limits
from pipelines.spec_text import scalar_text

SHOWN_DOCUMENTS = 3
SHOWN_CHARS = 300
LOOKED_FILES = 8
"""Files of each format whose columns are looked at, spread over all."""
LISTED_PROBLEMS = 5
LONG_CHARS, LONG_MIN, SHORT_MIN = 400, 200, 20
"""Where documents are longer than LONG_CHARS, one below LONG_MIN is a remnant; else one below SHORT_MIN is."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Proposal:
    """A spec's text, what was found in the files, and the begin of their first documents (both from data: unsafe)."""

    spec: str
    looked: tuple[str, ...]
    documents: tuple[str, ...]


def propose_spec(patterns: Sequence[str], *, folder: Path) -> Proposal:
    """Returns a spec for the files that `patterns` name from the working directory; the spec is to lie in `folder`.

    Raises:
        InputError: no file, none that can be read, or no column of text.
    """
    plain = InputSpec(files=tuple(_seen_from(pattern, folder) for pattern in patterns))
    files = [inspect_file(file, plain) for file in list_files(patterns, Path())]
    readable = [file for file in files if file.format is not None]
    if not readable:
        found = "; ".join(f"{file.path}: {file.detail or file.problem}" for file in files[:LISTED_PROBLEMS])
        raise InputError(f"expected WARC, JSONL, Parquet or text, found none in {len(files)} files: {found}")
    given, notes = _guessed(readable, plain)
    texts = _first_documents(readable, given)
    name = _name(patterns[0])
    shown = tuple(" ".join(text.split())[:SHOWN_CHARS] for text in texts)
    looked = (*_summary(files), *notes, *_problems(files))
    return Proposal(spec=_spec_text(name, given, readable, texts), looked=looked, documents=shown)


def _guessed(files: Sequence[InputFile], given: InputSpec) -> tuple[InputSpec, list[str]]:
    """Returns `given` with columns and kind of document guessed, and what to tell about files that differ."""
    tables = [file for file in files if file.format in {"jsonl", "parquet"}]
    plain = [file for file in files if file.format == "text"]
    if plain and all(is_list_of_lines(file, max_bytes=Limits().record_bytes) for file in _spread(plain)):
        given = replace(given, document="line")
    if not tables:
        return given, []
    found = {file.path: columns_of(file) for file in _spread(tables)}
    counted = Counter(columns for columns in found.values() if columns is not None)
    if not counted:
        raise InputError(f"{next(iter(found))}: expected records with a column of text, found none")
    columns = counted.most_common(1)[0][0]
    notes = [
        f"{path}: the text seems to be in {other.text!r}, not {columns.text!r}; give it an input of its own"
        for path, other in found.items()
        if other is not None and other.text != columns.text
    ]
    return replace(given, columns=columns), notes


def _spread(files: Sequence[InputFile]) -> list[InputFile]:
    step = max(len(files) // LOOKED_FILES, 1)
    return list(files[::step][:LOOKED_FILES])


def _first_documents(files: Sequence[InputFile], given: InputSpec) -> list[str]:
    """Returns the first texts, shared out over files, as a run would extract them."""
    spec = JobSpec(job="sample", inputs={"sample": given}, limits=SAMPLE_LIMITS)
    chosen = _spread(files)
    texts: list[str] = []
    for index, file in enumerate(chosen):
        unit = WorkUnit(index=index, source="sample", pieces=(Piece(file=file),))
        batches = documents_of(spec, unit, Accounts(source="sample"))
        found = chain.from_iterable(batch["text"].to_pylist() for batch in batches)
        texts += islice(found, -(-SHOWN_DOCUMENTS // len(chosen)))
        if len(texts) >= SHOWN_DOCUMENTS:
            break
    return texts[:SHOWN_DOCUMENTS]


def _summary(files: Sequence[InputFile]) -> list[str]:
    formats = Counter(
        f"{file.format}" if file.compression in (None, "none") else f"{file.format} ({file.compression})"
        for file in files
        if file.format
    )
    kinds = ", ".join(f"{count:,} {kind}" for kind, count in sorted(formats.items()))
    return [f"{len(files):,} files, {sum(max(file.bytes, 0) for file in files):,} bytes: {kinds}"]


def _problems(files: Sequence[InputFile]) -> list[str]:
    bad = [file for file in files if file.problem is not None]
    more = [f"and {len(bad) - LISTED_PROBLEMS} more that cannot be read"] if len(bad) > LISTED_PROBLEMS else []
    return [f"{file.path}: cannot be read: {file.detail or file.problem}" for file in bad[:LISTED_PROBLEMS]] + more


def _name(pattern: str) -> str:
    """Returns a job name made of the last part of a pattern that is no wildcard, e.g. `web` for `web/*.jsonl.gz`."""
    parts = [part for part in re.split(r"[/\\]", pattern) if part and not set("*?[") & set(part)]
    word = re.sub(r"[^A-Za-z0-9]+", "-", parts[-1].partition(".")[0] if parts else "").strip("-")
    return word[:32].strip("-") or "corpus"


def _seen_from(pattern: str, folder: Path) -> str:
    """Returns a pattern of the working directory as the spec's folder sees it."""
    if "://" in pattern or pattern.startswith("/"):
        return pattern
    return os.path.relpath(os.path.abspath(pattern), os.path.abspath(folder))


def _spec_text(name: str, given: InputSpec, files: Sequence[InputFile], texts: Sequence[str]) -> str:
    lines = [
        "# Made by `gristmill init`. Every key is explained in docs/spec.md and by `gristmill schema`.",
        f"job: {scalar_text(name)}",
        "",
        "inputs:",
        f"  {scalar_text(name)}:",
        f"    files: [{', '.join(scalar_text(file) for file in given.files)}]",
        *_reading(given, {file.format for file in files}),
        "    gates: [substance, repetition] # judged in this order",
        "",
        "gates:",
        "  substance:",
        "    rules:",
        f"      - {{signal: num_chars, min: {_min_chars(texts)}}} # shorter documents are dropped",
        "      # - {signal: language, one_of: [en, de]} # only these languages",
        "  repetition:",
        "    preset: gopher_repetition # Rae et al. 2021, Table A1; gopher_quality is the other preset",
        "",
        "# Copies are removed, exact ones and near ones (dedup). For training-ready shards, train a tokenizer on the",
        "# kept text of the first run (gristmill tokenizer train) and add:",
        "# shards: {tokenizer: tokenizer.json, sequence_length: 2048}",
    ]
    return "".join(f"{line}\n" for line in lines)


def _reading(given: InputSpec, formats: set[str | None]) -> list[str]:
    """Returns the lines that say how to read the files, where that differs from the defaults."""
    lines = []
    if formats & {"jsonl", "parquet"}:
        default = Columns()
        named = [(item.name, getattr(given.columns, item.name)) for item in fields(given.columns)]
        told = [(role, column) for role, column in named if role == "text" or column != getattr(default, role)]
        columns = ", ".join(f"{role}: {scalar_text(column)}" for role, column in told)
        lines.append(f"    columns: {{{columns}}} # guessed from the first records")
    if given.document == "line":
        lines.append("    document: line # of text files each line is a document")
    if formats & {"warc", "text"}:
        lines.append("    extract: main # HTML: the main content; `all` keeps menus and footers")
    return lines


def _min_chars(texts: Sequence[str]) -> int:
    lengths = sorted(len(text) for text in texts)
    return LONG_MIN if lengths and lengths[len(lengths) // 2] > LONG_CHARS else SHORT_MIN
