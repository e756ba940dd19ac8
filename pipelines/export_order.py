"""Which documents stand where in an export: the table `order.parquet`, the digest of the order, the totals."""

import hashlib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from curation.curriculum.packing import Packing
from curation.curriculum.scales import LEVELS
from curation.curriculum.shard_schema import ORDER
from curation.curriculum.tokens import TokenBalance
from pipelines.shard_file import StageRows
from pipelines.token_store import TokenStore

BLOCK_TOKENS = 1 << 22
BLOCK_ROWS = 1 << 16

Int64Array = NDArray[np.int64]


@dataclass(frozen=True, slots=True, kw_only=True)
class Side:
    """One side of the split, ordered and packed.

    `rows_D` int64: its documents, as rows of the token store; `difficulty_level_N`, `quality_level_N` int8: the group
    that each percentile is relative to; `digest` is that of the order.
    """

    stages: tuple[StageRows, ...]
    difficulty_level_N: NDArray[np.int8]
    quality_level_N: NDArray[np.int8]
    rows_D: Int64Array
    digest: str


def order_digest(tokens: TokenStore, stages: Sequence[StageRows]) -> str:
    """Returns sha256 (hex) over every piece in training order: doc_id, first token in the document, length.

    Numbers are little-endian int64; EOS counts as a document's last token.
    """
    digest = hashlib.sha256()
    for stage in stages:
        step = max(BLOCK_TOKENS // stage.packing.row_tokens, 1)
        for start in range(0, stage.packing.num_rows, step):
            pieces = stage.packing.pieces(start, min(start + step, stage.packing.num_rows))
            record = np.empty(pieces.emission_P.size, dtype=[("id", "V16"), ("begin", "<i8"), ("length", "<i8")])
            ids = tokens.ids.take(pa.array(stage.document_E[pieces.emission_P]))
            record["id"] = np.frombuffer(ids.buffers()[1], dtype="V16", count=len(ids))
            record["begin"], record["length"] = pieces.begin_P, pieces.length_P
            digest.update(record.tobytes())
    return digest.hexdigest()


def order_rows(tokens: TokenStore, side: Side) -> Iterator[pa.RecordBatch]:
    """Yields ORDER, one row per emission in training order."""
    copies = _copy_numbers(side.stages)
    for stage, copy_E in zip(side.stages, copies, strict=True):
        row_E, place_E = stage.packing.places()
        for start in range(0, row_E.size, BLOCK_ROWS):
            part = slice(start, start + BLOCK_ROWS)
            document = stage.document_E[part]
            columns = [
                tokens.ids.take(pa.array(document)),
                pa.array(tokens.sources, pa.string()).take(pa.array(tokens.source_N[document])),
                pa.array([stage.name] * document.size, pa.string()),
                pa.array(copy_E[part], pa.int32()),
                pa.array(tokens.num_tokens_N[document]),
                pa.array(stage.first_row + row_E[part]),
                pa.array(place_E[part], pa.int32()),
                *_percentile(stage.difficulty_N[document], side.difficulty_level_N[document]),
                *_percentile(stage.quality_N[document], side.quality_level_N[document]),
            ]
            yield pa.RecordBatch.from_arrays(columns, schema=ORDER)


def _percentile(value_E: NDArray[np.float64], level_E: NDArray[np.int8]) -> tuple[pa.Array, pa.Array]:
    """Returns the columns of a percentile and the name of its level."""
    names = pa.array(LEVELS, pa.string()).take(pa.array(level_E, mask=level_E < 0))
    return pa.array(value_E, mask=np.isnan(value_E)), names


def _copy_numbers(stages: Sequence[StageRows]) -> list[Int64Array]:
    """Returns per stage, for each emission, how often its document was emitted before."""
    document_E = np.concatenate([np.zeros(0, dtype=np.int64), *(stage.document_E for stage in stages)])
    by_document = np.argsort(document_E, kind="stable")
    ordered = document_E[by_document]
    copy_E = np.empty_like(document_E)
    copy_E[by_document] = np.arange(ordered.size) - np.searchsorted(ordered, ordered, side="left")
    return np.split(copy_E, np.cumsum([stage.document_E.size for stage in stages])[:-1]) if stages else []


def balance_of(tokens: TokenStore, side: Side) -> TokenBalance:
    """Returns the token balance of one side, as planned; `pipelines.token_law` counts what was written."""
    emitted_N = _emissions(tokens, side)
    length_N = tokens.num_tokens_N + 1
    return TokenBalance(
        kept_tokens=int(tokens.num_tokens_N[side.rows_D].sum()),
        eos_tokens=side.rows_D.size,
        row_tokens=sum(stage.packing.num_valid for stage in side.stages),
        overlap_tokens=sum(stage.packing.num_overlaps for stage in side.stages),
        repeat_tokens=int((length_N * np.maximum(emitted_N - 1, 0)).sum()),
        left_out_tokens=int(length_N[side.rows_D][emitted_N[side.rows_D] == 0].sum()),
    )


def totals_of(tokens: TokenStore, side: Side) -> dict[str, int]:
    """Returns the counts of one side for its manifest.

    Raises:
        ConservationError: tokens were lost or made up.
    """
    balance = balance_of(tokens, side)
    balance.check()
    emitted_N = _emissions(tokens, side)
    return {
        "rows": sum(stage.packing.num_rows for stage in side.stages),
        "tokens": balance.row_tokens,
        "documents": int((emitted_N > 0).sum()),
        "emissions": int(emitted_N.sum()),
        "eos": balance.eos_tokens,
        "padding": sum(stage.packing.num_padding for stage in side.stages),
        "overlaps": balance.overlap_tokens,
        "repeats": balance.repeat_tokens,
        "left_out": balance.left_out_tokens,
        "left_out_documents": int((emitted_N[side.rows_D] == 0).sum()),
        "kept": balance.kept_tokens,
        "truncated": 0,
    }


def synthetic_totals(tokens: TokenStore, side: Side) -> dict[str, int]:
    """Returns tokens (copies and EOS included) and documents of one side that are synthetic, emitted and left out."""
    emitted_D = _emissions(tokens, side)[side.rows_D]
    length_D, made_D = tokens.num_tokens_N[side.rows_D] + 1, tokens.is_synthetic_N[side.rows_D]
    left_out_D = made_D & (emitted_D == 0)
    return {
        "synthetic": int((length_D * emitted_D)[made_D].sum()),
        "synthetic_documents": int((made_D & (emitted_D > 0)).sum()),
        "synthetic_left_out": int(length_D[left_out_D].sum()),
        "synthetic_left_out_documents": int(left_out_D.sum()),
    }


def stage_entry(tokens: TokenStore, stage: StageRows) -> dict[str, object]:
    """Returns what the manifest says of a stage."""
    packing: Packing = stage.packing
    length_E = tokens.num_tokens_N[stage.document_E] + 1
    by_source = np.zeros(len(tokens.sources), dtype=np.int64)
    np.add.at(by_source, tokens.source_N[stage.document_E], length_E)
    return {
        "name": stage.name,
        "ordering": stage.stage.ordering,
        "lr_factor": stage.stage.lr_factor,
        "budget": stage.stage.budget,
        "row_start": stage.first_row,
        "row_end": stage.first_row + packing.num_rows,
        "tokens": packing.num_valid,
        "padding": packing.num_padding,
        "overlaps": packing.num_overlaps,
        "emissions": stage.document_E.size,
        "difficulty": _range(stage.difficulty_N[stage.document_E]),
        "quality": _range(stage.quality_N[stage.document_E]),
        "tokens_by_source": {
            source: int(count) for source, count in zip(tokens.sources, by_source, strict=True) if count
        },
    }


def _range(value_E: NDArray[np.float64]) -> list[float] | None:
    known = value_E[~np.isnan(value_E)]
    return [float(known.min()), float(known.max())] if known.size else None


def _emissions(tokens: TokenStore, side: Side) -> Int64Array:
    counts = np.zeros(tokens.num_tokens_N.size, dtype=np.int64)
    for stage in side.stages:
        counts += np.bincount(stage.document_E, minlength=counts.size)
    return counts
