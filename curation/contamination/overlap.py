"""What texts have in common with evaluation sets: the runs of words of an index that are in them."""

from collections.abc import Iterable
from typing import NamedTuple

import numpy as np
import pyarrow as pa

from curation.contamination.index import Index, without
from curation.kernels.grams import candidates
from curation.kernels.words import Counts
from curation.text.words import Words, words_of

MAX_DOCUMENTS = 10
"""Brown et al. 2020 (arXiv 2005.14165, appendix C): runs that more training documents have are common phrases."""


class Overlap(NamedTuple):
    """F runs found, by document and first word."""

    gram_F: Counts
    """Row in the index."""
    word_F: Counts
    """First word, from the first of all documents."""
    document_F: Counts


class ItemsFound(NamedTuple):
    """M items that documents have runs of, by document and item."""

    item_M: Counts
    count_M: Counts
    """How many different runs of the item."""
    offsets_N1: Counts


def overlap(words: Words, index: Index) -> Overlap:
    """Returns every run of the index that is in the documents."""
    if not index.hash_G.size:
        none = np.zeros(0, dtype=np.int64)
        return Overlap(none, none, none)
    may_be = candidates(words.word_hash_W, words.word_offsets_N1, index.lengths_L, index.heads, index.grams)
    gram_C = np.minimum(np.searchsorted(index.hash_G, may_be.hash_C), index.hash_G.size - 1)
    is_one_C = (index.hash_G[gram_C] == may_be.hash_C) & (index.length_G[gram_C] == may_be.length_C)
    document_C = np.repeat(np.arange(may_be.offsets_N1.size - 1), np.diff(may_be.offsets_N1))
    return Overlap(gram_C[is_one_C], may_be.word_C[is_one_C], document_C[is_one_C])


def items_of(found: Overlap, index: Index, num_documents: int) -> ItemsFound:
    """Returns the items that the runs belong to, each once per document."""
    once = np.unique(np.column_stack([found.document_F, found.gram_F]), axis=0).reshape(-1, 2)
    begin, end = index.item_offsets_G1[once[:, 1]], index.item_offsets_G1[once[:, 1] + 1]
    count = end - begin
    place = np.repeat(begin - np.concatenate([[0], np.cumsum(count)[:-1]]), count) + np.arange(count.sum())
    pairs = np.column_stack([np.repeat(once[:, 0], count), index.item_I[place].astype(np.int64)])
    unique, num_found = np.unique(pairs, axis=0, return_counts=True)
    per_document = np.bincount(unique[:, 0], minlength=num_documents)
    return ItemsFound(unique[:, 1], num_found, np.concatenate([[0], np.cumsum(per_document)]).astype(np.int64))


def without_common(index: Index, texts: Iterable[pa.Array], *, max_documents: int = MAX_DOCUMENTS) -> Index:
    """Returns the index without the runs that more than `max_documents` of some clean documents have."""
    count_G = np.zeros(index.hash_G.size, dtype=np.int64)
    for array in texts:
        found = overlap(words_of(array), index)
        once = np.unique(np.column_stack([found.document_F, found.gram_F]), axis=0).reshape(-1, 2)
        count_G += np.bincount(once[:, 1], minlength=count_G.size)
    return without(index, count_G > max_documents)
