"""The columns of every table that Gristmill writes: the only thing its packages share besides files.

`READ` is what a reader yields, `DOCUMENT` what it is after extraction and what steps start from; the
others are the folders of a run directory. Units are in the names; null means unknown or not
applicable, never zero.
"""

import pyarrow as pa

from curation.identity import type_of_id

EDIT = pa.struct(
    [
        pa.field("rule", pa.string(), nullable=False),
        pa.field("start", pa.int64(), nullable=False),  # byte range in the text before this edit
        pa.field("end", pa.int64(), nullable=False),
        pa.field("removed_bytes", pa.int64(), nullable=False),  # bytes in less bytes out: may be negative
        pa.field("replacement", pa.string()),  # null: follows from the rule
    ]
)

VERDICT = pa.struct(
    [
        pa.field("rule", pa.string(), nullable=False),
        pa.field("value", pa.float64()),
        pa.field("threshold", pa.float64()),
        pa.field("found", pa.string()),  # the value of a signal that is text
        pa.field("action", pa.string(), nullable=False),  # drop | review
    ]
)

FAILED = pa.struct(
    [
        pa.field("rule", pa.string(), nullable=False),
        pa.field("value", pa.float64()),
        pa.field("threshold", pa.float64()),
        pa.field("found", pa.string()),
    ]
)

PII_SPAN = pa.struct(
    [
        pa.field("kind", pa.string(), nullable=False),  # one of curation.privacy.kinds.KINDS
        pa.field("start", pa.int64(), nullable=False),  # byte range in the text that the phase measured
        pa.field("end", pa.int64(), nullable=False),
    ]
)

CONTAMINATION = pa.struct(
    [
        pa.field("item", pa.string(), nullable=False),  # "<set>/<id>" of the evaluation set
        pa.field("num_found", pa.int64(), nullable=False),  # of its grams, those that the document has
        pa.field("num_grams", pa.int64(), nullable=False),
    ]
)

GENERATION = (
    pa.field("generator", pa.string()),  # what made a synthetic document; null: not synthetic
    pa.field("model", pa.string()),  # that wrote it; null: rules did
    pa.field("template", pa.string()),  # name of the template
    pa.field("template_hash", type_of_id),  # of the template's text and version
    pa.field("seed", pa.int64()),
    pa.field("parameters", pa.string()),  # what else decided the text, one JSON object, keys sorted
)
"""How a synthetic document came to be; `parent_id` names what it was made from. All null for other documents."""

PROVENANCE = pa.schema(
    [
        pa.field("doc_id", type_of_id, nullable=False),
        pa.field("parent_id", type_of_id),
        pa.field("source", pa.string(), nullable=False),  # the input's name in the spec
        pa.field("domain", pa.string()),  # web, code, law ...: from the spec
        pa.field("path", pa.string(), nullable=False),  # relative to the input's root, `/` separated
        pa.field("offset", pa.int64(), nullable=False),  # bytes in the decompressed stream; Parquet: row
        pa.field("length_bytes", pa.int64(), nullable=False),  # extent of the record; Parquet: 1 (row)
        pa.field("user_id", pa.string()),  # the data's own id
        pa.field("url", pa.string()),  # credentials removed
        pa.field("site", pa.string()),  # host of url, lower case, without "www."
        pa.field("warc_record_id", pa.string()),
        pa.field("fetch_time", pa.timestamp("us", tz="UTC")),
        pa.field("http_status", pa.int32()),
        pa.field("content_type", pa.string()),  # media type without parameters, lower case
        pa.field("charset", pa.string()),  # the charset that was used to decode
        pa.field("payload_digest_ok", pa.bool_()),  # null: none declared
        pa.field("license", pa.string()),  # SPDX expression where known
        pa.field("license_from", pa.string()),  # column | spec
        pa.field("opt_out", pa.list_(pa.string())),  # opt-out signals seen, e.g. "x-robots-tag: noai"
        pa.field("declared_language", pa.string()),
        pa.field("extractor", pa.string()),  # name and version; null: text was given
        pa.field("extra", pa.string()),  # unknown input fields, one JSON object, keys sorted
        pa.field("raw_hash", type_of_id, nullable=False),  # BLAKE2b-128 of the record's raw content
        *GENERATION,
    ]
)

READ = pa.schema([*PROVENANCE, pa.field("raw", pa.binary()), pa.field("text", pa.string())])
"""Exactly one of `raw` (undecoded content: WARC bodies, text files) and `text` is not null."""

DOCUMENT = pa.schema([*PROVENANCE, pa.field("text", pa.string(), nullable=False), pa.field("edits", pa.list_(EDIT))])

PAGE_FIELDS = (
    pa.field("page_title", pa.string()),
    pa.field("page_author", pa.string()),
    pa.field("page_date", pa.string()),  # of publication, YYYY-MM-DD
    pa.field("canonical_url", pa.string()),  # that the page names as its own address
    pa.field("structured_data", pa.string()),  # JSON-LD, Open Graph and the like, one JSON object, keys sorted
    pa.field("signal.page_text_fraction", pa.float64()),  # bytes of text per byte of page
    pa.field("signal.page_link_density", pa.float64()),  # share of the text that stands in links
    pa.field("signal.page_removed_fraction", pa.float64()),  # share of the visible text that was not taken
    pa.field("signal.page_confidence", pa.float64()),  # of the choice of the main content; null: nothing says it
)
"""What an extractor of `PAGE_EXTRACTORS` says beside the text; null for documents that it did not make."""
PAGE_EXTRACTORS = ("gristmill", "trafilatura")
"""Extractors that add the columns of `PAGE_FIELDS`."""

ACCOUNT = pa.schema(
    [
        pa.field("source", pa.string(), nullable=False),
        pa.field("path", pa.string(), nullable=False),
        pa.field("kind", pa.string(), nullable=False),  # document | skipped | dead_letter | end
        pa.field("reason", pa.string()),
        pa.field("offset", pa.int64(), nullable=False),
        pa.field("length", pa.int64(), nullable=False),  # same unit as offset
        pa.field("count", pa.int64(), nullable=False),  # records in this extent
    ]
)
"""Extents that tile each input: [0, total) of the decompressed bytes (Parquet: of the rows).
`end` has the total in `offset` and length 0; adjacent extents of one kind and reason are one row."""

DEAD_LETTER = pa.schema(
    [
        pa.field("source", pa.string(), nullable=False),
        pa.field("path", pa.string(), nullable=False),
        pa.field("offset", pa.int64(), nullable=False),
        pa.field("length", pa.int64(), nullable=False),
        pa.field("reason", pa.string(), nullable=False),
        pa.field("detail", pa.string(), nullable=False),
    ]
)

SIGNATURE_FIELDS = (
    pa.field("text_hash", type_of_id, nullable=False),  # BLAKE2b-128 of the text that leaves
    pa.field("text_bytes", pa.int64(), nullable=False),  # of UTF-8
    pa.field("num_words", pa.int64(), nullable=False),
    pa.field("minhash", pa.binary()),  # permutations * uint32, little endian; null below `ngram` words
    pa.field("shingles", pa.binary()),  # sorted unique uint32 shingle hashes, little endian
)

EXACT_KEY_FIELDS = (
    pa.field("words_hash", type_of_id),  # BLAKE2b-128 of the words in lower case; null unless asked for, or no word
    pa.field("url_hash", type_of_id),  # BLAKE2b-128 of the URL's normal form; null unless asked for, or no URL
)

SIGNATURES = pa.schema(
    [
        pa.field("doc_id", type_of_id, nullable=False),
        *(field for field in SIGNATURE_FIELDS if field.name != "shingles"),
        pa.field("num_shingles", pa.int64(), nullable=False),
        *EXACT_KEY_FIELDS,
    ]
)
"""The shingle sets lie beside it as `<part>.shingles`: uint32, little endian, end to end, in the order of rows."""

VERDICTS = pa.schema(
    [
        pa.field("doc_id", type_of_id, nullable=False),
        pa.field("state", pa.string(), nullable=False),  # kept | dropped | review, by the gates alone
        pa.field("decided_by", pa.string()),
        pa.field("entries", pa.list_(VERDICT), nullable=False),
    ]
)

LINK_KINDS = ("exact_raw", "exact_text", "exact_words", "url", "near", "near_borderline")
"""Why two documents are linked: equal content, text, words or URL; similar words; similar enough to ask people."""

LINKS = pa.schema(
    [
        pa.field("doc_id", type_of_id, nullable=False),  # the later document in the order of survivors
        pa.field("earlier_id", type_of_id, nullable=False),
        pa.field("kind", pa.string(), nullable=False),  # one of LINK_KINDS
        pa.field("jaccard", pa.float64()),  # null for exact_raw and url: not a matter of words
        pa.field("threshold", pa.float64()),  # that the similarity was held against; null where nothing was compared
    ]
)

CANARIES = pa.schema(
    [
        pa.field("doc_id", type_of_id, nullable=False),  # the document that was copied
        pa.field("level", pa.float64(), nullable=False),  # wanted similarity
        pa.field("jaccard", pa.float64(), nullable=False),  # exact similarity of the copy and the document
        pa.field("shares_band", pa.bool_(), nullable=False),  # the two share a band
        pa.field("is_candidate", pa.bool_(), nullable=False),  # and the cap on comparisons does not part them
        pa.field("is_linked", pa.bool_(), nullable=False),  # and verification finds them similar enough
        pa.field("num_candidates", pa.int64(), nullable=False),  # documents that the copy is compared with
        pa.field("num_links", pa.int64(), nullable=False),  # of them, those similar enough
    ]
)

CONTAMINATED_ITEMS = pa.schema(
    [
        pa.field("set", pa.string(), nullable=False),  # the evaluation set
        pa.field("item", pa.string(), nullable=False),  # "<set>/<id>"
        pa.field("num_grams", pa.int64(), nullable=False),  # runs of words it is known by; 0: not looked for
        pa.field("most_found", pa.int64(), nullable=False),  # of them, those in the document that has most
        pa.field("num_documents", pa.int64(), nullable=False),  # that have something of it
        pa.field("num_kept", pa.int64(), nullable=False),
        pa.field("num_review", pa.int64(), nullable=False),
        pa.field("num_dropped", pa.int64(), nullable=False),
    ]
)

DECISIONS = pa.schema(
    [
        pa.field("doc_id", type_of_id, nullable=False),
        pa.field("source", pa.string(), nullable=False),
        pa.field("state", pa.string(), nullable=False),  # kept | dropped | review
        pa.field("decided_by", pa.string()),  # "<gate>/<rule>", dedup/<kind of link>, dedup/cluster_undecided
        pa.field("failed", pa.list_(FAILED), nullable=False),
        pa.field("review_reasons", pa.list_(pa.string()), nullable=False),
        pa.field("audit", pa.bool_(), nullable=False),
        pa.field("cluster_id", type_of_id),  # earliest member; null: no link but borderline ones
        pa.field("cluster_size", pa.int64()),  # members, whatever became of them; null: dropped by a gate
        pa.field("survivor_id", type_of_id),  # the document this one was removed for
        pa.field("survivor_jaccard", pa.float64()),  # similarity to it; null where nothing was compared
        pa.field("chained", pa.bool_(), nullable=False),  # removed, and less similar to the survivor than links must be
        pa.field("linked_id", type_of_id),  # the other end of the link that decided
        pa.field("link_kind", pa.string()),  # one of LINK_KINDS
        pa.field("link_jaccard", pa.float64()),
        pa.field("link_threshold", pa.float64()),
        pa.field("split", pa.string()),  # train | validation; null unless kept
    ]
)

TOKENS = pa.schema(
    [
        pa.field("doc_id", type_of_id, nullable=False),
        pa.field("source", pa.string(), nullable=False),
        pa.field("split", pa.string(), nullable=False),
        pa.field("num_tokens", pa.int64(), nullable=False),  # without EOS
        pa.field("text_bytes", pa.int64(), nullable=False),
        pa.field("compression_ratio", pa.float64()),  # packed / raw bytes of the first 4 KiB
    ]
)
"""One row per kept document, in input order; token ids lie beside it as `<part>.bin`."""

TASK_KINDS = ("document", "pair")
REVIEW_ROUTES = ("doubt", "audit_kept", "audit_dropped", "sent")
"""Why people are asked: the rules are in doubt, or to see what the rules let through and what they took."""

REVIEW_TASKS = pa.schema(
    [
        pa.field("review_key", pa.string(), nullable=False),  # names the question: document, text, route, interface
        pa.field("kind", pa.string(), nullable=False),  # one of TASK_KINDS
        pa.field("doc_id", type_of_id, nullable=False),
        pa.field("text_hash", type_of_id, nullable=False),  # BLAKE2b-128 of the text that is judged
        pa.field("other_id", type_of_id),  # of a pair: the document it may be a copy of
        pa.field("source", pa.string(), nullable=False),
        pa.field("state", pa.string(), nullable=False),  # kept | dropped | review: before people are asked
        pa.field("route", pa.string(), nullable=False),  # one of REVIEW_ROUTES
        pa.field("reason", pa.string(), nullable=False),
        pa.field("inclusion_probability", pa.float64(), nullable=False),  # of being asked about, in its stratum
        pa.field("priority", pa.int64(), nullable=False),  # 0 is asked first
        pa.field("num_reviewers", pa.int32(), nullable=False),
        pa.field("is_blind", pa.bool_(), nullable=False),  # shown without what the rules think
        pa.field("prediction", pa.string()),  # keep | drop: what the rules think; null: in doubt
        pa.field("about_privacy", pa.bool_()),  # a rule on personal data asks: it is shown, else masked
        pa.field("phone_regions", pa.list_(pa.string())),  # of the spec's `privacy`; null: its default
        pa.field("text", pa.string(), nullable=False),
        pa.field("other_text", pa.string()),
    ]
)
"""Questions for people, the first to be asked first."""

SPAN = pa.struct(
    [
        pa.field("label", pa.string(), nullable=False),
        pa.field("start", pa.int64(), nullable=False),  # characters of the document's text
        pa.field("end", pa.int64(), nullable=False),
    ]
)

PEOPLE_DECISIONS = pa.schema(
    [
        pa.field("doc_id", type_of_id, nullable=False),
        pa.field("text_hash", type_of_id, nullable=False),  # of the text that was judged
        pa.field("other_id", type_of_id),  # of a pair: document B; doc_id is A
        pa.field("review_key", pa.string(), nullable=False),
        pa.field("kind", pa.string(), nullable=False),  # one of TASK_KINDS
        pa.field("route", pa.string(), nullable=False),  # one of REVIEW_ROUTES
        pa.field("inclusion_probability", pa.float64(), nullable=False),
        pa.field("reviewer", pa.string(), nullable=False),
        pa.field("event", pa.string(), nullable=False),  # answered | skipped | deleted
        pa.field("decision", pa.string()),  # keep | edit | drop; keep_a | keep_b | keep_both | drop_both | unsure
        pa.field("quality", pa.int32()),  # 1 to 5
        pa.field("issues", pa.list_(pa.string()), nullable=False),
        pa.field("spans", pa.list_(SPAN), nullable=False),
        pa.field("rewrite", pa.string()),
        pa.field("note", pa.string()),
        pa.field("lead_time_seconds", pa.float64()),
        pa.field("prediction_changed", pa.bool_()),  # null: nothing was predicted
        pa.field("model_version", pa.string()),
        pa.field("config_version", pa.string(), nullable=False),  # of the interface the answer was given in
        pa.field("task_id", pa.int64(), nullable=False),
        pa.field("annotation_id", pa.int64(), nullable=False),
        pa.field("updated_at", pa.timestamp("us", tz="UTC"), nullable=False),
    ]
)
"""What people answered, in the order in which it was seen; append-only: the last row of an annotation holds."""

RULINGS = pa.schema(
    [
        pa.field("doc_id", type_of_id, nullable=False),
        pa.field("text_hash", type_of_id, nullable=False),  # of the text that was judged
        pa.field("ruling", pa.string(), nullable=False),  # keep | drop | rewrite | edit | disputed
        pa.field("rewrite", pa.string()),  # the text that replaces the document's
        pa.field("spans", pa.list_(SPAN)),  # what is taken out of the document's text, or masked
        pa.field("num_reviewers", pa.int64(), nullable=False),
    ]
)
"""What people's answers come to, one row per document."""

GOLD = pa.schema(
    [
        pa.field("doc_id", type_of_id, nullable=False),
        pa.field("decision", pa.string(), nullable=False),  # keep | edit | drop
    ]
)
"""Documents whose right answer is known; people are asked about them like about any others. One row per document."""
