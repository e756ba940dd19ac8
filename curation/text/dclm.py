"""DCLM's edits before its heuristics: URLs go, and runs of line feeds become two.

Li et al. 2024 (arXiv 2406.11794), `dclm_baseline_refinedweb.yaml`: `url_removal_modifier`, `newline_removal_modifier`.
"""

import functools
from dataclasses import dataclass
from importlib import resources

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from curation.kernels.removals import Removals
from curation.kernels.url_spans import tld_table, url_removals
from curation.schema import EDIT
from curation.setting import key
from curation.step import require
from curation.text.removing import with_removals
from curation.text.words import words_of

URL_RULES = ("url_in_text", "ip_address_in_text")
RUN_RULES = ("line_feed_run",)


@dataclass(frozen=True, slots=True, kw_only=True)
class UrlsInText:
    """Removes URLs and IP addresses, with up to ten characters of white space before each.

    A URL has a name that ends in a dot and a top-level domain in lower case, with or without a scheme, and what may
    follow in a URL; an e-mail address is one too. The domains are those of the Public Suffix List; DCLM's are IANA's.
    """

    def output_schema(self, schema: pa.Schema) -> pa.Schema:
        """Returns `schema` unchanged."""
        return _require(schema)

    def __call__(self, batch: pa.RecordBatch) -> pa.RecordBatch:
        """Returns the batch with edited texts."""
        words = words_of(batch["text"])
        removals = url_removals(words.values, words.offsets_N1, tlds=_top_level_domains())
        return with_removals(batch, words.values, words.offsets_N1, removals, URL_RULES)


@dataclass(frozen=True, slots=True, kw_only=True)
class LineFeedRuns:
    """Shortens runs of line feeds to `most`."""

    most: int = key(2, "line feeds that stay of a longer run")

    def output_schema(self, schema: pa.Schema) -> pa.Schema:
        """Returns `schema` unchanged."""
        return _require(schema)

    def __call__(self, batch: pa.RecordBatch) -> pa.RecordBatch:
        """Returns the batch with edited texts."""
        words = words_of(batch["text"])
        removals = _beyond(words.newline_K.astype(np.int64), words.newline_offsets_N1, self.most)
        return with_removals(batch, words.values, words.offsets_N1, removals, RUN_RULES)


def _beyond(newline_K: NDArray[np.int64], newline_offsets_N1: NDArray[np.int64], most: int) -> Removals:
    """Returns the line feeds after the first `most` of each run, one range for each run."""
    begins_K = np.ones(newline_K.size, dtype=np.bool_)
    begins_K[1:] = newline_K[1:] != newline_K[:-1] + 1
    begins_K[newline_offsets_N1[:-1][newline_offsets_N1[:-1] < newline_K.size]] = True
    first_R = np.flatnonzero(begins_K)
    length_R = np.diff(np.append(first_R, newline_K.size))
    long_R = length_R > most
    begin_R = newline_K[first_R[long_R]]
    rows = np.zeros((begin_R.size, 3), dtype=np.int64)
    rows[:, 1], rows[:, 2] = begin_R + most, begin_R + length_R[long_R]
    return Removals(rows, np.searchsorted(first_R[long_R], newline_offsets_N1).astype(np.int64))


def _require(schema: pa.Schema) -> pa.Schema:
    return require(require(schema, "text", pa.string()), "edits", pa.list_(EDIT))


@functools.cache
def _top_level_domains() -> NDArray[np.uint8]:
    return tld_table(top_level_domains())


def top_level_domains() -> list[str]:
    """Returns the top-level domains of the Public Suffix List, in ASCII."""
    content = resources.files("publicsuffixlist").joinpath("public_suffix_list.dat").read_text(encoding="utf-8")
    lines = (line.strip() for line in content.partition("===END ICANN DOMAINS===")[0].splitlines())
    names = {line.removeprefix("*.") for line in lines if line and not line.startswith(("//", "!"))}
    return sorted(name.encode("idna").decode() for name in names if "." not in name)
