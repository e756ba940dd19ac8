"""Compiles every kernel into the cache, by calling each public function on a small example.

Numba compiles per argument type, and a read-only array is another type than a writable one: the examples
have the kinds that the steps and stages pass (text and words as read-only views of Arrow's buffers).
"""

import importlib
import pkgutil

import numpy as np
from numba.core.dispatcher import Dispatcher

import curation.kernels
from curation.kernels.bands import band_hashes, by_partition, candidate_pairs, scoped_hashes
from curation.kernels.best_fit import best_fit
from curation.kernels.boosted_trees import Trees, tree_scores
from curation.kernels.byte_classes import byte_counts, class_counts, lanes_of
from curation.kernels.byte_runs import byte_runs, flags_of, joined
from curation.kernels.c4 import c4_removals, sentence_counts
from curation.kernels.characters import CHARS
from curation.kernels.code_points import marks_table
from curation.kernels.content import content_hashes
from curation.kernels.families import are_related, groups_of_relatives, nearest_ancestors, unrelated_pairs
from curation.kernels.fasttext import Encoder, document_vectors, new_cache
from curation.kernels.fasttext_dictionary import dictionary_entries, word_table
from curation.kernels.fasttext_labels import Labels, best_labels, label_tree, sigmoid_table
from curation.kernels.fasttext_rows import Rows, Settings, write_products
from curation.kernels.folding import folded_words
from curation.kernels.gopher import quality_counts
from curation.kernels.grams import bitmap_of, candidates, grams_of
from curation.kernels.html_blocks import html_blocks
from curation.kernels.html_features import block_features
from curation.kernels.html_main import block_sizes, chosen_tokens, comment_tokens
from curation.kernels.html_text import html_text
from curation.kernels.html_tokens import html_tokens
from curation.kernels.jaccard import agreement_pairs, jaccard_pairs
from curation.kernels.line_statistics import line_counts
from curation.kernels.lines import joined_lines, lines
from curation.kernels.link_graph import link_graph
from curation.kernels.markup import page_work
from curation.kernels.minhash import SCHEMES, sign, sketch, sketch_characters
from curation.kernels.nemo import nemo_counts
from curation.kernels.ngrams import log_probabilities, ngram_table
from curation.kernels.phrases import phrase_hits
from curation.kernels.readability import lexical_diversity, syllable_counts
from curation.kernels.refinedweb import refinedweb_removals
from curation.kernels.removals import without
from curation.kernels.repetition import repetition_counts
from curation.kernels.simplified import simplified_hashes
from curation.kernels.survivors import by_component, by_earlier, components
from curation.kernels.union_find import union_find
from curation.kernels.url_spans import tld_table, url_removals
from curation.kernels.word_statistics import distinct_of_list, has_words, median_chars, punctuation_words
from curation.kernels.words import Bytes, Counts, WordArrays, words

TEXT = "One two three four five six. Ein Wört – 漢字, ไทย ... 12\n\none\n".encode()

ONE_LEAF = Trees(
    feature_N=np.zeros(0, np.int16),
    threshold_N=np.zeros(0, np.float32),
    child_N2=np.zeros((0, 2), np.int32),
    value_L=np.zeros(1),
    root_R=np.full(1, -1, np.int32),
)


def warm() -> None:
    """Compiles all kernels, or loads them from the cache: about half a minute the first time."""
    _warm_text()
    _warm_links()
    best_fit(np.ones(2, dtype=np.int64), np.ones(1, dtype=np.int64), capacity=1)
    page = np.frombuffer(b"<p class='a'>text<br></p>", dtype=np.uint8)
    page_work(page)
    tokens = html_tokens(page)
    blocks = html_blocks(tokens)
    block_sizes(tokens, blocks)
    comment_tokens(page, tokens)
    html_text(page, tokens, chosen_tokens(tokens, blocks, np.ones(blocks.first_B.size, np.bool_)))
    features_BF = block_features(page, tokens, blocks)
    tree_scores(features_BF, ONE_LEAF)


def kernels() -> dict[str, Dispatcher]:
    """Returns every function of the package that is compiled by itself, by its dotted name."""
    found = {}
    for module in pkgutil.iter_modules(curation.kernels.__path__, "curation.kernels."):
        for name, value in vars(importlib.import_module(module.name)).items():
            is_kernel = isinstance(value, Dispatcher) and value.__module__ == module.name
            if is_kernel and value.targetoptions.get("inline") != "always":
                found[f"{module.name}.{name}"] = value
    return found


def _warm_text() -> None:
    values, offsets_N1 = np.frombuffer(TEXT, dtype=np.uint8), np.array([0, len(TEXT)], dtype=np.int64)
    found = words(values, offsets_N1)
    for column in (offsets_N1, *found):
        column.setflags(write=False)
    content_hashes(values, offsets_N1)
    quality_counts(values, offsets_N1, found, stop_words=("the",), bullets=("-",))
    repetition_counts(
        values, offsets_N1, found, lines(values, offsets_N1, found), has_ngrams_N=np.ones(1, dtype=np.bool_)
    )
    joined_lines(lines(values, offsets_N1, found), 9)
    folded_words(values, offsets_N1, found)
    hash_W = simplified_hashes(values, offsets_N1, found)  # writable, unlike the words'
    for hashes in (found.hash_W, hash_W):
        for scheme in SCHEMES:
            sketch(hashes, found.word_offsets_N1, ngram=5, num_permutations=112, seed=1, scheme=scheme)
    num_chars_N = found.counts_N6[:, CHARS]
    for scheme in SCHEMES:
        sketch_characters(values, offsets_N1, num_chars_N, ngram=24, num_permutations=260, seed=1, scheme=scheme)
    _warm_fasttext(values, offsets_N1)
    _warm_heuristics(values, offsets_N1, found)
    table = ngram_table(found.hash_W[:1].copy(), np.zeros((1, 2), dtype=np.float32))
    log_probabilities(found.hash_W, found.word_offsets_N1, np.ones(1, np.bool_), table, order=3, unknown=-1.0)


def _warm_fasttext(values: Bytes, offsets_N1: Counts) -> None:
    data = np.frombuffer(b"one\0" + bytes(9) + b"__label__a\0" + bytes(8) + b"\1", dtype=np.uint8)
    entries, _ = dictionary_entries(data, 0, 2)
    none = np.frombuffer(b"", dtype=np.float32)
    stored = np.frombuffer(bytes(4 * 9 * 4), dtype=np.uint8)
    numbers = {name: np.uint64(2) for name in Settings._fields}
    encoder = Encoder(
        settings=Settings(**numbers | {"dim": np.uint64(9), "num_parts": np.uint64(0), "is_pruned": np.uint64(0)}),
        words=word_table(data, entries.start_E, entries.size_E),
        kept_B=np.empty(0, dtype=np.uint64),
        rows=Rows(stored=stored, centroids=none, norm_R=none),
    )
    vector_ND, _ = document_vectors(values, offsets_N1, encoder, new_cache(encoder, num_bytes=1))
    weights = Labels(
        weight_LD=np.zeros((2, 9), dtype=np.float32), loss=1, child_T2=label_tree([1, 1]), sigmoid_S=sigmoid_table()
    )
    best_labels(vector_ND, weights, count=2)
    write_products(stored, weights.weight_LD, np.empty((4, 2), dtype=np.float32))


def _warm_heuristics(values: Bytes, offsets_N1: Counts, found: WordArrays) -> None:
    marks, hits = marks_table("."), phrase_hits(values, offsets_N1, ("one two", "http://", "sign-in"))
    line_counts(values, offsets_N1, found, marks=marks, short_chars=30)
    sentence_counts(values, offsets_N1, found, marks=marks, closing=marks)
    class_counts(values, offsets_N1, lanes_of(b"a"))
    byte_counts(values, offsets_N1, ord("a"))
    few_N = np.full(1, 3, dtype=np.int64)
    removals = c4_removals(
        values, offsets_N1, found, hits, end_marks=marks, any_end=False, min_words_N=few_N, max_word_chars=1000
    )
    without(values, offsets_N1, removals)
    url_removals(values, offsets_N1, tlds=tld_table(["com"]))
    runs = byte_runs(values, offsets_N1, flags_of(b"123.", b"."), min_counted=1, min_bytes=1)
    joined(values, runs.begin_R, runs.end_R)
    grams = grams_of(found.hash_W, found.word_offsets_N1, np.full(1, 8, dtype=np.int64))
    bitmap = bitmap_of(grams.hash_G)
    candidates(found.hash_W, found.word_offsets_N1, np.array([8], dtype=np.int64), bitmap, bitmap)
    refinedweb_removals(values, offsets_N1, found, hits, phrase_sizes=np.full(3, 7, dtype=np.int64))
    nemo_counts(values, offsets_N1, found, hits, end_marks=marks)
    punctuation_words(values, offsets_N1, found)
    has_words(values, offsets_N1.copy())  # writable: of the text's own buffers, not of the words'
    lexical_diversity(found.hash_W, found.word_offsets_N1, factor=0.72)
    syllable_counts(values, offsets_N1, found)
    median_chars(found.chars_W, found.word_offsets_N1)
    wanted_LS = np.zeros((1, 2), dtype=np.uint64)
    distinct_of_list(found.hash_W, found.word_offsets_N1, np.zeros(1, dtype=np.int64), wanted_LS)


def _warm_links() -> None:
    minhash_NH = np.frombuffer(bytes(2 * 4 * 112), dtype=np.uint32).reshape(2, 112)
    hash_NB = band_hashes(minhash_NH, bands=14, rows=8)
    hash_M, rank_M = np.ascontiguousarray(hash_NB[:, 0]), np.arange(2, dtype=np.uint32)
    hash_M.setflags(write=False)
    rank_M.setflags(write=False)
    by_partition(hash_M, rank_M, 1)
    later, earlier, _ = candidate_pairs(np.ascontiguousarray(hash_NB[:, 0]), np.arange(2))
    shingles = np.frombuffer(bytes(8), dtype=np.uint32)
    sign(np.zeros(2, np.uint32), np.arange(3, dtype=np.int64), num_permutations=112, seed=1)
    jaccard_pairs(shingles, np.arange(3, dtype=np.int64), later, earlier)
    agreement_pairs(shingles, np.arange(3, dtype=np.int64), later, earlier)
    scoped_hashes(hash_NB, np.zeros(2, dtype=np.int32))
    _warm_survivors()


def _warm_survivors() -> None:
    parent_N, members, bounds = np.array([-1, 0], dtype=np.int32), np.arange(2, dtype=np.int32), np.array([0, 2])
    nearest_ancestors(parent_N, members, 2)
    union_find(2, np.array([1]), np.array([0]))
    are_related(parent_N, members, members)
    groups_of_relatives(parent_N, members, bounds)
    unrelated_pairs(parent_N, members, bounds, max_earlier=1)
    group_KN, link_1 = np.zeros((1, 2), dtype=np.int32), np.zeros(1, dtype=np.int32)
    graph = link_graph(np.zeros(2, dtype=np.bool_), group_KN, members, link_1 + 1, link_1, link_1 > 0)
    by_earlier(graph, hold=True)
    by_component(graph, hold=True)
    components(graph)
