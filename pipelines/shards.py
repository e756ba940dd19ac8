"""Exports a run's token store as training shards: ordered, packed, gathered, verified, published as one folder.

Two passes: first the order and the packing as functions of rows (they name the export), then the gathering of tokens by
memory map. The folder is written under a temporary name and renamed; an export that exists is never changed.
"""

import dataclasses
import json
import tempfile
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from curation.curriculum.keys import draws
from curation.curriculum.mixture import groups_of, mix_documents
from curation.curriculum.order import Candidates, Order, Schedule, order_documents
from curation.curriculum.packing import pack
from curation.curriculum.scales import NO_LEVEL, Scale, spearman
from curation.curriculum.shard_schema import DTYPES, format_version
from curation.curriculum.synthetic_share import most_synthetic, taken
from curation.errors import GristmillError, SpecError
from curation.identity import fingerprint
from pipelines.export_folder import MANIFEST, MOST_SYNTHETIC, Content, publish_folder
from pipelines.export_order import Side, order_digest
from pipelines.shard_file import GROUP_BYTES, Layout, StageRows
from pipelines.spec import ShardsSpec
from pipelines.store import Store
from pipelines.token_store import TokenStore, load_token_store
from pipelines.tokenize import PinnedTokenizer

NAME_DIGITS = 16
ACCEPTED = "accepted"
"""Begin of the names of stages that people's answers added."""

Int64Array = NDArray[np.int64]


@dataclass(frozen=True, slots=True, kw_only=True)
class ExportRequest:
    """What an export is made of.

    `parts` in the order of the run's work units; `weights` and `domains` by source (absent: 1, none); `fingerprint` is
    that of plan and decisions; `provenance` is any JSON object that the manifest should carry; `parent` names the
    export that this one replaces. `earlier` says in which generation each document of the parent is (0: its first
    stages): they keep their rows, and all others become a further stage; empty: one order for all.
    `max_synthetic_fraction`: share of the training tokens that synthetic documents may have; None: any.
    """

    store: Store
    parts: Sequence[str]
    tokenizer: PinnedTokenizer
    shards: ShardsSpec
    seed: int
    fingerprint: str
    weights: Mapping[str, float] = field(default_factory=dict)
    domains: Mapping[str, str] = field(default_factory=dict)
    provenance: Mapping[str, object] = field(default_factory=dict)
    parent: str | None = None
    earlier: Mapping[bytes, int] = field(default_factory=dict)
    max_synthetic_fraction: float | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Export:
    """A published export: its name, its folder in the run's store, its manifest."""

    name: str
    folder: str
    manifest: Mapping[str, object]


def export_shards(request: ExportRequest) -> Export:
    """Writes `exports/<digest16>/` and points `exports/latest` at it.

    Returns the export; one that is there already, complete and of the same name, is left as it is.

    Raises:
        SpecError: a row would be longer than a Parquet page may be.
        GristmillError: a folder of that name holds something else, or the disk is full.
        VerifyError: the token store is not what its tables say.
    """
    layout = _layout(request)
    with tempfile.TemporaryDirectory(prefix="gristmill-") as scratch:
        tokens = load_token_store(
            request.store,
            request.parts,
            dtype=layout.dtype,
            scratch=Path(scratch),
            signals=request.shards.signals,
        )
        layout = dataclasses.replace(layout, has_mask=tokens.has_mask)
        train = _arrange(tokens, request, is_validation=False)
        held_out = _arrange(tokens, request, is_validation=True)
        digest = _digest(request, train, held_out, has_mask=tokens.has_mask)
        folder = f"exports/{digest[:NAME_DIGITS]}"
        if not request.store.exists(f"{folder}/{MANIFEST}"):
            content = Content(
                tokens=tokens,
                layout=layout,
                tokenizer=request.tokenizer,
                manifest={
                    "digest": digest,
                    "created_by": {"name": "gristmill", "fingerprint": request.fingerprint},
                    "parent": request.parent,
                    "seed": request.seed,
                    "provenance": dict(request.provenance),
                    "scores": _correlations(tokens),
                    **_share_of(request),
                },
            )
            publish_folder(request.store, folder, content, train=train, held_out=held_out)
    manifest = _published(request.store, folder, digest)
    request.store.write("exports/latest", f"{digest[:NAME_DIGITS]}\n".encode(), replace=True)
    return Export(name=digest[:NAME_DIGITS], folder=folder, manifest=manifest)


def _published(store: Store, folder: str, digest: str) -> Mapping[str, object]:
    """Returns the manifest of the export in `folder` if it is the one of `digest`."""
    manifest = json.loads(store.read(f"{folder}/{MANIFEST}"))
    found = manifest.get("digest") if isinstance(manifest, dict) else None
    if found != digest:
        raise GristmillError(
            f"{store.uri}/{folder}: expected the export {digest}, found {found!r}; exports never change: move it away"
        )
    return manifest  # type: ignore[no-any-return]


def _layout(request: ExportRequest) -> Layout:
    shards, tokenizer = request.shards, request.tokenizer
    longest = GROUP_BYTES // DTYPES[tokenizer.dtype] - 1
    for name, most in (("sequence_length", longest), ("rows_per_group", 1 << 31), ("rows_per_file", 1 << 62)):
        if not 1 <= getattr(shards, name) <= most:
            raise SpecError(f"shards.{name}: expected 1 to {most}, found {getattr(shards, name)}")
    return Layout(
        sequence_length=shards.sequence_length,
        dtype=tokenizer.dtype,
        tokenizer_sha256=tokenizer.sha256,
        eos_id=tokenizer.eos_id,
        rows_per_group=shards.rows_per_group,
        rows_per_file=shards.rows_per_file,
    )


def _arrange(tokens: TokenStore, request: ExportRequest, *, is_validation: bool) -> Side:
    """Orders and packs one side of the split, generation by generation; validation is in random order, each once."""
    rows_D = np.flatnonzero(tokens.is_validation_N == is_validation)
    difficulty, quality = _no_scale(tokens), _no_scale(tokens)
    stages: list[StageRows] = []
    balance = _Balance()
    generations = _generations(tokens, request.earlier, rows_D)
    for generation, all_rows in enumerate(generations):
        is_capped = not is_validation and generation == len(generations) - 1
        is_random = is_validation or generation > 0
        order_of = partial(_order, tokens, request, is_random=is_random, is_validation=is_validation)
        rows, order = _within_share(tokens, request, balance, all_rows, order_of, is_capped=is_capped)
        _spread(order.difficulty, rows, difficulty)
        _spread(order.quality, rows, quality)
        for stage in order.stages:
            document_E = rows[stage.document_E]
            key_E = None if stage.is_sorted else draws(tokens.ids.take(document_E), seed=request.seed, purpose="rows")
            packing = pack(tokens.num_tokens_N[document_E], sequence_length=request.shards.sequence_length, key_E=key_E)
            name = stage.name if generation == 0 else f"{ACCEPTED}-{generation}"
            stages.append(
                StageRows(
                    stage=dataclasses.replace(stage, name=name),
                    packing=packing,
                    document_E=document_E,
                    difficulty_N=difficulty.value_N,
                    quality_N=quality.value_N,
                    first_row=stages[-1].first_row + stages[-1].packing.num_rows if stages else 0,
                )
            )
    return Side(
        stages=tuple(stages),
        difficulty_level_N=difficulty.level_N,
        quality_level_N=quality.level_N,
        rows_D=rows_D,
        digest=order_digest(tokens, stages),
    )


@dataclass(slots=True)
class _Balance:
    """Tokens emitted so far, copies and EOS included."""

    synthetic: int = 0
    others: int = 0


def _within_share(
    tokens: TokenStore,
    request: ExportRequest,
    before: _Balance,
    rows: Int64Array,
    order_of: Callable[[Int64Array], Order],
    *,
    is_capped: bool,
) -> tuple[Int64Array, Order]:
    """Returns rows and their order, without the synthetic ones that would pass the spec's share of all tokens.

    What is left out has no part in the order, so that it stays the same when it is made again from what was emitted. A
    mixture may emit other documents instead, so it is counted once more.
    """
    while True:
        order = order_of(rows)
        emitted_D = np.zeros(rows.size, dtype=np.int64)
        for stage in order.stages:
            emitted_D += np.bincount(stage.document_E, minlength=rows.size)
        emitted_D *= tokens.num_tokens_N[rows] + 1
        made_D = tokens.is_synthetic_N[rows]
        synthetic, others = int(emitted_D[made_D].sum()), int(emitted_D[~made_D].sum())
        most = synthetic
        if is_capped and request.max_synthetic_fraction is not None:
            allowed = most_synthetic(before.others + others, fraction=request.max_synthetic_fraction)
            most = max(allowed - before.synthetic, 0)
        if synthetic <= most:
            before.synthetic, before.others = before.synthetic + synthetic, before.others + others
            return rows, order
        ids = tokens.ids.take(pa.array(rows[made_D]))
        keep_D = ~made_D
        keep_D[made_D] = taken(ids, emitted_D[made_D], budget=most, seed=request.seed)
        rows = rows[keep_D]


def _generations(tokens: TokenStore, earlier: Mapping[bytes, int], rows_D: Int64Array) -> list[Int64Array]:
    """Returns the rows of each generation; those that no earlier export has are the last one."""
    newest = max(earlier.values(), default=-1) + 1
    ids = tokens.ids.take(pa.array(rows_D)).to_pylist()
    generation_D = np.array([earlier.get(doc_id, newest) for doc_id in ids], dtype=np.int64)
    return [rows_D[generation_D == generation] for generation in range(newest + 1)]


def _order(
    tokens: TokenStore, request: ExportRequest, rows_D: Int64Array, *, is_random: bool, is_validation: bool
) -> Order:
    shards = request.shards
    documents = _candidates(tokens, request, rows_D, is_validation=is_validation)
    if shards.order_name == "mixture" and not is_random:
        groups = groups_of(
            documents,
            sources=tokens.sources,
            languages=tokens.languages,
            domains=[request.domains.get(source) for source in tokens.sources],
        )
        return mix_documents(documents, shards.mixture, groups, difficulty=shards.scores, seed=request.seed)
    schedule = Schedule(
        order="random" if is_random else shards.order_name,
        difficulty=shards.scores,
        warmup_fraction=shards.warmup_fraction,
        anneal_fraction=shards.anneal_fraction,
        replay_fraction=shards.replay_fraction,
        cycles=shards.cycles,
        seed=request.seed,
    )
    return order_documents(documents, schedule)


def _candidates(tokens: TokenStore, request: ExportRequest, rows_D: Int64Array, *, is_validation: bool) -> Candidates:
    weight_of = np.array([1.0 if is_validation else request.weights.get(source, 1.0) for source in tokens.sources])
    quality = request.shards.quality
    return Candidates(
        ids=tokens.ids.take(rows_D),
        source_N=tokens.source_N[rows_D],
        language_N=tokens.language_N[rows_D],
        num_tokens_N=tokens.num_tokens_N[rows_D],
        score_SN={name: tokens.score_SN[name][rows_D] for name in request.shards.scores},
        quality_N=tokens.score_SN[quality][rows_D] if quality else np.full(rows_D.size, np.nan),
        weight_N=weight_of[tokens.source_N[rows_D]] if rows_D.size else np.zeros(0),
    )


def _no_scale(tokens: TokenStore) -> Scale:
    """Returns a scale on which no document of the token store is."""
    size = tokens.num_tokens_N.size
    return Scale(value_N=np.full(size, np.nan), level_N=np.full(size, NO_LEVEL, np.int8))


def _spread(scale: Scale, rows_D: Int64Array, whole: Scale) -> None:
    """Writes a scale of some documents into one of all documents of the token store."""
    whole.value_N[rows_D], whole.level_N[rows_D] = scale.value_N, scale.level_N


def _share_of(request: ExportRequest) -> dict[str, object]:
    """Returns the bound on synthetic tokens by its key in the manifest, where there is one."""
    most = request.max_synthetic_fraction
    return {} if most is None else {MOST_SYNTHETIC: most}


def _correlations(tokens: TokenStore) -> dict[str, object]:
    """Returns how the scores of the training documents agree, for the manifest."""
    train = ~tokens.is_validation_N
    names = list(tokens.score_SN)
    return {"names": names, "spearman": spearman([tokens.score_SN[name][train] for name in names])}


def _digest(request: ExportRequest, train: Side, held_out: Side, *, has_mask: bool) -> str:
    """Returns the digest (sha256, hex) of all that decides the export's bytes; it names the export."""
    settings = dataclasses.asdict(request.shards)
    del settings["tokenizer"]  # where it lay; its digest counts
    covered: dict[str, object] = {
        "fingerprint": request.fingerprint,
        "shards": settings,
        "tokenizer": request.tokenizer.sha256,
        "seed": request.seed,
        "weights": dict(request.weights),
        "domains": dict(request.domains),
        "provenance": dict(request.provenance),
        "parent": request.parent,
        "order": [train.digest, held_out.digest],
        "format_version": format_version(has_mask=has_mask),
        **_share_of(request),
    }
    return fingerprint(covered)
