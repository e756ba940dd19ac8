"""What exact and URL duplicates are told by, beyond the hash of the text: computed where a job asks for it.

Both keys are BLAKE2b-128, so that equal keys are proof enough to drop a document (xxh3 is none against an
attacker).
"""

from dataclasses import dataclass
from itertools import pairwise

import numpy as np
import pyarrow as pa

from curation.dedup.urls import normal_url
from curation.identity import secure_hash, type_of_id
from curation.kernels.folding import folded_words
from curation.schema import EXACT_KEY_FIELDS
from curation.step import require, with_columns, with_fields
from curation.text.words import words_of


@dataclass(frozen=True, slots=True, kw_only=True)
class ExactKeys:
    """Adds `curation.schema.EXACT_KEY_FIELDS`: `words_hash` and `url_hash`, each null unless asked for.

    `words_hash` is of the words in lower case, each followed by a space: case, space and punctuation do not
    matter; null without a word. `url_hash` is of the URL's normal form (`curation.dedup.urls`); null without one.
    """

    words: bool = False
    url: bool = False

    def output_schema(self, schema: pa.Schema) -> pa.Schema:
        """Appends the keys.

        Raises:
            SchemaError: there is no string column `text` or `url`, or a key is there already.
        """
        return with_fields(require(require(schema, "text", pa.string()), "url", pa.string()), EXACT_KEY_FIELDS)

    def __call__(self, batch: pa.RecordBatch) -> pa.RecordBatch:
        """Returns the batch with the keys appended."""
        nulls = pa.nulls(batch.num_rows, type_of_id)
        words = _words_hash(batch["text"]) if self.words else nulls
        return with_columns(batch, EXACT_KEY_FIELDS, [words, _url_hash(batch["url"]) if self.url else nulls])


def _words_hash(text: pa.Array) -> pa.Array:
    words = words_of(text)
    folded, bounds_N1 = folded_words(words.values, words.offsets_N1, words.found)
    data = np.ascontiguousarray(folded).data
    hashes = [secure_hash(data[start:end]) if end > start else None for start, end in pairwise(bounds_N1.tolist())]
    return pa.array(hashes, type_of_id)


def _url_hash(urls: pa.Array) -> pa.Array:
    normal = [normal_url(url) if url is not None else None for url in urls.to_pylist()]
    return pa.array([secure_hash(url.encode()) if url is not None else None for url in normal], type_of_id)
