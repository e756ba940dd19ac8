"""An index of evaluation sets: the runs of words by which their items are known, and which items have each.

A passage (one field of an item) of `ngram` words or more is known by all its runs of `ngram` words; a shorter one of at
least eight by all its words in a row; one below that by nothing, since it is in many texts. Words and case are those
of `curation.text.words`. A run in more than ten items is the template of a benchmark and is ignored, and so is one in
more than ten documents of texts that are known to be clean. Brown et al. 2020 (arXiv 2005.14165, appendix C): runs of 8
to 13 words, those that more than 10 training documents have ignored.
"""

import json
from dataclasses import dataclass

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from curation.archive import ERRORS, read_archive, write_archive
from curation.errors import ArtifactError
from curation.kernels.grams import HEAD, Bitmap, Hashes, bitmap_of, grams_of, swapped
from curation.kernels.words import Counts
from curation.text.words import words_of

MIN_NGRAM, MAX_NGRAM = HEAD, 13
MAX_ITEMS = 10
FORMAT = "gristmill-evaluation-index-1"
DTYPES = {
    "hash_G": np.uint64,
    "head_G": np.uint64,
    "length_G": np.int64,
    "count_G": np.int64,
    "item_I": np.uint32,
    "num_words_T": np.int64,
}
"""The arrays of a file."""

Numbers = NDArray[np.uint32]


@dataclass(frozen=True, slots=True, kw_only=True)
class Index:
    """G runs of words of T items."""

    ngram: int
    hash_G: Hashes
    """Ascending."""
    head_G: Hashes
    """Of the first eight words."""
    length_G: Counts
    """Words."""
    item_offsets_G1: Counts
    item_I: Numbers
    """Items that have each run."""
    names: pa.Array
    """`<set>/<id>` of each item (string)."""
    num_words_T: Counts
    """Words of each item's longest passage."""
    lengths_L: Counts
    """Lengths that runs have, ascending."""
    num_grams_T: Counts
    """Runs by which each item is known."""
    heads: Bitmap
    grams: Bitmap

    @property
    def num_short(self) -> int:
        """Returns how many items have no passage that is long enough."""
        return int(np.sum(self.num_words_T < HEAD))

    @property
    def num_common(self) -> int:
        """Returns how many items are long enough, but have no run that is not common."""
        return int(np.sum(self.num_grams_T == 0)) - self.num_short


def build_index(
    passages: pa.Array, item_P: Counts, names: pa.Array, *, ngram: int = MAX_NGRAM, max_items: int = MAX_ITEMS
) -> Index:
    """Returns the index of some items.

    Args:
        passages: texts (string), P of them.
        item_P: int64, the item that has each.
        names: of the items (string).
        ngram: words of a run, 8 to 13.
        max_items: a run in more items is ignored.

    Raises:
        ValueError: `ngram` is out of range.
    """
    if not MIN_NGRAM <= ngram <= MAX_NGRAM:
        raise ValueError(f"ngram: expected {MIN_NGRAM} to {MAX_NGRAM}, found {ngram}")
    words = words_of(passages)
    num_words_P = words.num_words_N
    length_P = np.where(num_words_P >= HEAD, np.minimum(num_words_P, ngram), 0)
    found = grams_of(words.word_hash_W, words.word_offsets_N1, length_P)
    item = item_P[found.document_G]
    order = np.lexsort((item, found.hash_G))
    hashes, items = found.hash_G[order], item[order]
    is_new = np.concatenate([[True], (hashes[1:] != hashes[:-1]) | (items[1:] != items[:-1])])[: hashes.size]
    chosen = order[is_new]
    first = np.flatnonzero(np.concatenate([[True], np.diff(found.hash_G[chosen]) != 0])[: chosen.size])
    count_G = np.diff(np.append(first, chosen.size))
    longest_T = np.zeros(len(names), dtype=np.int64)
    np.maximum.at(longest_T, item_P, num_words_P)
    everything = _index(
        ngram=ngram,
        columns=(found.hash_G[chosen[first]], found.head_G[chosen[first]], length_P[found.document_G[chosen[first]]]),
        count_G=count_G,
        item_I=items[is_new].astype(np.uint32),
        names=names,
        num_words_T=longest_T,
    )
    return without(everything, count_G > max_items)


def without(index: Index, ignored_G: NDArray[np.bool_]) -> Index:
    """Returns the index without some runs."""
    count_G = np.diff(index.item_offsets_G1)
    return _index(
        ngram=index.ngram,
        columns=(index.hash_G[~ignored_G], index.head_G[~ignored_G], index.length_G[~ignored_G]),
        count_G=count_G[~ignored_G],
        item_I=index.item_I[~np.repeat(ignored_G, count_G)],
        names=index.names,
        num_words_T=index.num_words_T,
    )


def write_index(index: Index) -> bytes:
    """Returns the index as a file: an npz archive of arrays, the same bytes for the same index."""
    arrays = {
        "hash_G": index.hash_G,
        "head_G": index.head_G,
        "length_G": index.length_G,
        "count_G": np.diff(index.item_offsets_G1),
        "item_I": index.item_I,
        "num_words_T": index.num_words_T,
    }
    return write_archive({"format": FORMAT, "ngram": index.ngram, "names": index.names.to_pylist()}, arrays)


def read_index(content: bytes, *, name: str) -> Index:
    """Returns the index in a file's bytes.

    Raises:
        ArtifactError: it is none, or its parts contradict each other.
    """
    try:
        arrays = read_archive(content, names=("about", *DTYPES))
        about = json.loads(arrays.pop("about").tobytes())
        if about["format"] != FORMAT:
            raise ValueError(f"format {about['format']!r}")
        ngram, names = int(about["ngram"]), pa.array(about["names"], pa.string())
        _check(arrays, ngram=ngram, num_items=len(names))
    except (*ERRORS, pa.ArrowException) as error:
        raise ArtifactError(
            f"{name}: expected an index of evaluation sets, found {type(error).__name__}: {error}; "
            "gristmill contamination index makes one"
        ) from None
    columns = (arrays["hash_G"], arrays["head_G"], arrays["length_G"])
    rest = {"count_G": arrays["count_G"], "item_I": arrays["item_I"], "num_words_T": arrays["num_words_T"]}
    return _index(ngram=ngram, columns=columns, names=names, **rest)


def _index(
    *,
    ngram: int,
    columns: tuple[Hashes, Hashes, Counts],
    count_G: Counts,
    item_I: Numbers,
    names: pa.Array,
    num_words_T: Counts,
) -> Index:
    hash_G, head_G, length_G = columns
    return Index(
        ngram=ngram,
        hash_G=hash_G,
        head_G=head_G,
        length_G=length_G,
        item_offsets_G1=np.concatenate([[0], np.cumsum(count_G)]).astype(np.int64),
        item_I=item_I,
        names=names,
        num_words_T=num_words_T,
        lengths_L=np.unique(length_G),
        num_grams_T=np.bincount(item_I, minlength=len(names)),
        heads=bitmap_of(head_G),
        grams=bitmap_of(swapped(hash_G)),
    )


def _check(arrays: dict[str, Counts | Hashes | Numbers], *, ngram: int, num_items: int) -> None:
    """Raises ValueError where the arrays of a file do not fit together."""
    for name, array in arrays.items():
        if array.dtype != DTYPES[name] or array.ndim != 1:
            raise ValueError(f"{name} of {array.dtype} {array.shape}")
    hash_G, length_G, count_G, item_I = (arrays[name] for name in ("hash_G", "length_G", "count_G", "item_I"))
    if not hash_G.size == arrays["head_G"].size == length_G.size == count_G.size:
        raise ValueError(f"{hash_G.size} runs, and other numbers of heads, lengths or items")
    if arrays["num_words_T"].size != num_items or item_I.max(initial=0) >= max(num_items, 1):
        raise ValueError(f"other items than the {num_items} that are named")
    if count_G.min(initial=1) < 1 or count_G.max(initial=0) > item_I.size or count_G.sum() != item_I.size:
        raise ValueError("numbers of items that do not add up")
    if np.any(hash_G[1:] <= hash_G[:-1]):
        raise ValueError("runs out of order")
    if not MIN_NGRAM <= ngram <= MAX_NGRAM or length_G.min(initial=ngram) < HEAD or length_G.max(initial=HEAD) > ngram:
        raise ValueError(f"runs of other lengths than {HEAD} to {ngram} words")
