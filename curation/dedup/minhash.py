"""The MinHash step: everything that deduplication will ever ask of a text, computed once and stored.

`text_hash` decides exact duplicates (BLAKE2b: xxh3 is no proof against an attacker), `minhash` proposes near
duplicates, and `shingles` verify them.
Deduplication then runs again, without text, when a threshold or a decision changes.
"""

from dataclasses import dataclass

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from curation.dedup.banding import Normalize, Scheme, Shingle
from curation.identity import secure_hashes
from curation.kernels.minhash import Sketches, sketch, sketch_characters
from curation.schema import SIGNATURE_FIELDS
from curation.step import require, with_columns, with_fields
from curation.text.words import Words, words_of

_MAX_BYTES = 2**31 - 1  # of one pa.binary column


@dataclass(frozen=True, slots=True, kw_only=True)
class MinHash:
    """Adds `curation.schema.SIGNATURE_FIELDS`: hashes, shingle set and MinHash signature of `text`.

    `minhash` and `shingles` are null where the text has fewer than `ngram` words (characters). The defaults are
    FineWeb's 14 bands of 8 rows over 5-word shingles (Penedo et al. 2024, arXiv 2406.17557, section 3.4).
    A document without text (null) counts as the empty text.

    `normalize` says what makes two words the same: their lower case, or FineWeb's simplification (see
    `curation.kernels.simplified`). Characters are of the lower-cased text. `scheme` is datasketch's name of the
    permutations; `affine64` stores uint64 and sketches 64-bit shingles, the set stays uint32.
    """

    ngram: int = 5
    bands: int = 14
    rows: int = 8
    seed: int = 1
    shingle: Shingle = "words"
    normalize: Normalize = "case"
    scheme: Scheme = "affine32"

    def output_schema(self, schema: pa.Schema) -> pa.Schema:
        """Appends the signature's columns.

        Raises:
            SchemaError: there is no string column `text`, or a signature column is there already.
        """
        return with_fields(require(schema, "text", pa.string()), SIGNATURE_FIELDS)

    def __call__(self, batch: pa.RecordBatch) -> pa.RecordBatch:
        """Returns the batch with signatures appended.

        Raises:
            ValueError: the shingles of the batch pass 2 GiB (texts of 1 GiB and more).
        """
        words = words_of(batch["text"])
        columns = secure_hashes(batch["text"]), *_sizes(words), *_sketch_columns(self.sketches(words))
        return with_columns(batch, SIGNATURE_FIELDS, columns)

    def sketches(self, words: Words) -> Sketches:
        """Returns shingle sets and signatures as arrays, without columns."""
        num_permutations = self.bands * self.rows
        if self.shingle == "characters":
            return sketch_characters(
                words.values,
                words.offsets_N1,
                words.num_chars_N,
                ngram=self.ngram,
                num_permutations=num_permutations,
                seed=self.seed,
                scheme=self.scheme,
            )
        return sketch(
            words.word_hash_W if self.normalize == "case" else words.simplified_hash_W(),
            words.word_offsets_N1,
            ngram=self.ngram,
            num_permutations=num_permutations,
            seed=self.seed,
            scheme=self.scheme,
        )


def _sizes(words: Words) -> tuple[pa.Array, pa.Array]:
    """Returns columns text_bytes and num_words."""
    return pa.array(np.diff(words.offsets_N1)), pa.array(np.diff(words.word_offsets_N1))


def _sketch_columns(sketches: Sketches) -> tuple[pa.Array, pa.Array]:
    """Returns columns minhash and shingles, null where a document has no shingle."""
    has_shingles_N = np.diff(sketches.offsets_N1) > 0
    width = sketches.signature_NH.itemsize * sketches.signature_NH.shape[1]
    signature_offsets_N1 = np.concatenate([[0], np.cumsum(has_shingles_N * width)])
    signatures = sketches.signature_NH[has_shingles_N]
    return (
        _binary(signatures.reshape(-1), signature_offsets_N1, has_shingles_N),
        _binary(sketches.shingles, 4 * sketches.offsets_N1, has_shingles_N),
    )


def _binary(
    values: NDArray[np.uint32] | NDArray[np.uint64], offsets_N1: NDArray[np.int64], valid_N: NDArray[np.bool_]
) -> pa.Array:
    """Returns a pa.binary array of little-endian `values`; null where not valid."""
    if offsets_N1[-1] > _MAX_BYTES:
        raise ValueError(f"MinHash: expected at most {_MAX_BYTES} bytes of shingles in a batch, found {offsets_N1[-1]}")
    validity = pa.array(valid_N).buffers()[1]
    buffers = [
        validity,
        pa.py_buffer(offsets_N1.astype(np.int32)),
        pa.py_buffer(values.astype(values.dtype.newbyteorder("<"), copy=False)),
    ]
    return pa.Array.from_buffers(pa.binary(), valid_N.size, buffers)
