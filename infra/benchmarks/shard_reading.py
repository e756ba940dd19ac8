"""Reading rows of training shards: CPU time of ours against np.memmap, litdata and MosaicML streaming, same tokens.

Usage: python infra/benchmarks/shard_reading.py [--rounds 7] [--megabytes 200]

Random uint16 tokens in rows of 2,049 are exported as shards (built by the exporter), as one raw file, as MDS (by
`gristmill export --layout mds`) and as litdata chunks (by its own writer). `sequential` copies all rows in order,
256 at a time; `random` copies as many rows in a random order, 256 at a time. litdata and streaming, in a venv of their
own, are asked row by row, as their datasets are made for, without worker processes, in order, for 4,000 rows after 100
to warm up. All from local disk with a warm cache: before a round's figures np.memmap and ours read everything once,
since the peers' processes have filled the processor's caches. Figures are 10^6 bytes of tokens per CPU-second.
Rounds alternate; ratios are medians of the rounds' ratios. `open` opens the export anew, checks it and copies one row.
`bound` is what np.memmap itself, in order, has over each peer: no reader that copies by NumPy has more.
Writes infra/benchmarks/results/shard_reading.json; exits 1 where a target is missed.
"""

import argparse
import statistics
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pyarrow as pa
from peers import HERE, measure, python_of
from records import circumstances, save, verdict

from curation.identity import doc_id, type_of_id
from curation.schema import TOKENS
from pipelines.exported import open_export
from pipelines.layouts import write_layout
from pipelines.parts import write_part
from pipelines.shards import ExportRequest, export_shards
from pipelines.spec import ShardsSpec
from pipelines.store import Store
from pipelines.tokenize import load_tokenizer
from pipelines.tokenizer_training import Training, train_tokenizer
from trainer.shards import Shards, open_shards

ROW_TOKENS, DOCUMENT_TOKENS, BATCH = 2049, 16_384, 256  # the default sequence_length, and 8 full rows a document
TARGETS = {"sequential": 0.9, "random": 0.9, "litdata": 10.0, "streaming": 50.0}
OPEN_SECONDS = 0.1
MB = 1e6


def build(root: Path, num_bytes: int) -> Shards:
    """Writes a run with a token store of random ids and exports it; returns the opened shards."""
    store, part = Store(str(root)), "part-00000"
    count = num_bytes // 2 // (DOCUMENT_TOKENS + 1)
    ids = pa.array([doc_id("bench", "x", number) for number in range(count)], type_of_id)
    columns = [ids, *(pa.array([text] * count) for text in ("bench", "train"))]
    columns += [pa.array([number] * count, pa.int64()) for number in (DOCUMENT_TOKENS, 0)]
    columns.append(pa.nulls(count, pa.float64()))
    write_part(store, f"tokens/{part}.parquet", TOKENS, [pa.RecordBatch.from_arrays(columns, schema=TOKENS)])
    documents = pa.schema([pa.field("doc_id", type_of_id, nullable=False)])
    write_part(store, f"documents/{part}.parquet", documents, [pa.RecordBatch.from_arrays([ids], schema=documents)])
    draw = np.random.default_rng(0)
    with store.publish(f"tokens/{part}.bin") as file:
        for _ in range(count):
            file.write(draw.integers(0, 290, DOCUMENT_TOKENS, dtype=np.uint16).tobytes())
    text = pa.RecordBatch.from_arrays(
        [ids.slice(0, 1), pa.array(["one two three four five six seven " * 9])], ["doc_id", "text"]
    )
    tokenizer = load_tokenizer(train_tokenizer(lambda: [text], Training(vocab_size=300)), eos="<|endoftext|>")
    request = ExportRequest(
        store=store,
        parts=[part],
        tokenizer=tokenizer,
        shards=ShardsSpec(tokenizer="t", sequence_length=ROW_TOKENS - 1),
        seed=0,
        fingerprint="0" * 64,
    )
    return open_shards(root / export_shards(request).folder)


def speed(read: Callable[[], int]) -> float:
    """Returns MB per CPU-second of a function that returns how many bytes it copied."""
    start = time.process_time()
    copied = read()
    return copied / MB / (time.process_time() - start)


def in_order(copy: Callable[[int, int], np.ndarray], rows: int) -> int:
    """Copies all rows in order; returns the bytes."""
    return sum(copy(at, min(at + BATCH, rows)).nbytes for at in range(0, rows, BATCH))


def at_random(copy: Callable[[np.ndarray], np.ndarray], order: np.ndarray) -> int:
    """Copies rows in `order`; returns the bytes."""
    return sum(copy(order[at : at + BATCH]).nbytes for at in range(0, order.size, BATCH))


def seconds_to_open(root: Path, row: int) -> dict[str, float]:
    """Returns CPU and wall seconds to open the export and copy one row."""
    start, clock = time.process_time(), time.perf_counter()
    open_shards(root).tokens(row, row + 1)
    return {"cpu": time.process_time() - start, "wall": time.perf_counter() - clock}


def one_round(shards: Shards, raw: np.memmap, folder: Path, number: int) -> dict[str, float]:
    """Returns MB per CPU-second by who and how; who is first changes from round to round."""
    rows = len(shards)
    order = np.random.default_rng(number).permutation(rows)
    reads = {
        "memmap sequential": lambda: in_order(lambda low, high: np.array(raw[low:high]), rows),
        "gristmill sequential": lambda: in_order(shards.tokens, rows),
        "memmap random": lambda: at_random(lambda chosen: raw[chosen], order),
        "gristmill random": lambda: at_random(shards.gather, order),
    }
    names = list(reads) if number % 2 == 0 else list(reads)[::-1]
    for read in reads.values():
        read()
    found = {name: speed(reads[name]) for name in names}
    for peer in ("litdata", "streaming"):
        side = measure([python_of("streaming"), HERE / "shard_reading_side.py", peer, folder / peer])
        found[peer] = side["bytes"] / MB / side["cpu_seconds"]
    return found


def ratios(found: dict[str, float]) -> dict[str, float]:
    """Returns ours over theirs."""
    ours = {name: found[f"gristmill {name}"] for name in ("sequential", "random")}
    return {name: ours[name] / found[f"memmap {name}"] for name in ours} | {
        peer: ours["sequential"] / found[peer] for peer in ("litdata", "streaming")
    }


def main() -> int:
    """Runs all rounds, writes the result and prints a table."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--rounds", type=int, default=7)
    parser.add_argument("--megabytes", type=int, default=200)
    chosen = parser.parse_args()
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        shards = build(folder / "run", chosen.megabytes * 1_000_000)
        shards.tokens(0, len(shards)).tofile(folder / "raw.bin")
        raw = np.memmap(folder / "raw.bin", dtype=np.uint16, mode="r").reshape(-1, ROW_TOKENS)
        write_layout(open_export(str(folder / "run")), "mds", folder / "streaming")
        measure(
            [
                python_of("streaming"),
                HERE / "shard_reading_side.py",
                "write-litdata",
                folder / "litdata",
                folder / "raw.bin",
            ]
        )
        one_round(shards, raw, folder, 0)
        rounds = [one_round(shards, raw, folder, number) for number in range(chosen.rounds)]
        opened = [seconds_to_open(shards.root, int(row)) for row in np.linspace(0, len(shards) - 1, 21)]
        rows = len(shards)
    of_rounds = [ratios(found) for found in rounds]
    medians = {name: statistics.median(found[name] for found in of_rounds) for name in TARGETS}
    bound = {
        peer: statistics.median(found["memmap sequential"] / found[peer] for found in rounds)
        for peer in ("litdata", "streaming")
    }
    seconds = {kind: statistics.median(found[kind] for found in opened) for kind in ("cpu", "wall")}
    missed = [
        f"{name}: expected {low}, found {medians[name]:.3f}" for name, low in TARGETS.items() if medians[name] < low
    ]
    missed += (
        [f"open: expected below {OPEN_SECONDS} s, found {seconds}"] if max(seconds.values()) >= OPEN_SECONDS else []
    )
    result = {
        **circumstances("numpy", "pyarrow"),
        "peers": ["litdata==0.2.76", "mosaicml-streaming==0.13.0"],
        "rows": rows,
        "unit": "10^6 bytes of tokens per CPU-second",
        "speeds": {name: statistics.median(found[name] for found in rounds) for name in rounds[0]},
        "ratios": medians,
        "bound": bound,
        "open_and_one_row_seconds": seconds,
        "targets": TARGETS | {"open_seconds": OPEN_SECONDS},
        "missed": missed,
        "rounds": rounds,
    }
    path = save("shard_reading", result)
    for label, value in result["speeds"].items():
        print(f"{label:24} {value:10.1f} MB per CPU-second")
    print({name: round(value, 3) for name, value in medians.items()}, "bound", bound, seconds)
    return verdict(missed, path)


if __name__ == "__main__":
    sys.exit(main())
