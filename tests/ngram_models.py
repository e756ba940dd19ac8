"""A small n-gram model as a file."""

from dataclasses import replace
from pathlib import Path

import pyarrow as pa

from curation.quality.ngram_model import write_model
from curation.quality.ngram_training import train_ngrams
from curation.text.words import words_of


def model_file(path: Path, texts: list[str]) -> str:
    """Writes a model of trigrams of some texts, with cut-offs 5 and 20; returns its path."""
    words = words_of(pa.array(texts))
    model = train_ngrams(words.word_hash_W, words.word_offsets_N1, order=3)
    path.write_bytes(write_model(replace(model, cut_offs=(5.0, 20.0))))
    return str(path)
