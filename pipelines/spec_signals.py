"""Sections of the job spec that say what is measured by a model, a list or an index, and how.

As in `pipelines.spec`, which has the others.
"""

from dataclasses import dataclass, field
from typing import Literal

from curation.privacy.kinds import KINDS, Kind
from curation.setting import documented, key


@dataclass(frozen=True, slots=True, kw_only=True)
class LanguageModelSpec:
    """The language-identification model."""

    path: str | None = key(
        None, "a fastText model, path (relative to the spec) or URL; null: lid.176.ftz from the package"
    )
    sha256: str | None = key(None, "its digest; required with path")


@dataclass(frozen=True, slots=True, kw_only=True)
class UrlListsSpec:
    """What the signal `url_rules` looks for: text files, one entry a line; paths (relative to the spec) or URLs."""

    ut1: str | None = key(None, "folder of UT1's lists: a folder per category, with `domains` and maybe `urls`")
    categories: tuple[str, ...] = key((), "categories of `ut1` to use, such as adult")
    domains: tuple[str, ...] = key((), "lists of domains: every host below one matches")
    hosts: tuple[str, ...] = key((), "lists of hosts")
    pages: tuple[str, ...] = key((), "lists of URLs: what begins with one matches, up to a / or ?")
    strict_words: tuple[str, ...] | None = key(None, "lists of words that count anywhere; null: the package's")
    hard_words: tuple[str, ...] | None = key(None, "lists of words that count whole; null: the package's")
    soft_words: tuple[str, ...] | None = key(None, "lists of words of which several count; null: the package's")


@dataclass(frozen=True, slots=True, kw_only=True)
class ParagraphLanguagesSpec:
    """When the signal `paragraph_languages` calls a paragraph determined and a document mixed."""

    min_bytes: int = key(60, "bytes that a paragraph needs to be determined; shorter lines join the next")
    min_score: float = key(0.5, "score that its best label needs")
    min_determined_fraction: float = key(0.5, "share of determined bytes below which a document is undetermined")
    min_main_fraction: float = key(0.8, "share of the main language in them below which a document is mixed")


@dataclass(frozen=True, slots=True, kw_only=True)
class PrivacySpec:
    """Personal data and secrets in the text after the last phase: counted, and masked before deduplication."""

    find: tuple[Kind, ...] = key(KINDS, "kinds that are counted, as signals `num_pii` and `num_pii_KIND`")
    mask: tuple[Kind, ...] = key(KINDS, "kinds of `find` that are replaced in the text; []: none")
    replace_with: dict[str, str] = field(
        default_factory=dict, metadata=documented("by kind, what stands there then; others: `<EMAIL>` and the like")
    )
    regions: tuple[str, ...] = key(("US",), "countries in which a telephone number without + may be dialled")


@dataclass(frozen=True, slots=True, kw_only=True)
class DecontaminationSpec:
    """Overlap of the text after the last phase, unmasked, with evaluation sets: measured, and cut if asked for."""

    index: str = field(metadata=documented("an index of evaluation sets, by `gristmill contamination index`"))
    sha256: str | None = key(None, "its digest; required for URLs")
    cut: bool = key(False, "remove what overlaps; to drop or review documents, use a gate")
    window_bytes: int = key(200, "what is cut on either side too")


@dataclass(frozen=True, slots=True, kw_only=True)
class ClassifierSpec:
    """A fastText classifier, whose score of the text that leaves becomes `signal.NAME`."""

    model: str = field(metadata=documented("a fastText model (.bin, .ftz), local or URL"))
    sha256: str | None = key(None, "its digest; required for URLs")
    labels: dict[str, float] = field(
        default_factory=dict,
        metadata=documented("value of each label: the score is their sum; none: the calibration's, else positive"),
    )
    calibration: str | None = key(None, "a calibration, local or URL: the signal is then a probability")
    calibration_sha256: str | None = key(None, "its digest; required for URLs")
    languages: tuple[str, ...] = key((), "texts of another `signal.language` have no score; empty: any")


@dataclass(frozen=True, slots=True, kw_only=True)
class EmbeddingSpec:
    """A linear head on an encoder's embedding of the text that leaves: `signal.NAME`. Needs `gristmill[embedding]`."""

    encoder: str = field(metadata=documented("an ONNX model, local or URL"))
    tokenizer: str = field(metadata=documented("its tokenizer.json, local or URL"))
    head: str = field(metadata=documented("a linear head (JSON), local or URL"))
    encoder_sha256: str | None = key(None, "digest; required for URLs")
    tokenizer_sha256: str | None = key(None, "digest; required for URLs")
    head_sha256: str | None = key(None, "digest; required for URLs")
    calibration: str | None = key(None, "a calibration of the head, local or URL")
    calibration_sha256: str | None = key(None, "its digest; required for URLs")


@dataclass(frozen=True, slots=True, kw_only=True)
class EnsembleSpec:
    """Several classifiers as one `signal.NAME`."""

    members: tuple[str, ...] = field(
        metadata=documented("names of classifiers or embeddings; quality: the quality model")
    )
    of: Literal["bucket", "score"] = key("bucket", "their buckets (from their calibrations), or their scores")
    combine: Literal["max", "mean"] = key("max", "how they become one number")


@dataclass(frozen=True, slots=True, kw_only=True)
class PerplexitySpec:
    """The n-gram model of a language, by which its texts get `signal.perplexity` and `signal.perplexity_bucket`."""

    model: str = field(metadata=documented("a model by `gristmill perplexity train`, local or URL"))
    sha256: str | None = key(None, "its digest; required for URLs")
