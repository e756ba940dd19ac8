"""Personal data and evaluation sets as a report shows them: numbers only, nothing of what was found."""

from collections import Counter
from dataclasses import dataclass

import duckdb
import pyarrow as pa

from curation.contamination.overlap import MAX_DOCUMENTS
from curation.privacy.kinds import KINDS, Kind
from curation.privacy.masking import MaskPersonalData
from curation.privacy.personal_data import placeholders
from curation.schema import EDIT
from pipelines.questions import spec_of
from pipelines.rundir import Run
from pipelines.spec_signals import PrivacySpec

MOST_ITEMS = 20


@dataclass(frozen=True, slots=True, kw_only=True)
class KindFound:
    """One kind of personal data: documents that have it, spans, and documents in which it is masked."""

    kind: str
    documents: int
    spans: int
    masked: int


@dataclass(frozen=True, slots=True, kw_only=True)
class SetFound:
    """One evaluation set: its items, those that are looked for, those found, and in how many (item, document) pairs."""

    name: str
    items: int
    looked_for: int
    found: int
    pairs: int


@dataclass(frozen=True, slots=True, kw_only=True)
class ItemFound:
    """One item: its runs of words, most of them in one document, and what became of the documents."""

    name: str
    num_grams: int
    most_found: int
    documents: int
    kept: int
    review: int
    dropped: int

    @property
    def is_common(self) -> bool:
        """Whether so many documents have something of it that it may be a common phrase."""
        return self.documents > MAX_DOCUMENTS


@dataclass(frozen=True, slots=True, kw_only=True)
class Contaminated:
    """What texts have of evaluation sets; `cut` documents had it removed."""

    sets: list[SetFound]
    items: list[ItemFound]
    documents: int
    cut: int


def personal_data_of(run: Run, connection: duckdb.DuckDBPyConnection) -> list[KindFound]:
    """Returns each kind that the run counted, in their order; none where it looked for none."""
    kinds = _kinds_of(run)
    if not kinds:
        return []
    counts = ", ".join(
        f'count(*) FILTER ("signal.num_pii_{kind}" > 0), coalesce(sum("signal.num_pii_{kind}"), 0)::BIGINT'
        for kind in kinds
    )
    numbers = connection.sql(f"SELECT {counts} FROM measured").fetchall()[0]  # noqa: S608 - names of ours
    edited = _edited(connection)
    return [
        KindFound(kind=kind, documents=documents, spans=spans, masked=edited[f"pii_{kind}"])
        for kind, documents, spans in zip(kinds, numbers[::2], numbers[1::2], strict=True)
    ]


def masked_excerpts(run: Run, texts: list[str]) -> list[str]:
    """Returns texts as a report may show them: without the kinds of personal data that the run looked for."""
    kinds = _kinds_of(run)
    if not kinds or not texts:
        return texts
    edits = pa.array([[] for _ in texts], pa.list_(EDIT))
    batch = pa.record_batch({"text": pa.array(texts, pa.string()), "edits": edits})
    spec = spec_of(run)
    regions = spec.privacy.regions if spec and spec.privacy else PrivacySpec().regions
    mask = MaskPersonalData(kinds=kinds, masks=placeholders(kinds, {}), regions=regions)
    masked: list[str] = mask(batch)["text"].to_pylist()
    return masked


def _kinds_of(run: Run) -> tuple[Kind, ...]:
    names = set(run.measured.schema.names)
    return tuple(kind for kind in KINDS if f"signal.num_pii_{kind}" in names)


def contaminated_of(run: Run, connection: duckdb.DuckDBPyConnection) -> Contaminated | None:
    """Returns what the run found of evaluation sets; None where it looked for none."""
    if "contamination" not in run.measured.schema.names:
        return None
    sets = connection.sql(
        'SELECT "set", count(*), count(*) FILTER (num_grams > 0), count(*) FILTER (num_documents > 0), '
        "coalesce(sum(num_documents), 0)::BIGINT FROM contamination GROUP BY 1 ORDER BY 1"
    ).fetchall()
    items = connection.execute(
        "SELECT item, num_grams, most_found, num_documents, num_kept, num_review, num_dropped FROM contamination "
        "WHERE num_documents > 0 ORDER BY num_documents DESC, item LIMIT ?",
        [MOST_ITEMS],
    ).fetchall()
    (documents,) = connection.sql("SELECT count(*) FROM measured WHERE len(contamination) > 0").fetchall()[0]
    return Contaminated(
        sets=[SetFound(**dict(zip(SetFound.__dataclass_fields__, row, strict=True))) for row in sets],
        items=[ItemFound(**dict(zip(ItemFound.__dataclass_fields__, row, strict=True))) for row in items],
        documents=documents,
        cut=_edited(connection)["contamination"],
    )


def _edited(connection: duckdb.DuckDBPyConnection) -> Counter[str]:
    """Returns how many documents have an edit of each rule."""
    rules = "SELECT unnest(list_distinct(list_transform(edits, lambda edit: edit.rule))) AS rule FROM measured"
    return Counter(dict(connection.sql(f"SELECT rule, count(*) FROM ({rules}) GROUP BY rule").fetchall()))  # noqa: S608
