"""A fastText classifier as a function on Arrow strings: the kernels, the prepared model and a cache per thread."""

import dataclasses
import threading
from dataclasses import dataclass

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from curation.errors import ArtifactError
from curation.kernels.fasttext import Cache, Encoder, document_vectors, empty_aligned, new_cache
from curation.kernels.fasttext_dictionary import Entries, WordTable, kept_buckets, word_table
from curation.kernels.fasttext_labels import HIERARCHICAL, Labels, best_labels, label_tree, sigmoid_table
from curation.kernels.fasttext_rows import Rows, Settings, write_products
from curation.quality.fasttext_model import Data, Dense, FastTextModel, Matrix, Quantized, read_model
from curation.text.words import text_buffers

CACHE_BYTES = 8 << 20
DECODED_BYTES = 16 << 20
"""Largest quantised input matrix that is kept dense: twice the decoded size fits a large processor's last cache."""
MAX_FOLDED, PART_ROWS = 8, 4096
"""Most labels whose weights are folded into the input matrix, and rows that are decoded together for it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Classifier:
    """A model ready to classify; safe to share between threads."""

    names: tuple[str, ...]
    """The labels, with their prefix."""
    encoder: Encoder
    labels: Labels

    def best(
        self, array: pa.Array, *, count: int, cache: Cache | None = None
    ) -> tuple[NDArray[np.int32], NDArray[np.float64]]:
        """Returns (label_NK, score_NK): the best labels (index in `names`) of each text, best first; -1: none.

        The same as of the library's `predict`, with line feeds as spaces, up to rounding. A text has no label if
        the model knows nothing of it, which is rare: it knows the end of a line.

        Args:
            array: N strings; a null is an empty text.
            count: labels per text; K is the smaller of it and the labels there are.
            cache: words met before; null: this thread's own. It changes no result.

        Raises:
            TypeError: the array is not of strings.
        """
        values, offsets_N1 = text_buffers(array)
        offsets_N1.setflags(write=False)
        return self.best_of(values, offsets_N1, count=count, cache=cache)

    def best_of(
        self, values: NDArray[np.uint8], offsets_N1: NDArray[np.int64], *, count: int, cache: Cache | None = None
    ) -> tuple[NDArray[np.int32], NDArray[np.float64]]:
        """Returns the same of the texts `values[offsets_N1[n] : offsets_N1[n + 1]]` (read-only arrays)."""
        vector_ND, num_rows_N = document_vectors(values, offsets_N1, self.encoder, cache or _cache_of(self))
        label_NK, score_NK = best_labels(vector_ND, self.labels, count=count)
        label_NK[num_rows_N == 0], score_NK[num_rows_N == 0] = -1, 0
        return label_NK, score_NK


_latest = threading.local()


def _cache_of(classifier: Classifier) -> Cache:
    """Returns the calling thread's cache for the classifier it used last."""
    if getattr(_latest, "classifier", None) is not classifier:
        _latest.cache = new_cache(classifier.encoder, num_bytes=CACHE_BYTES)
        _latest.classifier = classifier
    cache: Cache = _latest.cache
    return cache


def read_classifier(data: Data, *, name: str) -> Classifier:
    """Returns the classifier in a fastText model file.

    Raises:
        ArtifactError: it is no supervised fastText model, is cut off or contradicts itself.
    """
    model = read_model(data, name=name)
    words = _words(model.data, model.entries, name=name)
    kept_B, matrix = _kept(model)
    matrix, labels = _folded(_decoded(matrix), _labels(model))
    sub_dim, num_parts = (matrix.sub_dim, matrix.code_RQ.shape[1]) if isinstance(matrix, Quantized) else (0, 0)
    settings = Settings(
        dim=np.uint64(matrix.dim),
        sub_dim=np.uint64(sub_dim),
        num_parts=np.uint64(num_parts),
        num_words=np.uint64(model.num_words),
        num_buckets=np.uint64(model.num_buckets),
        bucket_inverse=np.uint64((2**64 // max(1, model.num_buckets) + 1) % 2**64),
        is_pruned=np.uint64(model.bucket_K is not None),
        min_chars=np.uint64(model.min_chars),
        max_chars=np.uint64(model.max_chars),
        word_ngrams=np.uint64(model.word_ngrams),
    )
    encoder = Encoder(settings=settings, words=words, kept_B=kept_B, rows=_rows(matrix))
    return Classifier(names=model.labels, encoder=encoder, labels=labels)


def _words(data: NDArray[np.uint8], entries: Entries, *, name: str) -> WordTable:
    """Returns the table of a model's words and labels, over a copy of the dictionary: the rest need not be kept."""
    begin = int(entries.start_E[0])
    end = int(entries.start_E[-1] + entries.size_E[-1])
    kept = data[begin:end].copy()
    kept.setflags(write=False)
    try:
        return word_table(kept, entries.start_E - np.uint64(begin), entries.size_E)
    except ValueError as error:
        raise ArtifactError(f"{name}: dictionary: {error}; the file is damaged or no fastText model") from None


def _kept(model: FastTextModel) -> tuple[NDArray[np.uint64], Matrix]:
    """Returns which buckets have rows, and the input matrix with these rows in the order of their buckets."""
    matrix = model.input
    if model.bucket_K is None:
        return np.empty(0, dtype=np.uint64), matrix
    assert isinstance(matrix, Quantized), "the reader refuses others"
    order_R = np.concatenate([np.arange(model.num_words), model.num_words + np.argsort(model.bucket_K)])
    rows = dataclasses.replace(matrix, code_RQ=matrix.code_RQ[order_R], norm_R=matrix.norm_R[order_R])
    return kept_buckets(model.bucket_K, model.num_buckets), rows


def _decoded(matrix: Matrix) -> Matrix:
    """Returns a small quantised matrix dense: adding a row then is a few loads instead of one per two numbers."""
    if isinstance(matrix, Dense) or 4 * matrix.num_rows * matrix.dim > DECODED_BYTES:
        return matrix
    values = empty_aligned(4 * matrix.num_rows * matrix.dim)
    _decode(matrix, values.view(np.float32).reshape(-1, matrix.dim))
    return Dense(values=values, num_rows=matrix.num_rows, dim=matrix.dim)


def _folded(matrix: Matrix, labels: Labels) -> tuple[Matrix, Labels]:
    """Returns the matrix with each row's products with the few labels' weights in its place, and labels to match.

    Every loss reads these products alone, and they are linear: the mean of rows' products is the product of the mean.
    With two labels a word costs two sums and not `dim`, and rows are small enough for a cache.
    """
    num_labels, dim = labels.weight_LD.shape
    num_bytes = 4 * matrix.num_rows * num_labels
    is_small = isinstance(matrix, Dense) or num_bytes <= max(DECODED_BYTES, matrix.code_RQ.size)
    if num_labels > MAX_FOLDED or 2 * num_labels > dim or not is_small:
        return matrix, labels
    values = empty_aligned(num_bytes)
    product_RL = values.view(np.float32).reshape(-1, num_labels)
    for first in range(0, matrix.num_rows, PART_ROWS):
        write_products(_dense_rows(matrix, first), labels.weight_LD, product_RL[first : first + PART_ROWS])
    folded = Dense(values=values, num_rows=matrix.num_rows, dim=num_labels)
    return folded, labels._replace(weight_LD=np.eye(num_labels, dtype=np.float32))


def _dense_rows(matrix: Matrix, first: int) -> NDArray[np.uint8]:
    """Returns up to PART_ROWS rows of a matrix as bytes of float32."""
    end = min(first + PART_ROWS, matrix.num_rows)
    if isinstance(matrix, Dense):
        return matrix.values[4 * matrix.dim * first : 4 * matrix.dim * end]
    part = dataclasses.replace(matrix, code_RQ=matrix.code_RQ[first:end], norm_R=matrix.norm_R[first:end])
    dense_RD = np.empty((end - first, matrix.dim), dtype=np.float32)
    _decode(part, dense_RD)
    return dense_RD.view(np.uint8).ravel()


def _rows(matrix: Matrix) -> Rows:
    nothing = np.empty(0, dtype=np.float32)
    if isinstance(matrix, Dense):
        rows = Rows(stored=matrix.values, centroids=nothing, norm_R=nothing)
    else:
        rows = Rows(stored=matrix.code_RQ.ravel(), centroids=matrix.centroids, norm_R=matrix.norm_R)
    for column in rows:
        column.setflags(write=False)
    return rows


def _labels(model: FastTextModel) -> Labels:
    if isinstance(model.output, Dense):
        weight_LD = model.output.values.view("<f4").reshape(-1, model.dim)
    else:
        weight_LD = np.empty((model.output.num_rows, model.dim), dtype=np.float32)
        _decode(model.output, weight_LD)
    children = label_tree(list(model.label_counts)) if model.loss == HIERARCHICAL else np.empty((0, 2), dtype=np.int32)
    return Labels(
        weight_LD=np.array(weight_LD, dtype=np.float32, order="C"),
        loss=model.loss,
        child_T2=children,
        sigmoid_S=sigmoid_table(),
    )


def _decode(matrix: Quantized, dense_RD: NDArray[np.float32]) -> None:
    """Writes a quantised matrix as float32."""
    for q in range(matrix.code_RQ.shape[1]):
        first = q * matrix.sub_dim
        width = min(matrix.sub_dim, matrix.dim - first)
        of_part = matrix.centroids[256 * first : 256 * (first + width)].reshape(256, width)
        dense_RD[:, first : first + width] = of_part[matrix.code_RQ[:, q]] * matrix.norm_R[:, None]
