"""docs/scaling.md: the arithmetic of `pipelines.scaling` for runs of a million to ten thousand million documents."""

import json
from pathlib import Path
from typing import TypedDict

from pipelines.graphs import PROCESSES_FROM_BYTES
from pipelines.linking import DOCUMENTS_PER_PARTITION, ENTRY_BYTES, NO_RANK
from pipelines.scaling import DRIVER_BYTES, Footprint
from pipelines.spec import Limits, NearSpec

PAGE = Path(__file__).with_suffix(".md")
RATES = Path(__file__).parent / "benchmarks" / "results" / "scaling_rates.json"
SIZES = (10**6, 10**8, 10**10)
UNITS = ((1 << 50, "PiB"), (1 << 40, "TiB"), (1 << 30, "GiB"), (1 << 20, "MiB"), (1 << 10, "KiB"))
STAGES = ("measure", "judge", "link", "decide", "tokenize", "emit", "rest")


class Rates(TypedDict):
    """What a run took that was measured."""

    documents: int
    text_bytes: int
    shingles_per_document: float
    disk_bytes: dict[str, int]
    cpu_seconds: dict[str, float]


def page() -> str:
    """Returns the page."""
    rates: Rates = json.loads(RATES.read_text())
    cpu = rates["cpu_seconds"]
    one = _footprint(1, rates)
    return PAGE.read_text(encoding="utf-8").format(
        documents=rates["documents"],
        text=_size(rates["text_bytes"]),
        words=rates["shingles_per_document"],
        table=_table(rates),
        minhash=f"{one.minhash_bytes} bytes",
        entry=ENTRY_BYTES,
        memory=_size(Limits().memory_bytes),
        driver=DRIVER_BYTES,
        rates=_marked([("stage", *STAGES), ("CPU seconds", *(f"{cpu[stage]:.1f}" for stage in STAGES))]),
        engines=_engines(rates),
        partition=DOCUMENTS_PER_PARTITION,
        ranks=int(NO_RANK),
    )


def _footprint(num_documents: int, rates: Rates) -> Footprint:
    return Footprint(
        num_documents=num_documents,
        shingles_per_document=rates["shingles_per_document"],
        near=NearSpec(),
        memory_bytes=Limits().memory_bytes,
    )


def _table(rates: Rates) -> str:
    rows = {"documents": [f"{size:,}" for size in SIZES]}
    factor = [size / rates["documents"] for size in SIZES]
    found = [_footprint(size, rates) for size in SIZES]
    seconds = sum(rates["cpu_seconds"][stage] for stage in STAGES)
    disk = sum(rates["disk_bytes"].values())
    rows |= {
        "text": [_size(rates["text_bytes"] * times) for times in factor],
        "signatures": [_size(of.minhash_bytes) for of in found],
        "shingle sets": [_size(of.shingle_bytes) for of in found],
        "shuffled": [_size(of.shuffle_bytes) for of in found],
        "passes on one machine": [f"{of.num_passes:,}" for of in found],
        "driver": [_size(of.driver_bytes) for of in found],
        "CPU hours": [f"{seconds * times / 3600:,.1f}" for times in factor],
        "disk": [_size(disk * times) for times in factor],
    }
    return _marked([(name, *cells) for name, cells in rows.items()])


def _marked(rows: list[tuple[str, ...]]) -> str:
    """Returns rows as a Markdown table; the first is its head."""
    lines = [f"| {' | '.join(cells)} |" for cells in rows]
    return "\n".join([lines[0], f"|{'---|' * len(rows[0])}", *lines[1:]])


def _engines(rates: Rates) -> str:
    small, large, too_large = (_footprint(size, rates) for size in SIZES)
    local = f"the local runner: threads, or processes from {_size(PROCESSES_FROM_BYTES)} of input on"
    engines = "the local runner on many cores, or Flink, Spark or Dataflow for the stages that go unit by unit"
    more = f"more than one run: ranks end at {int(NO_RANK):,} documents"
    rows = [
        (f"{of.num_documents:,}", engine, _size(of.driver_bytes))
        for of, engine in zip((small, large, too_large), (local, engines, more), strict=True)
    ]
    return _marked([("documents", "engine", "memory of the driver"), *rows])


def _size(num_bytes: float) -> str:
    unit, name = next(((unit, name) for unit, name in UNITS if num_bytes >= unit), (1, "bytes"))
    return f"{num_bytes / unit:,.1f} {name}" if unit > 1 else f"{num_bytes:,.0f} {name}"
