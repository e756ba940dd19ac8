"""fastText's prediction by its definition, in Python integers and float64."""

import math
import re
from dataclasses import dataclass, field

import numpy as np

SPACES = re.compile(rb"[\x00\t\n\v\f\r ]+")


@dataclass(frozen=True, kw_only=True)
class Model:
    words: list[bytes]
    """Words, then labels."""
    num_words: int
    min_chars: int
    max_chars: int
    word_ngrams: int
    num_buckets: int
    bucket_rows: dict[int, int] = field(default_factory=dict)
    """Of a pruned model: which row, after those of the words, a bucket has."""
    is_pruned: bool = False
    matrix: np.ndarray
    """float64 (rows, dim)."""


def tokens(text: bytes) -> list[bytes]:
    found = [token for token in SPACES.split(text) if token] + [b"</s>"]
    return found[: found.index(b"</s>") + 1]


def fnv(data: bytes) -> int:
    value = 2166136261
    for byte in data:
        signed = byte - 256 if byte >= 128 else byte
        value = (value ^ signed % 2**32) * 16777619 % 2**32
    return value


def subwords(word: bytes, shortest: int, longest: int) -> list[bytes]:
    characters = [c.encode() for c in f"<{word.decode()}>"]
    found = []
    for first in range(len(characters)):
        for size in range(max(1, shortest), longest + 1):
            ngram = characters[first : first + size]
            if len(ngram) == size and not (size == 1 and first in (0, len(characters) - 1)):
                found.append(b"".join(ngram))
    return found


def rows(text: bytes, model: Model) -> list[int]:
    found, hashes = [], []
    index = {word: i for i, word in enumerate(model.words)}
    for token in tokens(text):
        place = index.get(token)
        is_label = token.startswith(b"__label__") if place is None else place >= model.num_words
        if is_label:
            continue
        hashes.append(fnv(token))
        if place is not None:
            found.append(place)
        if token != b"</s>" and model.max_chars:
            for ngram in subwords(token, model.min_chars, model.max_chars):
                found += bucket_row(fnv(ngram) % model.num_buckets, model)
    signed = [h - 2**32 if h >= 2**31 else h for h in hashes]
    for first in range(len(signed)):
        mixed = signed[first]
        for other in signed[first + 1 : first + model.word_ngrams]:
            mixed = (mixed * 116049371 + other) % 2**64
            found += bucket_row(mixed % model.num_buckets, model)
    return found


def bucket_row(bucket: int, model: Model) -> list[int]:
    if not model.is_pruned:
        return [model.num_words + bucket]
    return [model.num_words + model.bucket_rows[bucket]] if bucket in model.bucket_rows else []


def vector(text: bytes, model: Model) -> tuple[np.ndarray, int]:
    found = rows(text, model)
    return model.matrix[found].sum(axis=0) / max(1, len(found)), len(found)


def softmax(scores: np.ndarray) -> list[float]:
    raised = np.exp(scores - scores.max())
    return [p + 1e-5 for p in (raised / raised.sum()).tolist()]


def one_vs_all(scores: np.ndarray) -> list[float]:
    """The sigmoid at the step below, of 512 from -8 to 8, which is found in float32."""
    found = []
    for score in scores.tolist():
        step = math.floor(float(np.float32(score) + np.float32(8)) * 32) / 32 - 8
        found.append((0.0 if score < -8 else 1.0 if score > 8 else 1 / (1 + math.exp(-step))) + 1e-5)
    return found


def huffman(counts: list[int]) -> dict[int, list[tuple[int, bool]]]:
    """Returns, by label, the (inner node, whether it is the second child) from the label to the root.

    Counts descend. Of equal weights inner nodes come first, and of leaves the last one.
    """
    waiting = [(count, 1, -i, i) for i, count in enumerate(counts)]
    paths: dict[int, list[tuple[int, bool]]] = {i: [] for i in range(len(counts))}
    below = {i: [i] for i in range(len(counts))}
    for inner in range(len(counts) - 1):
        made = len(counts) + inner
        pair = [waiting.pop(waiting.index(min(waiting))) for _ in range(2)]
        for is_second, (_, _, _, node) in enumerate(pair):
            for label in below[node]:
                paths[label].append((inner, bool(is_second)))
        below[made] = below[pair[0][3]] + below[pair[1][3]]
        waiting.append((pair[0][0] + pair[1][0], 0, made, made))
    return paths


def hierarchical(scores: np.ndarray, counts: list[int]) -> list[float]:
    found = []
    for path in huffman(counts).values():
        probability = 1.0
        for inner, is_second in path:
            right = 1 / (1 + math.exp(-scores[inner]))
            probability *= (right if is_second else 1 - right) + 1e-5
        found.append(probability)
    return found
