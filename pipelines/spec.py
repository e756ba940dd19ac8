"""The job spec as dataclasses: what a YAML file under `pipelines/jobs/` says, typed and with defaults.

The spec reference in `docs/` and the JSON Schema are generated from these classes: the first line of a
class's docstring describes its section, the `doc` of each field's metadata describes the key. Signals that need more
than a name have their sections in `pipelines.spec_signals`.
"""

from dataclasses import dataclass, field
from typing import Literal

from curation.curriculum.mixture import MixtureStage
from curation.curriculum.order import OrderName
from curation.dedup.banding import SigningKeys
from curation.quality.gates import Rule, When
from curation.review.selection import SelectionKeys
from curation.setting import documented, key
from curation.synthesis.mined import MinedKeys
from curation.synthesis.recipes.written import ModelKeys
from curation.text.trafilatura_process import DEFAULT_GATE_BELOW
from pipelines.spec_signals import (
    ClassifierSpec,
    DecontaminationSpec,
    EmbeddingSpec,
    EnsembleSpec,
    LanguageModelSpec,
    ParagraphLanguagesSpec,
    PerplexitySpec,
    PrivacySpec,
    UrlListsSpec,
)

MIB = 1 << 20

COUNTED_SCORES = ("compression_ratio", "length")
"""Scores of difficulty that the token store has of every document; others are signals."""


EditName = Literal[
    "control_characters",
    "nfc",
    "c4_lines",
    "c4_lines_any_end",
    "refinedweb_lines",
    "urls_in_text",
    "line_feed_runs",
]


@dataclass(frozen=True, slots=True, kw_only=True)
class GateSpec:
    """A named group of rules, or a published preset."""

    preset: str | None = key(None, "a published set of rules; see Presets")
    rules: tuple[Rule, ...] = key((), "rules; beside a preset, one of the same name replaces the preset's")
    when: When = key(When(), "documents the gate applies to")


@dataclass(frozen=True, slots=True, kw_only=True)
class Columns:
    """Which input columns (JSON keys) hold what; a key that a record lacks is null."""

    text: str = key("text", "the document's text, a string")
    id: str | None = key("id", "the data's own id")
    url: str | None = key("url", "the page's URL")
    language: str | None = key("lang", "declared language")
    license: str | None = key("license", "licence, an SPDX expression if possible")
    date: str | None = key("date", "fetch time, ISO 8601")
    messages: str | None = key(None, "a conversation: a list of messages, instead of `text`")
    chosen: str | None = key(None, "the better of two answers: a list of messages, or a string after `prompt`")
    rejected: str | None = key(None, "the worse of two answers, as `chosen`")
    prompt: str | None = key(None, "what both answers follow: a string, or a list of messages")

    @property
    def content(self) -> tuple[str, ...]:
        """The columns that every record must have: of a text, of a conversation, or of two answers."""
        if self.messages is not None:
            return (self.messages,)
        if self.chosen is not None and self.rejected is not None:
            return (self.chosen, self.rejected)
        return (self.text,)

    @property
    def is_conversation(self) -> bool:
        """Whether texts are made of messages."""
        return self.content != (self.text,)


@dataclass(frozen=True, slots=True, kw_only=True)
class InputSpec:
    """One named input with its own reading, gates and weight."""

    files: tuple[str, ...] = field(
        metadata=documented("paths, globs, directories or URLs (s3, gs, az, hf, https); relative to the spec")
    )
    format: Literal["auto", "warc", "jsonl", "parquet", "text"] = key("auto", "auto: content decides, then the name")
    document: Literal["file", "line"] = key("file", "text inputs: what one document is")
    columns: Columns = key(Columns(), "column names of JSONL and Parquet")
    extra: bool = key(True, "JSONL and Parquet: keep other columns, as JSON in `extra`")
    extract: Literal["main", "all", "none"] = key("main", "HTML: main content, all text, or as it is")
    extractor: Literal["resiliparse", "gristmill", "trafilatura"] = key(
        "resiliparse",
        "HTML: what makes text of it; gristmill: Markdown; it and trafilatura: with columns about the page",
    )
    comments: Literal["drop", "keep"] = key(
        "drop", "gristmill and trafilatura: readers' comments below the main content"
    )
    trafilatura: Literal["default", "fast", "precision"] = key(
        "default", "trafilatura: its own default, without fallbacks, or with precision"
    )
    gate: Literal["none", "trafilatura"] = key(
        "none", "gristmill: trafilatura (precision) reads the pages of low confidence"
    )
    gate_below: float = key(DEFAULT_GATE_BELOW, "`gate`: the confidence below which a page goes there")
    domain: str | None = key(None, "kind of content, for `when:` and the report: web, code, law ...")
    license: str | None = key(None, "licence of every document that names none itself")
    gates: tuple[str, ...] = key((), "gates of this input, in this order")
    weight: float = key(1.0, "mean number of times a kept training document is emitted, 0 to 16")


@dataclass(frozen=True, slots=True, kw_only=True)
class Limits:
    """Bounds in bytes and shares; none changes what a document becomes except `record_bytes`."""

    record_bytes: int = key(64 * MIB, "a longer record is a dead letter (in bytes after decompression)")
    batch_bytes: int = key(16 * MIB, "text per Arrow batch; does not change the output")
    unit_bytes: int = key(64 * MIB, "input per work unit; large files are split, small ones grouped")
    stream_bytes: int = key(1 << 40, "decompressed bytes read from one file at most")
    expansion: int = key(1000, "decompressed : compressed ratio of one file above which reading stops")
    max_bad_fraction: float = key(0.1, "dead letters / records above which the run fails with exit code 3")
    memory_bytes: int = key(256 * MIB, "memory the link stage may plan for; does not change the output")


@dataclass(frozen=True, slots=True, kw_only=True)
class NearSpec(SigningKeys):
    """Near-duplicate detection by MinHash and verified Jaccard similarity."""

    seed: int = key(1, "seed of the permutations")
    min_jaccard: float = key(0.7, "smallest Jaccard similarity of two shingle sets that links them")
    verify: Literal["jaccard", "estimate"] = key("jaccard", "exact, of stored sets; or estimated, from signatures")
    canaries: int = key(
        50, "near-copies per similarity to measure what is found (0: off; none with affine64); changes no other output"
    )
    review_within: float = key(0.0, "pairs this close to min_jaccard, on either side, go to review instead")
    survivors: Literal["earlier", "component"] = key("earlier", "which rule removes documents, by links of all kinds")


@dataclass(frozen=True, slots=True, kw_only=True)
class DedupSpec:
    """Which documents are the same, and which copy stays."""

    exact: bool | tuple[Literal["raw", "text", "words"], ...] = key(
        True, "what equal documents have in common, by BLAKE2b-128; true: [text], false: []"
    )
    url: bool = key(False, "remove documents of the same page, by the normal form of their URL")
    near: NearSpec | None = key(NearSpec(), "near duplicates; null: off")
    scope: str = key(
        "global", "link only within one: global, source, language, or a column of measured/ such as site or signal.x"
    )
    prefer: tuple[str, ...] = key(
        ("source",),
        "which copy stays: source, first, longest, licensed, newest, signal.NAME, -signal.NAME; ties by doc_id",
    )
    licenses: tuple[str, ...] = key((), "for `licensed`: the best licence first; other known ones follow, then unknown")
    undecided: Literal["hold", "keep"] = key(
        "hold", "a cluster whose earliest member is in review: hold the others too, or keep the best undisputed one"
    )

    @property
    def kinds(self) -> tuple[str, ...]:
        """Kinds of links between documents that are equal by something, the one that is named first first."""
        chosen = self.exact if isinstance(self.exact, tuple) else ("text",) * self.exact
        exact = tuple(f"exact_{kind}" for kind in ("raw", "text", "words") if kind in chosen)
        return (*exact, "url") if self.url else exact


@dataclass(frozen=True, slots=True, kw_only=True)
class ValidationSpec:
    """The held-out split, taken before ordering; no cluster is on both sides."""

    fraction: float = key(0.01, "share of sites (else clusters, else documents) held out")


@dataclass(frozen=True, slots=True, kw_only=True)
class ScoreSpec:
    """One score of difficulty."""

    score: str = field(metadata=documented("compression_ratio, length (in tokens), or a signal such as mtld"))
    weight: float = key(1.0, "in the mean of percentiles; negative: high values are easy, as of flesch")


@dataclass(frozen=True, slots=True, kw_only=True)
class ShardsSpec:
    """Training-ready shards."""

    tokenizer: str = field(metadata=documented("path or URL of a tokenizer.json, relative to the spec"))
    tokenizer_sha256: str | None = key(None, "its digest; required for URLs")
    eos: str = key("<|endoftext|>", "the token that ends each document")
    sequence_length: int = key(2048, "tokens predicted per row")
    order: OrderName | None = key(None, "null: warmup+anneal where `quality` names a signal, else random")
    quality: str | None = key(None, "signal that says how good a document is, high is good")
    difficulty: tuple[ScoreSpec, ...] = key((), "scores that make a document hard; []: compression_ratio alone")
    warmup_fraction: float = key(0.2, "share of tokens in the warmup stage")
    anneal_fraction: float = key(0.15, "share of tokens in the anneal stage, at the end")
    replay_fraction: float = key(0.0, "share of the tokens of warmup and anneal that is drawn at random")
    cycles: int = key(4, "interleaved: how often from easy to hard; length-grow: how many stages")
    mixture: tuple[MixtureStage, ...] = key((), "stages of the order `mixture`, in training order")
    rows_per_group: int = key(2048, "rows per Parquet row group")
    rows_per_file: int = key(131072, "rows per Parquet file")

    @property
    def order_name(self) -> OrderName:
        """The order, the default one worked out."""
        return self.order or ("warmup+anneal" if self.quality else "random")

    @property
    def scores(self) -> dict[str, float]:
        """Weights of the scores of difficulty, by name."""
        return {item.score: item.weight for item in self.difficulty} or {"compression_ratio": 1.0}

    @property
    def signals(self) -> tuple[str, ...]:
        """Signals that the order reads; the token store counts the other scores."""
        named = (*self.scores, *([self.quality] if self.quality else ()))
        return tuple(dict.fromkeys(name for name in named if name not in COUNTED_SCORES))


@dataclass(frozen=True, slots=True, kw_only=True)
class ReportSpec:
    """What the report looks at beside languages, sources, domains and sites."""

    groups: tuple[str, ...] = key((), "columns of the data (or of measured/) that name a dialect or a group of people")


@dataclass(frozen=True, slots=True, kw_only=True)
class ReviewSpec(SelectionKeys):
    """Questions for people, and what becomes of their answers."""

    unanswered: Literal["hold", "keep", "drop"] = key(
        "hold", "what becomes of documents in review that nobody decided when a run is resumed"
    )
    export: Literal["append", "reorder"] = key(
        "append", "a resumed run's export: accepted documents as a further stage, or all in a new order"
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class SynthesisSpec:
    """Documents made from kept ones; they pass the same gates and are marked, and their share is capped."""

    mined: MinedKeys | None = key(MinedKeys(), "tasks found in the document itself by rules; null: none")
    model: ModelKeys | None = key(None, "documents that a model writes, asked at `completions.endpoint`; null: none")
    max_fraction: float = key(0.2, "share of the training tokens that synthetic documents may have at most")


@dataclass(frozen=True, slots=True, kw_only=True)
class CompletionsSpec:
    """Where and how a model is asked (OpenAI's API); never changes what is asked. Its key is in the environment."""

    endpoint: str = field(metadata=documented("base URL of the API, such as http://127.0.0.1:8000/v1"))
    network: Literal["loopback", "private", "public"] = key(
        "loopback", "where the endpoint may be: this machine, a private network, or the internet (https)"
    )
    concurrency: int = key(8, "requests under way at once")
    requests_per_second: float | None = key(None, "requests begun per second at most; null: no limit")
    timeout_seconds: float = key(300.0, "seconds that an answer may take")
    attempts: int = key(6, "times that a request is sent at most before the stage pauses")
    max_total_tokens: int | None = key(None, "tokens of prompts and answers that one run may use; null: no limit")
    max_cost: float | None = key(None, "money that one run may spend, at the prices below; null: no limit")
    prompt_price: float = key(0.0, "price of a million tokens of prompts")
    completion_price: float = key(0.0, "price of a million tokens of answers")
    answers: str | None = key(None, "file that keeps answers, for all runs; null: in the user's cache folder")


@dataclass(frozen=True, slots=True, kw_only=True)
class RunnerSpec:
    """Where and how the Beam graphs run; never changes the output."""

    name: str = key("FnApiRunner", "a Beam runner; FnApiRunner needs nothing started")
    mode: Literal["auto", "in_memory", "multi_threading", "multi_processing"] = key("auto", "local parallelism")
    workers: int = key(0, "local workers; 0: one per core")
    options: tuple[str, ...] = key((), "further Beam pipeline options, as on a command line")


@dataclass(frozen=True, slots=True, kw_only=True)
class PhaseSpec:
    """A further phase: edits of the text that the phase before left, then signals of what is left now."""

    edits: tuple[EditName, ...] = key((), "recorded changes to every text, in this order")
    signals: tuple[str, ...] = key((), "what is measured on every text after them; a signal only once in a job")


@dataclass(frozen=True, slots=True, kw_only=True)
class JobSpec:
    """A curation job."""

    job: str = field(metadata=documented("name of the job: letters, digits, - and _"))
    inputs: dict[str, InputSpec] = field(
        metadata=documented("named inputs; their order is the order of `prefer: source`")
    )
    gates: dict[str, GateSpec] = field(default_factory=dict, metadata=documented("named gates that inputs refer to"))
    seed: int = key(0, "seed of every random choice, always keyed by document too")
    edits: tuple[EditName, ...] = key(("control_characters", "nfc"), "recorded changes to every text, in this order")
    signals: tuple[str, ...] = key(
        ("language", "statistics", "gopher_quality", "gopher_repetition"), "what is measured on every text"
    )
    phases: tuple[PhaseSpec, ...] = key((), "what follows edits and signals, phase by phase; dedup reads the last text")
    language_model: LanguageModelSpec = key(LanguageModelSpec(), "language identification")
    paragraph_languages: ParagraphLanguagesSpec = key(ParagraphLanguagesSpec(), "languages of paragraphs")
    url_lists: UrlListsSpec = key(UrlListsSpec(), "lists for rules on URLs")
    decontamination: DecontaminationSpec | None = key(None, "overlap with evaluation sets; null: not measured")
    privacy: PrivacySpec | None = key(None, "personal data and secrets; null: not looked for")
    quality_model: Literal["default"] | None = key(
        None, "default: adds signal.quality, a probability by the package's classifier; English only, reads `language`"
    )
    classifiers: dict[str, ClassifierSpec] = field(
        default_factory=dict, metadata=documented("named fastText classifiers, each a signal of that name")
    )
    embeddings: dict[str, EmbeddingSpec] = field(
        default_factory=dict, metadata=documented("named classifiers of embeddings, each a signal of that name")
    )
    ensembles: dict[str, EnsembleSpec] = field(
        default_factory=dict, metadata=documented("named combinations of classifiers, each a signal of that name")
    )
    perplexity: dict[str, PerplexitySpec] = field(
        default_factory=dict,
        metadata=documented("n-gram models by label of `signal.language`; any: of texts that have no other"),
    )
    dedup: DedupSpec = key(DedupSpec(), "deduplication")
    synthesis: SynthesisSpec | None = key(None, "documents made from kept ones; null: none")
    completions: CompletionsSpec | None = key(None, "a model's server; null: none")
    validation: ValidationSpec = key(ValidationSpec(), "held-out documents")
    review: ReviewSpec = key(ReviewSpec(), "questions for people")
    shards: ShardsSpec | None = key(None, "shards; null: the run ends with kept text")
    limits: Limits = key(Limits(), "bounds")
    report: ReportSpec = key(ReportSpec(), "the report")
    runner: RunnerSpec = key(RunnerSpec(), "runner")
