"""Reads a fastText model file (`.bin`, and `.ftz` with product quantisation), trusting nothing in it.

The format is that of the library's `FastText::saveModel`, versions 11 and 12: header, dictionary, input matrix,
output matrix. Every count and product is compared with the bytes that are left before memory is taken, so a
damaged or hostile file costs an error and not the machine: at most a few times the file's size is taken.
Numbers are bounded, so that no later sum is infinite.
"""

import struct
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from curation.errors import ArtifactError
from curation.kernels.fasttext_dictionary import ENTRY_BYTES, Entries, dictionary_entries
from curation.kernels.fasttext_labels import HIERARCHICAL, ONE_VS_ALL, UNSEEN
from curation.kernels.fasttext_rows import MAX_CHARACTERS

Data = bytes | bytearray | memoryview
Bytes = NDArray[np.uint8]
Floats = NDArray[np.float32]

MAGIC, VERSIONS, SUPERVISED = 793712314, (11, 12), 3
HEADER = struct.Struct("<2i")
SETTINGS = struct.Struct("<12id")
COUNTS = struct.Struct("<3i2q")
DENSE_SHAPE, QUANTIZED_SHAPE, QUANTIZER_SHAPE = struct.Struct("<2q"), struct.Struct("<2qi"), struct.Struct("<4i")
NUM_CENTROIDS = 256
MAX_DIM = 4096
MAX_WORD_NGRAMS = 64
MAX_BUCKETS = 2**27
"""Of a pruned model, whose buckets take memory beyond the file's size: 12 bytes for each 64."""
MAX_QUANTIZED_OUTPUT = 2**24
"""Numbers of a quantised output matrix, which is kept dense."""
LARGEST = 1e6
"""Bound of every number in a matrix: with it no score overflows float32."""
UNPRUNED = -1


@dataclass(frozen=True, slots=True, kw_only=True)
class Dense:
    """A matrix of float32, R rows of `dim`, as the file's bytes (which need not be aligned)."""

    values: Bytes
    num_rows: int
    dim: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Quantized:
    """A product-quantised matrix (Jegou et al. 2011): R rows, each of Q codes and a norm.

    The columns are cut into Q parts of `sub_dim`, the last one maybe narrower; part q has 256 centroids from
    256 * q * sub_dim on in `centroids`.
    """

    code_RQ: Bytes
    centroids: Floats
    norm_R: Floats
    dim: int
    sub_dim: int

    @property
    def num_rows(self) -> int:
        """Returns R."""
        return int(self.code_RQ.shape[0])


Matrix = Dense | Quantized


@dataclass(frozen=True, slots=True, kw_only=True)
class FastTextModel:
    """A supervised model: settings, dictionary and matrices; arrays are views of `data` where they can be."""

    data: Bytes
    dim: int
    word_ngrams: int
    loss: int
    num_buckets: int
    min_chars: int
    max_chars: int
    entries: Entries
    """Words, then labels; places are in `data`."""
    num_words: int
    labels: tuple[str, ...]
    label_counts: tuple[int, ...]
    bucket_K: NDArray[np.int64] | None
    """Of a pruned model, the buckets that have a row, in the order of their rows."""
    input: Matrix
    """A row per word, then a row per bucket."""
    output: Matrix
    """A row per label, or per inner node of the hierarchical loss."""


def read_model(data: Data, *, name: str) -> FastTextModel:
    """Returns the model in `data`, which it keeps.

    Args:
        data: the whole file.
        name: what errors call it.

    Raises:
        ArtifactError: it is no supervised fastText model, is cut off or contradicts itself.
    """
    return _Reader(np.frombuffer(data, dtype=np.uint8), name).model()


class _Reader:
    """A place in the file; each method reads one section from there."""

    def __init__(self, data: Bytes, name: str) -> None:
        self.data, self.name, self.at = data, name, 0
        self.data.setflags(write=False)

    def error(self, what: str) -> ArtifactError:
        return ArtifactError(f"{self.name}: {what} (byte {self.at}); the file is damaged or no fastText model")

    def check(self, holds: bool, what: Callable[[], str] | str) -> None:
        if not holds:
            raise self.error(what if isinstance(what, str) else what())

    def bytes(self, count: int, what: str) -> Bytes:
        left = self.data.size - self.at
        self.check(0 <= count <= left, lambda: f"{what}: expected {count} bytes, found {left}")
        self.at += count
        return self.data[self.at - count : self.at]

    def numbers(self, form: struct.Struct, what: str) -> tuple[int, ...]:
        return form.unpack(self.bytes(form.size, what).tobytes())

    def flag(self, what: str) -> bool:
        (value,) = self.bytes(1, what).tolist()
        self.check(value <= 1, f"{what}: expected 0 or 1, found {value}")
        return bool(value)

    def within(self, value: int, low: int, high: int, what: str) -> int:
        self.check(low <= value <= high, f"{what}: expected {low} to {high}, found {value}")
        return value

    def model(self) -> FastTextModel:
        """Reads everything."""
        magic, version = self.numbers(HEADER, "header")
        self.check(magic == MAGIC, f"header: expected fastText's magic number {MAGIC}, found {magic}")
        self.check(version in VERSIONS, f"header: expected version 11 or 12, found {version}")
        dim, _, _, _, _, word_ngrams, loss, kind, num_buckets, min_chars, max_chars, _, _ = self.numbers(
            SETTINGS, "settings"
        )
        self.check(kind == SUPERVISED, f"settings: expected a supervised model ({SUPERVISED}), found {kind}")
        max_chars = 0 if version == VERSIONS[0] else max_chars  # the library does so: older models had no n-grams
        self.within(dim, 1, MAX_DIM, "settings, dim")
        self.within(loss, HIERARCHICAL, ONE_VS_ALL, "settings, loss")
        self.within(word_ngrams, 0, MAX_WORD_NGRAMS, "settings, wordNgrams")
        self.within(max_chars, 0, MAX_CHARACTERS, "settings, maxn")
        self.within(min_chars, 0, MAX_CHARACTERS, "settings, minn")
        has_ngrams = max_chars > 0 or word_ngrams > 1
        self.within(num_buckets, int(has_ngrams), 2**31 - 1, "settings, bucket")
        entries, num_words, bucket_K = self.dictionary(num_buckets)
        num_rows = num_words + (num_buckets if bucket_K is None else bucket_K.size)
        labels, label_counts = self.labels(entries, num_words)
        is_quantized = self.flag("input matrix, quantised")
        self.check(is_quantized or bucket_K is None, "input matrix: expected a pruned model to be quantised")
        matrix = self.quantized if is_quantized else self.dense
        input_matrix = matrix(num_rows, dim, "input matrix")
        is_quantized &= self.flag("output matrix, quantised")
        self.check(
            not is_quantized or len(labels) * dim <= MAX_QUANTIZED_OUTPUT,
            f"output matrix: expected at most {MAX_QUANTIZED_OUTPUT} numbers, found {len(labels)} rows of {dim}",
        )
        output = (self.quantized if is_quantized else self.dense)(len(labels), dim, "output matrix")
        self.check(self.at == self.data.size, f"expected the end of the file, found {self.data.size - self.at} bytes")
        return FastTextModel(
            data=self.data,
            dim=dim,
            word_ngrams=word_ngrams,
            loss=loss,
            num_buckets=num_buckets,
            min_chars=min_chars,
            max_chars=max_chars,
            entries=entries,
            num_words=num_words,
            labels=labels,
            label_counts=label_counts,
            bucket_K=bucket_K,
            input=input_matrix,
            output=output,
        )

    def dictionary(self, num_buckets: int) -> tuple[Entries, int, NDArray[np.int64] | None]:
        """Reads words, labels and the kept buckets."""
        size, num_words, num_labels, _, num_kept = self.numbers(COUNTS, "dictionary")
        self.check(
            num_words >= 0 and num_labels >= 1 and size == num_words + num_labels,
            f"dictionary: expected words and one or more labels, found {num_words} and {num_labels} of {size}",
        )
        left = self.data.size - self.at
        self.check(size * ENTRY_BYTES <= left, f"dictionary: expected {size} entries, found {left} bytes")
        entries, end = dictionary_entries(self.data, self.at, size)
        self.check(end >= 0, f"dictionary: expected {size} entries, found fewer")
        self.at = end
        kind_E = entries.kind_E
        self.check(not kind_E[:num_words].any(), "dictionary: expected words before labels, found another kind")
        self.check(bool((kind_E[num_words:] == 1).all()), "dictionary: expected labels last, found another kind")
        if num_kept == UNPRUNED:
            return entries, num_words, None
        self.within(num_kept, 0, num_buckets, "dictionary, kept buckets")
        self.within(num_buckets, 0, MAX_BUCKETS, "settings, bucket of a pruned model")
        return entries, num_words, self.kept(num_kept, num_buckets)

    def kept(self, count: int, num_buckets: int) -> NDArray[np.int64]:
        """Reads the kept buckets; returns them in the order of their rows."""
        pair_K2 = self.bytes(8 * count, "dictionary, kept buckets").view("<i4").reshape(count, 2).astype(np.int64)
        for column, end, what in ((0, num_buckets, "buckets"), (1, count, "rows")):
            values = np.sort(pair_K2[:, column])
            sound = not count or (values[0] >= 0 and values[-1] < end and bool((np.diff(values) > 0).all()))
            self.check(sound, f"dictionary: expected {count} different {what} below {end}, found others")
        bucket_K = np.empty(count, dtype=np.int64)
        bucket_K[pair_K2[:, 1]] = pair_K2[:, 0]
        return bucket_K

    def labels(self, entries: Entries, num_words: int) -> tuple[tuple[str, ...], tuple[int, ...]]:
        """Returns the labels' names and counts."""
        names = []
        for start, size in zip(entries.start_E[num_words:].tolist(), entries.size_E[num_words:].tolist(), strict=True):
            try:
                names.append(self.data[start : start + size].tobytes().decode())
            except UnicodeDecodeError:
                raise self.error(f"dictionary: expected labels in UTF-8, found other bytes at {start}") from None
        counts = entries.count_E[num_words:].tolist()
        self.check(min(counts) >= 0 and sum(counts) < UNSEEN, "dictionary: expected counts of labels, found others")
        return tuple(names), tuple(counts)

    def dense(self, num_rows: int, dim: int, what: str) -> Dense:
        """Reads a dense matrix of a known shape."""
        self.shape(self.numbers(DENSE_SHAPE, what), (num_rows, dim), what)
        values = self.bytes(4 * num_rows * dim, what)
        self.bounded(values.view("<f4"), what)
        return Dense(values=values, num_rows=num_rows, dim=dim)

    def quantized(self, num_rows: int, dim: int, what: str) -> Quantized:
        """Reads a quantised matrix of a known shape."""
        has_norms = self.flag(f"{what}, norms")
        *shape, num_codes = self.numbers(QUANTIZED_SHAPE, what)
        self.shape(tuple(shape), (num_rows, dim), what)
        self.check(num_codes >= 0, f"{what}: expected the number of codes, found {num_codes}")
        codes = self.bytes(num_codes, f"{what}, codes")
        num_parts, sub_dim, centroids = self.quantizer(dim, what)
        self.check(
            num_codes == num_rows * num_parts, f"{what}: expected {num_rows * num_parts} codes, found {num_codes}"
        )
        norm_R = np.ones(num_rows, dtype=np.float32)
        if has_norms:
            norm_codes = self.bytes(num_rows, f"{what}, norms")
            norm_R = self.quantizer(1, f"{what}, norms")[2][norm_codes]
        return Quantized(
            code_RQ=codes.reshape(num_rows, num_parts), centroids=centroids, norm_R=norm_R, dim=dim, sub_dim=sub_dim
        )

    def quantizer(self, dim: int, what: str) -> tuple[int, int, Floats]:
        """Reads a product quantiser; returns (parts, their width, centroids)."""
        found, num_parts, sub_dim, last = self.numbers(QUANTIZER_SHAPE, what)
        sound = found == dim and 1 <= sub_dim <= dim and num_parts == -(-dim // sub_dim)
        self.check(
            sound and last == dim - (num_parts - 1) * sub_dim,
            f"{what}: expected parts of {dim} columns, found {num_parts} of {sub_dim} and {last} of {found}",
        )
        centroids = self.bytes(4 * NUM_CENTROIDS * dim, f"{what}, centroids").view("<f4").astype(np.float32)
        self.bounded(centroids, what)
        return num_parts, sub_dim, centroids

    def shape(self, found: tuple[int, ...], expected: tuple[int, int], what: str) -> None:
        self.check(
            found == expected, f"{what}: expected {expected[0]} rows of {expected[1]}, found {found[0]} of {found[1]}"
        )

    def bounded(self, values: Floats, what: str) -> None:
        """Refuses what is not finite or too large; NaN fails both comparisons."""
        sound = not values.size or (values.min() >= -LARGEST and values.max() <= LARGEST)
        self.check(bool(sound), f"{what}: expected numbers from -{LARGEST:.0f} to {LARGEST:.0f}, found others")
