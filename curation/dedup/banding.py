"""How signatures are made and cut into bands: published presets, or bands and rows for a wanted recall.

Two documents of Jaccard similarity s share at least one of b bands of r rows with probability 1 - (1 - s^r)^b
(Leskovec, Rajaraman, Ullman, Mining of Massive Datasets, section 3.4.2). It is computed in rational numbers, so that
a recall is met or not, and never nearly.
"""

import functools
from collections.abc import Iterator
from dataclasses import asdict, dataclass, fields, replace
from fractions import Fraction
from typing import Literal, Self

from curation.errors import SpecError
from curation.setting import key

MAX_PERMUTATIONS = 1024
MAX_NGRAM = 64  # the kernels'; said here too, as importing them takes longer than reading a spec

MAX_STRAY = Fraction(1, 100)
"""Largest share of pairs of half the threshold's similarity that may become candidates. Without a bound one row and two
bands would meet most recalls, with nearly every pair to verify. Of the presets at 0.8, FineWeb's 14 x 8 has 0.0091."""

CURVE = tuple(Fraction(percent, 100) for percent in (30, 40, 50, 60, 70, 75, 80, 85, 90, 95))

Shingle = Literal["words", "characters"]
Normalize = Literal["case", "fineweb"]
Preset = Literal["fineweb", "dolma3", "nemo"]
Scheme = Literal["affine32", "affine64"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Signing:
    """All that the signature of a text depends on, but the seed."""

    shingle: Shingle = "words"
    ngram: int = 5
    bands: int = 14
    rows: int = 8
    normalize: Normalize = "case"
    scheme: Scheme = "affine32"


PRESETS: dict[Preset, Signing] = {
    "fineweb": Signing(normalize="fineweb"),
    "dolma3": Signing(bands=26, rows=11),
    "nemo": Signing(shingle="characters", ngram=24, bands=20, rows=13),
}
"""FineWeb: Penedo et al. 2024 (arXiv 2406.17557), section 3.4. Dolma 3: its web deduplication, which then verifies at a
Jaccard similarity of 0.8. NeMo Curator: the defaults of its fuzzy deduplication."""

CHARACTERS = 24
"""Characters per shingle where nothing else is said: NeMo Curator's."""


@dataclass(frozen=True, slots=True, kw_only=True)
class SigningKeys:
    """What a user may say of it; null: not said."""

    preset: Preset | None = key(None, "what the keys below are unless said; see Near-duplicate presets")
    shingle: Shingle | None = key(None, "what a shingle is made of; null: words")
    ngram: int | None = key(None, "words or characters per shingle; null: 5 words, 24 characters")
    bands: int | None = key(None, "LSH bands; null: 14, as FineWeb")
    rows: int | None = key(None, "rows per band; null: 8, as FineWeb")
    threshold: float | None = key(None, "with recall, instead of bands and rows: a similarity ...")
    recall: float | None = key(None, "... and the share of pairs that similar to be proposed at least")
    normalize: Normalize | None = key(
        None, "words are the same without case, or as FineWeb simplifies them (digits, diacritics); null: case"
    )
    scheme: Scheme | None = key(None, "datasketch's permutations; affine64 for sets of 100 million; null: affine32")

    @property
    def signing(self) -> Signing:
        """What keys, preset, or threshold and recall come to; what nothing says is as in `Signing`.

        Raises:
            SpecError: two keys contradict each other, or no banding meets threshold and recall.
        """
        return _signing_of(self)

    def filled(self) -> Self:
        """Returns the same with every key said that makes signatures."""
        return replace(self, **asdict(self.signing))


@functools.lru_cache(maxsize=64)
def _signing_of(wanted: SigningKeys) -> Signing:
    for key_name, message in contradictions(wanted):
        raise SpecError(f"{key_name}: {message}")
    return _combined(wanted)


def contradictions(wanted: SigningKeys) -> Iterator[tuple[str, str]]:
    """Yields (key, message) of everything that cannot be meant together."""
    if (wanted.threshold is None) != (wanted.recall is None):
        given, other = ("threshold", "recall") if wanted.recall is None else ("recall", "threshold")
        yield given, f"expected {other} beside it, found none; both make bands and rows"
        return
    if wanted.threshold is not None and wanted.preset is not None:
        yield "threshold", f"expected no preset beside it, found {wanted.preset!r}; either makes bands and rows"
        return
    try:
        implied, source = _implied(wanted)
    except SpecError as error:
        yield "recall", str(error)
        return
    for name in source:
        given = getattr(wanted, name)
        if given is not None and given != getattr(implied, name):
            by = f"preset {wanted.preset}" if wanted.preset else "threshold and recall"
            yield name, f"expected {getattr(implied, name)} by {by}, found {given}; leave one of the two out"
    found = _combined(wanted)
    if found.shingle == "characters" and found.normalize == "fineweb":
        yield "normalize", "expected 'case' with shingles of characters, found 'fineweb', which is about words"
    if found.bands * found.rows > MAX_PERMUTATIONS:
        yield "rows", f"expected bands x rows of at most {MAX_PERMUTATIONS}, found {found.bands * found.rows}"


def _implied(wanted: SigningKeys) -> tuple[Signing, tuple[str, ...]]:
    """Returns a signing and the names of its fields that preset, or threshold and recall, decide."""
    if wanted.preset is not None:
        return PRESETS[wanted.preset], ("shingle", "ngram", "bands", "rows", "normalize")
    if wanted.threshold is not None and wanted.recall is not None:
        bands, rows = banding(threshold=wanted.threshold, recall=wanted.recall)
        return Signing(bands=bands, rows=rows), ("bands", "rows")
    return Signing(), ()


def _combined(wanted: SigningKeys) -> Signing:
    implied, source = _implied(wanted)
    if wanted.shingle == "characters" and "ngram" not in source:
        implied = replace(implied, ngram=CHARACTERS)
    said = {item.name: getattr(wanted, item.name) for item in fields(Signing)}
    return replace(implied, **{name: value for name, value in said.items() if value is not None})


@functools.lru_cache(maxsize=64)
def banding(*, threshold: float, recall: float) -> tuple[int, int]:
    """Returns (bands, rows): the fewest permutations that catch pairs of `threshold` with probability `recall`.

    Among those of which pairs of half the similarity are caught with probability MAX_STRAY at most. Ties: more rows,
    as they catch fewer of the dissimilar pairs. Numbers count as the decimals they are written as.

    Raises:
        SpecError: none of at most MAX_PERMUTATIONS permutations does.
    """
    similarity, wanted = Fraction(repr(threshold)), Fraction(repr(recall))
    best: tuple[int, int] | None = None
    for rows in range(1, MAX_PERMUTATIONS + 1):
        most = (best[0] * best[1] if best else MAX_PERMUTATIONS) // rows
        bands = _fewest_bands(similarity**rows, wanted, most)
        if bands and chance_of_catching(similarity / 2, bands=bands, rows=rows) <= MAX_STRAY:
            best = (bands, rows)
    if best is None:
        raise SpecError(
            f"expected a recall that {MAX_PERMUTATIONS} permutations reach at a similarity of {threshold:g} while they "
            f"catch at most {float(MAX_STRAY):g} of pairs half as similar, found {recall:g}; lower it"
        )
    return best


def _fewest_bands(same_band: Fraction, recall: Fraction, most: int) -> int:
    """Returns the fewest bands, at most `most`, one of which catches with probability `recall`; 0: none."""
    missed, total = same_band.denominator - same_band.numerator, same_band.denominator
    left_out = recall.denominator - recall.numerator
    miss, whole = 1, 1
    for bands in range(1, most + 1):
        miss, whole = miss * missed, whole * total
        if miss * recall.denominator <= left_out * whole:
            return bands
    return 0


def chance_of_catching(similarity: Fraction, *, bands: int, rows: int) -> Fraction:
    """Returns the probability that two documents of that Jaccard similarity share a band."""
    return 1 - (1 - similarity**rows) ** bands


def s_curve(*, bands: int, rows: int) -> dict[float, float]:
    """Returns the probability of being caught by Jaccard similarity, at the ten points of CURVE."""
    return {float(s): float(chance_of_catching(s, bands=bands, rows=rows)) for s in CURVE}
