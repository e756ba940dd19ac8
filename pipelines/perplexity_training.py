"""Trains an n-gram model on documents of files, and sets its cut-offs of head, middle and tail on others."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from curation.errors import InputError
from curation.kernels.ngrams import Hashes
from curation.kernels.words import Counts
from curation.quality.language import Language
from curation.quality.ngram_model import NgramModel, scorer_of
from curation.quality.ngram_training import train_ngrams
from curation.step import Plan
from curation.text.edits import ControlCharacters, Nfc
from curation.text.words import words_of
from pipelines.classifiers.examples import check_bad_fraction
from pipelines.inputs.accounts import Accounts
from pipelines.measuring import documents_of
from pipelines.run_plan import plan_run
from pipelines.spec import Columns, InputSpec, JobSpec

CLEANED = Plan(phases=((ControlCharacters(), Nfc()),))
"""A run's default edits."""
IDENTIFIED = CLEANED.then(Language())
THIRDS = (1 / 3, 2 / 3)
MIN_CALIBRATING = 3


@dataclass(frozen=True, slots=True, kw_only=True)
class Asked:
    """What to train on and how."""

    files: tuple[str, ...]
    calibrate: tuple[str, ...]
    """Files of documents whose thirds are head, middle and tail."""
    order: int = 3
    min_count: int = 1
    max_bytes: int = 64 << 20
    """Of text: the first documents that fit are trained on."""
    text_column: str = "text"
    language: str | None = None
    """Only documents that the package's model calls so; None: all."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Trained:
    """A calibrated model, and how much it was made of."""

    model: NgramModel
    documents: int
    words: int
    bytes: int
    calibrating: int
    """Documents with words that set the cut-offs."""


def train_on_files(asked: Asked) -> Trained:
    """Returns a model; the same documents in the same order give the same one.

    Raises:
        InputError: no file, no words to train on, or fewer than three documents with words to calibrate with.
        TooManyBadRecords: more than a tenth of the records are dead letters.
    """
    texts = list(_first(_texts(asked.files, asked), asked.max_bytes))
    hash_W, offsets_N1 = _words(texts)
    if not hash_W.size:
        raise InputError(
            f"{', '.join(asked.files)}: expected documents with words{_in(asked)} within {asked.max_bytes} bytes of "
            "text, found none"
        )
    model = train_ngrams(hash_W, offsets_N1, order=asked.order, min_count=asked.min_count)
    perplexity_N = _perplexities(model, _texts(asked.calibrate, asked))
    if perplexity_N.size < MIN_CALIBRATING:
        raise InputError(
            f"--calibrate {', '.join(asked.calibrate)}: expected at least {MIN_CALIBRATING} documents with words"
            f"{_in(asked)}, found {perplexity_N.size}"
        )
    return Trained(
        model=replace(model, cut_offs=tuple(np.quantile(perplexity_N, THIRDS).tolist())),
        documents=offsets_N1.size - 1,
        words=hash_W.size,
        bytes=sum(_bytes(array) for array in texts),
        calibrating=perplexity_N.size,
    )


def _texts(files: tuple[str, ...], asked: Asked) -> Iterator[pa.Array]:
    """Yields the texts of files, batch by batch, cleaned as in a run."""
    given = InputSpec(files=files, columns=Columns(text=asked.text_column))
    spec = JobSpec(job="perplexity", inputs={"texts": given}, signals=())
    documents = dead = 0
    for _, unit in plan_run(spec, root=Path(), digests=False).units:
        accounts = Accounts(source=unit.source)
        for batch in documents_of(spec, unit, accounts):
            documents += batch.num_rows
            yield _chosen(batch, asked.language)
        dead += accounts.dead_letter_table().num_rows
    check_bad_fraction(documents, dead)


def _in(asked: Asked) -> str:
    return f" in language {asked.language}" if asked.language else ""


def _chosen(batch: pa.RecordBatch, language: str | None) -> pa.Array:
    if language is None:
        return CLEANED(batch)["text"]
    identified = IDENTIFIED(batch)
    return identified["text"].filter(pc.equal(identified["signal.language"], language))


def _first(arrays: Iterator[pa.Array], max_bytes: int) -> Iterator[pa.Array]:
    """Yields the first texts, of `max_bytes` together at most."""
    left = max_bytes
    for texts in arrays:
        ends_N = np.cumsum(pc.binary_length(texts).to_numpy(zero_copy_only=False))
        num_fitting = int(np.searchsorted(ends_N, left, side="right"))
        yield texts.slice(0, num_fitting)
        if num_fitting < len(texts):
            return
        left -= int(ends_N[-1]) if len(texts) else 0


def _bytes(texts: pa.Array) -> int:
    return int(pc.sum(pc.binary_length(texts)).as_py() or 0)


def _words(arrays: Sequence[pa.Array]) -> tuple[Hashes, Counts]:
    """Returns the words' hashes of all documents and where those of each begin."""
    hashes, counts = [np.empty(0, dtype=np.uint64)], [np.zeros(1, dtype=np.int64)]
    for texts in arrays:
        words = words_of(texts)
        hashes.append(words.word_hash_W.copy())
        counts.append(words.num_words_N)
    return np.concatenate(hashes), np.cumsum(np.concatenate(counts))


def _perplexities(model: NgramModel, arrays: Iterator[pa.Array]) -> NDArray[np.float64]:
    """Returns the perplexities of the documents that have words."""
    scorer, found = scorer_of(model), [np.empty(0)]
    for texts in arrays:
        has_words_N = words_of(texts).num_words_N > 0
        found.append(scorer.perplexities(texts, has_words_N)[has_words_N])
    return np.concatenate(found)
