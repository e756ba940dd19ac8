"""Labelled documents for a classifier, read as a run reads them: bad records are dead letters, text is cleaned alike.

A text counts once, whatever it came from; one that is both positive and negative is left out. Documents fall into
training, validation and test by the hash of their site (of their id where there is none): no site is on two sides.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import xxhash
from numpy.typing import NDArray

from curation.errors import InputError, SpecError, TooManyBadRecords
from curation.identity import secure_hash, type_of_id
from curation.quality.language import Language
from curation.schema import DEAD_LETTER
from curation.step import Plan
from curation.text.edits import ControlCharacters, Nfc
from pipelines.inputs.reading import Accounts
from pipelines.measuring import documents_of
from pipelines.run_plan import plan_run
from pipelines.spec import Columns, InputSpec, JobSpec

CLEANED = Plan(phases=((ControlCharacters(), Nfc(), Language()),))
"""A run's default edits; the language is for the tables only."""
EXAMPLE = pa.schema(
    [
        pa.field("doc_id", type_of_id, nullable=False),
        pa.field("source", pa.string(), nullable=False),
        pa.field("site", pa.string()),
        pa.field("license", pa.string()),
        pa.field("language", pa.string()),
        pa.field("text", pa.string(), nullable=False),
        pa.field("is_positive", pa.bool_(), nullable=False),
    ]
)
SPLITS = ("train", "validation", "test", "held_out")
TRAIN, VALIDATION, TEST, HELD_OUT = range(4)
MAX_BAD_FRACTION = 0.1

Floats = NDArray[np.float64]
Mask = NDArray[np.bool_]
Words = NDArray[np.uint64]


@dataclass(frozen=True, slots=True, kw_only=True)
class Source:
    """Files of one label under one name."""

    name: str
    files: str
    is_positive: bool
    license: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Splitting:
    """Which documents are for what; `held_out` sources are for testing only, whatever their hash."""

    validation_fraction: float = 0.1
    test_fraction: float = 0.1
    held_out: tuple[str, ...] = ()
    max_per_source: int | None = None
    seed: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class Examples:
    """Labelled documents (EXAMPLE), in the order of a hash of their text, and what became of the rest."""

    table: pa.Table
    split_N: NDArray[np.int8]
    """Index in SPLITS."""
    group_N: Words
    """Hash of the site, or of the id."""
    dead_letters: pa.Table
    left_out: dict[str, int]
    files: tuple[dict[str, object], ...]
    """Source, path, bytes and digest of every file read."""

    @property
    def is_positive_N(self) -> Mask:
        """Returns the labels."""
        return np.asarray(self.table["is_positive"].to_numpy(zero_copy_only=False), dtype=np.bool_)

    def all(self) -> Mask:
        """Returns bool (N,): every document."""
        return np.ones(self.table.num_rows, dtype=np.bool_)

    def tested(self) -> Mask:
        """Returns bool (N,): the documents to measure on."""
        return self.of(TEST, HELD_OUT)

    def of(self, *splits: int) -> Mask:
        """Returns bool (N,): which documents are in one of these splits."""
        return np.isin(self.split_N, splits)


@dataclass(frozen=True, slots=True, kw_only=True)
class Found:
    """Examples as they were read, before anything is left out."""

    tables: tuple[pa.Table, ...]
    dead_letters: tuple[pa.Table, ...] = ()
    files: tuple[dict[str, object], ...] = ()
    left_out: tuple[tuple[str, int], ...] = ()


def read_sources(sources: Sequence[Source], columns: Columns) -> Found:
    """Returns the documents of files, with the label of their source.

    Raises:
        SpecError: two sources have one name, or a name is not one.
        InputError: a source matches no file.
        TooManyBadRecords: more than a tenth of the records are dead letters.
    """
    names = [source.name for source in sources]
    twice = next((name for name in names if names.count(name) > 1), None)
    if twice is not None:
        raise SpecError(f"sources: expected names that differ, found {twice!r} twice; write NAME=PATH")
    if not sources:
        return Found(tables=())
    inputs = {
        source.name: InputSpec(files=(source.files,), columns=columns, license=source.license) for source in sources
    }
    spec = JobSpec(job="classifier", inputs=inputs, signals=())
    plan = plan_run(spec, root=Path())
    labels = {source.name: source.is_positive for source in sources}
    tables, dead = [], []
    for _, unit in plan.units:
        accounts = Accounts(source=unit.source)
        for batch in documents_of(spec, unit, accounts):
            tables.append(_examples(CLEANED(batch), labels[unit.source]))
        dead.append(accounts.dead_letter_table())
    check_bad_fraction(sum(table.num_rows for table in tables), sum(table.num_rows for table in dead))
    files: tuple[dict[str, object], ...] = tuple(
        {"source": source, "path": file.path, "bytes": file.bytes, "xxh3_128": file.digest}
        for source, file in plan.files
    )
    return Found(tables=tuple(tables), dead_letters=tuple(dead), files=files)


def check_bad_fraction(documents: int, dead: int) -> None:
    """Raises TooManyBadRecords when more than a tenth of the records are dead letters."""
    if dead > MAX_BAD_FRACTION * (documents + dead):
        raise TooManyBadRecords(
            f"{dead} of {documents + dead} records are dead letters, more than {MAX_BAD_FRACTION:.0%}; "
            "check the files and --text-column"
        )


def _examples(batch: pa.RecordBatch, is_positive: bool) -> pa.Table:
    given = {
        "doc_id": batch["doc_id"],
        "source": batch["source"],
        "site": batch["site"],
        "license": batch["license"],
        "language": batch["signal.language"],
        "text": batch["text"],
        "is_positive": pa.repeat(pa.scalar(is_positive), batch.num_rows),
    }
    return pa.table([given[name] for name in EXAMPLE.names], schema=EXAMPLE)


def examples_of(found: Sequence[Found], splitting: Splitting) -> Examples:
    """Returns what was read as examples: each text once, split.

    Raises:
        SpecError: a held-out source is none.
    """
    tables = [table for item in found for table in item.tables]
    table = pa.concat_tables([EXAMPLE.empty_table(), *tables]).combine_chunks()
    dead = [letters for item in found for letters in item.dead_letters]
    left_out = {reason: count for item in found for reason, count in item.left_out}
    texts = [secure_hash(text.as_buffer()) for text in table["text"].combine_chunks()]
    chosen, counts = _once(texts, table["is_positive"].to_numpy(zero_copy_only=False))
    table, texts = table.take(pa.array(chosen)), [texts[n] for n in chosen.tolist()]
    _check_held_out(table, splitting)
    within = _within_cap(table["source"].to_pylist(), splitting.max_per_source)
    table = table.filter(pa.array(within))
    group_N = _groups(table)
    return Examples(
        table=table,
        split_N=_splits(table["source"].to_pylist(), group_N, splitting),
        group_N=group_N,
        dead_letters=pa.concat_tables([DEAD_LETTER.empty_table(), *dead]),
        left_out=left_out | counts | {"over_max_per_source": int((~within).sum())},
        files=tuple(file for item in found for file in item.files),
    )


def _once(texts: list[bytes], is_positive_N: Mask) -> tuple[NDArray[np.int64], dict[str, int]]:
    """Returns (rows that stay, in the order of their texts' hashes; counts of the others)."""
    first: dict[bytes, int] = {}
    both: set[bytes] = set()
    for row, text in enumerate(texts):
        if is_positive_N[first.setdefault(text, row)] != is_positive_N[row]:
            both.add(text)
    rows = [first[text] for text in sorted(first) if text not in both]
    contradictory = sum(text in both for text in texts)
    counts = {"same_text": len(texts) - contradictory - len(rows), "positive_and_negative": contradictory}
    return np.array(rows, dtype=np.int64), counts


def _check_held_out(table: pa.Table, splitting: Splitting) -> None:
    known = pc.unique(table["source"]).to_pylist()
    for name in splitting.held_out:
        if name not in known:
            raise SpecError(f"--hold-out {name}: expected one of the sources {', '.join(sorted(known))}")


def _within_cap(sources: list[str], cap: int | None) -> Mask:
    """Returns which rows are among the first `cap` of their source: a sample, as they lie in the order of a hash."""
    seen: dict[str, int] = {}
    within = np.ones(len(sources), dtype=np.bool_)
    for row, source in enumerate(sources):
        seen[source] = seen.get(source, 0) + 1
        within[row] = cap is None or seen[source] <= cap
    return within


def _groups(table: pa.Table) -> Words:
    keys = (
        b"site\0" + site.encode() if site is not None else b"id\0" + identifier
        for site, identifier in zip(table["site"].to_pylist(), table["doc_id"].to_pylist(), strict=True)
    )
    return np.fromiter((xxhash.xxh3_64_intdigest(key) for key in keys), dtype=np.uint64, count=table.num_rows)


def _splits(sources: list[str], group_N: Words, splitting: Splitting) -> NDArray[np.int8]:
    draws = [xxhash.xxh3_64_intdigest(group.tobytes(), seed=splitting.seed) for group in group_N]
    drawn_N = np.array(draws, dtype=np.uint64).astype(np.float64) * 2.0**-64
    split_N = np.full(len(sources), TRAIN, dtype=np.int8)
    split_N[drawn_N < splitting.validation_fraction + splitting.test_fraction] = VALIDATION
    split_N[drawn_N < splitting.test_fraction] = TEST
    split_N[np.isin(sources, splitting.held_out)] = HELD_OUT
    held_sites = np.unique(group_N[split_N == HELD_OUT])
    split_N[(split_N != HELD_OUT) & np.isin(group_N, held_sites)] = TEST
    return split_N


def check_classes(examples: Examples, *splits: int) -> None:
    """Raises InputError unless both labels are among the documents of each of these splits."""
    for split in splits:
        chosen = examples.is_positive_N[examples.of(split)]
        if chosen.all() or not chosen.any():
            raise InputError(
                f"{SPLITS[split]}: expected positive and negative documents, found {int(chosen.sum())} and "
                f"{int((~chosen).sum())}; give more documents, or larger fractions"
            )


def texts_of(examples: Examples, chosen_N: Mask) -> pa.Array:
    """Returns the texts of the chosen documents."""
    return examples.table["text"].filter(pa.array(chosen_N)).combine_chunks()


def lines_for_training(examples: Examples) -> Iterator[str]:
    """Yields the training documents as fastText takes them: a label and the text, on one line.

    Words that look like labels are left out, as in inference: a text cannot give itself a label.
    """
    chosen_N = examples.of(TRAIN)
    labels = np.where(examples.is_positive_N[chosen_N], "positive", "negative").tolist()
    for label, text in zip(labels, texts_of(examples, chosen_N).to_pylist(), strict=True):
        words = " ".join(word for word in text.replace("\0", " ").split() if not word.startswith("__label__"))
        yield f"__label__{label} {words}\n"
