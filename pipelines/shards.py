"""Exports a run's token store as training shards: ordered, packed, gathered, verified, published as one folder.

Two passes: first the order and the packing as functions of rows (they name the export), then the gathering of tokens by
memory map. The folder is written under a temporary name and renamed; an export that exists is never changed.
"""

import dataclasses
import json
import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from curation.curriculum.keys import draws
from curation.curriculum.mixture import groups_of, mix_documents
from curation.curriculum.order import Candidates, Order, Schedule, order_documents
from curation.curriculum.packing import pack
from curation.curriculum.scales import NO_LEVEL, Scale, spearman
from curation.curriculum.shard_schema import DTYPES, FORMAT_VERSION
from curation.errors import GristmillError, SpecError
from curation.identity import fingerprint
from pipelines.export_folder import MANIFEST, Content, publish_folder
from pipelines.export_order import Side, order_digest
from pipelines.shard_file import GROUP_BYTES, Layout, StageRows
from pipelines.spec import ShardsSpec
from pipelines.store import Store
from pipelines.token_store import TokenStore, load_token_store
from pipelines.tokenize import PinnedTokenizer

NAME_DIGITS = 16


@dataclass(frozen=True, slots=True, kw_only=True)
class ExportRequest:
    """What an export is made of.

    `parts` in the order of the run's work units; `weights` and `domains` by source (absent: 1, none); `fingerprint` is
    that of plan and decisions; `provenance` is any JSON object that the manifest should carry; `parent` names the
    export that this one replaces.
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
        train = _arrange(tokens, request, is_validation=False)
        held_out = _arrange(tokens, request, is_validation=True)
        digest = _digest(request, train, held_out)
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
    """Orders and packs one side of the split; validation is in random order, each document once."""
    rows_D = np.flatnonzero(tokens.is_validation_N == is_validation)
    order = _order(tokens, request, rows_D, is_validation=is_validation)
    difficulty, quality = (_spread(scale, rows_D, tokens) for scale in (order.difficulty, order.quality))
    stages: list[StageRows] = []
    first_row = 0
    for stage in order.stages:
        document_E = rows_D[stage.document_E]
        key_E = None if stage.is_sorted else draws(tokens.ids.take(document_E), seed=request.seed, purpose="rows")
        packing = pack(tokens.num_tokens_N[document_E], sequence_length=request.shards.sequence_length, key_E=key_E)
        stages.append(
            StageRows(
                stage=stage,
                packing=packing,
                document_E=document_E,
                difficulty_N=difficulty.value_N,
                quality_N=quality.value_N,
                first_row=first_row,
            )
        )
        first_row += packing.num_rows
    return Side(
        stages=tuple(stages),
        difficulty_level_N=difficulty.level_N,
        quality_level_N=quality.level_N,
        rows_D=rows_D,
        digest=order_digest(tokens, stages),
    )


def _order(tokens: TokenStore, request: ExportRequest, rows_D: NDArray[np.int64], *, is_validation: bool) -> Order:
    shards = request.shards
    documents = _candidates(tokens, request, rows_D, is_validation=is_validation)
    if shards.order_name == "mixture" and not is_validation:
        groups = groups_of(
            documents,
            sources=tokens.sources,
            languages=tokens.languages,
            domains=[request.domains.get(source) for source in tokens.sources],
        )
        return mix_documents(documents, shards.mixture, groups, difficulty=shards.scores, seed=request.seed)
    schedule = Schedule(
        order="random" if is_validation else shards.order_name,
        difficulty=shards.scores,
        warmup_fraction=shards.warmup_fraction,
        anneal_fraction=shards.anneal_fraction,
        replay_fraction=shards.replay_fraction,
        cycles=shards.cycles,
        seed=request.seed,
    )
    return order_documents(documents, schedule)


def _candidates(
    tokens: TokenStore, request: ExportRequest, rows_D: NDArray[np.int64], *, is_validation: bool
) -> Candidates:
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


def _spread(scale: Scale, rows_D: NDArray[np.int64], tokens: TokenStore) -> Scale:
    """Returns a scale of one side's documents as one of all documents of the token store."""
    value, level = np.full(tokens.num_tokens_N.size, np.nan), np.full(tokens.num_tokens_N.size, NO_LEVEL, np.int8)
    value[rows_D], level[rows_D] = scale.value_N, scale.level_N
    return Scale(value_N=value, level_N=level)


def _correlations(tokens: TokenStore) -> dict[str, object]:
    """Returns how the scores of the training documents agree, for the manifest."""
    train = ~tokens.is_validation_N
    names = list(tokens.score_SN)
    return {"names": names, "spearman": spearman([tokens.score_SN[name][train] for name in names])}


def _digest(request: ExportRequest, train: Side, held_out: Side) -> str:
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
        "format_version": FORMAT_VERSION,
    }
    return fingerprint(covered)
