"""The experiment from its raw corpora to numbers: pools, held-out documents, cells, differences.

A cell is one model: a tier, a corpus, an arm and a seed. Each is a JSON file in the work folder, written when it is
done and not computed again.
"""

import dataclasses
import json
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path

import numpy as np
from tokenizers import Tokenizer

import gristmill
from infra.benchmarks.peers import version_of
from infra.benchmarks.records import circumstances
from infra.experiment import five_gram, transformer
from infra.experiment.arms import (
    ARMS,
    Arm,
    Pool,
    datatrove_pool,
    draw,
    pool_of,
    rows_of,
    train_tokenizer,
    write_records,
)
from infra.experiment.corpus import NATURAL, Texts, texts, without_overlap
from infra.experiment.faults import RATES, Record, corrupted
from infra.experiment.held_out import HeldOut, Tokens, encode, held_out
from infra.experiment.intervals import difference
from infra.experiment.recall import deciding_rules, read_kept, recall
from infra.experiment.result import AS_FOUND, FAULTY, FIVE_GRAM, TRANSFORMER, Result

PAIRS = (
    ("curated", "raw"),
    ("datatrove", "raw"),
    ("curated", "datatrove"),
    ("curriculum", "curated"),
    ("reversed", "curated"),
    ("raw ordered", "raw"),
)
"""Which arms are compared, the second taken from the first."""

Cell = tuple[str, str, str, int]
"""Tier, corpus, arm, seed."""
Bits = dict[Cell, list[float]]
"""Bits of each held-out document by cell."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Sizes:
    """How much of everything.

    `budget_fraction` is the five-gram models' share of the smallest pool's tokens. `rows` of a transformer's step are
    few, since a model learns by its steps, and a budget of tokens that a CPU can afford has not many.
    """

    records: int
    pages: int
    held_out_bytes: int
    vocab_size: int
    five_gram_seeds: int
    transformer_seeds: int
    budget_fraction: float
    labels: int
    rows: int
    points: int


FULL = Sizes(
    records=3000,
    pages=2600,
    held_out_bytes=30_000,
    vocab_size=2048,
    five_gram_seeds=10,
    transformer_seeds=3,
    budget_fraction=0.7,
    labels=250_000,
    rows=2,
    points=4,
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Corpus:
    """A raw corpus, its pools as documents and as tokens, and which arms the transformer tier has on it."""

    name: str
    folder: Path
    pools: dict[str, Pool]
    tokens: dict[str, list[Tokens]]
    arms: Sequence[Arm]


def measure(dev: Path, work: Path, sizes: Sizes, *, finished_only: bool = False) -> Result:
    """Returns everything measured; takes what is finished from `work`."""
    work.mkdir(parents=True, exist_ok=True)
    check_sizes(work / "sizes.json", sizes)
    sources = texts(dev, pages=sizes.pages, held_out_bytes=sizes.held_out_bytes)
    records = corrupted(sources, records=sizes.records, seed=0)
    files = {
        FAULTY: [write_records(records, _folder(work, FAULTY) / "raw.jsonl")],
        AS_FOUND: [dev / "web" / name for name in NATURAL],
    }
    pools = {name: _own_pools(of, _folder(work, name)) for name, of in files.items()}
    tokenizer = train_tokenizer(_folder(work, FAULTY) / "run-raw", work / "tokenizer.json", vocab_size=sizes.vocab_size)
    pages = without_overlap(sources.held_out, (text for of in pools.values() for text in of["raw"].texts()))
    shared = Shared(unseen=held_out(pages, tokenizer), tokenizer=tokenizer, sizes=sizes)
    store, cells, corpora = Store(folder=work / "cells", finished_only=finished_only), Cells(), []
    for name, of in pools.items():
        if finished_only and not (_folder(work, name) / "datatrove.parquet").exists():
            num_arms = len(_arms_on(name))
            cells.num_missing += 3 * sizes.five_gram_seeds + num_arms * sizes.transformer_seeds
            continue
        pools_of_all = {**of, "datatrove": datatrove_pool(files[name], _folder(work, name))}
        corpora.append(corpus_of(name, _folder(work, name), pools_of_all, tokenizer))
        compute(corpora[-1], shared, store, cells)
    return {
        **circumstances("gristmill", "numpy", "pyarrow", "tokenizers", "torch"),
        "peer": version_of("datatrove"),
        "cpu_seconds_of_cells": round(cells.cpu_seconds),
        "missing_cells": cells.num_missing,
        "sizes": dataclasses.asdict(sizes),
        "corpora": {corpus.name: _facts(corpus, shared) for corpus in corpora},
        "held_out": _held_out_facts(sources, shared.unseen),
        "rates": dict(RATES),
        "recall": _recall(records, corpora[0]),
        "bits_per_byte": _bits_per_byte(cells.bits, shared.unseen),
        "curves": cells.curves,
        "differences": differences(cells.bits, shared.unseen),
    }


def check_sizes(path: Path, sizes: Sizes) -> None:
    """Notes with which sizes the cells beside `path` are made.

    Raises:
        SystemExit: there are cells of other sizes.
    """
    content = json.dumps(dataclasses.asdict(sizes))
    if path.exists() and path.read_text(encoding="utf-8") != content:
        raise SystemExit(f"{path}: expected {content}, found other sizes; remove its folder, or name another by --work")
    path.write_text(content, encoding="utf-8")


def _folder(work: Path, corpus: str) -> Path:
    folder = work / corpus.replace(" ", "-")
    folder.mkdir(parents=True, exist_ok=True)
    return folder


def _own_pools(files: Sequence[Path], folder: Path) -> dict[str, Pool]:
    return {name: pool_of(name, files, folder) for name in ("raw", "curated")}


def _arms_on(corpus: str) -> Sequence[Arm]:
    """Returns the transformers' arms: all on the corpus with faults, those in random order on the other."""
    return ARMS if corpus == FAULTY else [arm for arm in ARMS if arm.order == "random"]


def corpus_of(name: str, folder: Path, pools: dict[str, Pool], tokenizer: Path) -> Corpus:
    """Returns a corpus with its pools as tokens."""
    model = Tokenizer.from_file(str(tokenizer))
    return Corpus(
        name=name,
        folder=folder,
        pools=pools,
        tokens={key: encode(model, pool.texts()) for key, pool in pools.items()},
        arms=_arms_on(name),
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class Shared:
    """What all cells have in common."""

    unseen: HeldOut
    tokenizer: Path
    sizes: Sizes


@dataclass(slots=True, kw_only=True)
class Cells:
    """What models gave: final bits by cell, the transformers' curves, and CPU seconds."""

    bits: Bits = field(default_factory=dict)
    curves: list[Result] = field(default_factory=list)
    cpu_seconds: float = 0.0
    num_missing: int = 0

    def add(self, cell: Cell, found: Result, bits: list[float]) -> None:
        """Takes a cell in."""
        self.bits[cell] = bits
        self.cpu_seconds += found["cpu_seconds"]


def compute(corpus: Corpus, shared: Shared, store: "Store", cells: Cells) -> None:
    """Adds every cell of a corpus to `cells`: all seeds of the first tier, then all arms of each seed of the second."""
    for name in corpus.pools:
        for seed in range(shared.sizes.five_gram_seeds):
            cell = (FIVE_GRAM, corpus.name, name, seed)
            found = store.cell(cell, partial(_five_gram, corpus, name, seed, shared))
            if found:
                cells.add(cell, found, found["bits"])
            cells.num_missing += not found
    for seed in range(shared.sizes.transformer_seeds):
        for arm in corpus.arms:
            cell = (TRANSFORMER, corpus.name, arm.name, seed)
            found = store.cell(cell, partial(_transformer, corpus, arm, seed, shared))
            cells.num_missing += not found
            if found:
                cells.add(cell, found, found["bits"][-1])
                cells.curves.append(_curve(cell, found, corpus, arm, shared.unseen))


@dataclass(frozen=True, slots=True, kw_only=True)
class Store:
    """Cells in a folder; `finished_only`: those that are not there are left out instead of computed."""

    folder: Path
    finished_only: bool = False

    def cell(self, cell: Cell, make: Callable[[], Result]) -> Result | None:
        """Returns a cell, from its file if it is there."""
        path = self.folder / (" ".join(map(str, cell)).replace(" ", "-") + ".json")
        if not path.exists():
            if self.finished_only:
                return None
            self.folder.mkdir(exist_ok=True)
            before = time.process_time()
            content = {**make(), "cpu_seconds": round(time.process_time() - before, 1)}
            part = path.with_suffix(".part")
            part.write_text(json.dumps(content), encoding="utf-8")
            part.replace(path)
            print(f"{path.stem}: {content['cpu_seconds']} CPU seconds", flush=True)
        found: Result = json.loads(path.read_text(encoding="utf-8"))
        return found


def _curve(cell: Cell, found: Result, corpus: Corpus, arm: Arm, unseen: HeldOut) -> Result:
    return {
        **dict(zip(("corpus", "arm", "seed"), cell[1:], strict=True)),
        "tokens": found["tokens"],
        "passes": found["tokens"][-1] / sum(map(len, corpus.tokens[arm.pool])),
        "bits_per_byte": [unseen.bits_per_byte(np.array(each)) for each in found["bits"]],
    }


def _five_gram(corpus: Corpus, pool: str, seed: int, shared: Shared) -> Result:
    chosen = draw(
        corpus.pools[pool].names(),
        [len(ids) for ids in corpus.tokens[pool]],
        budget=_budget(corpus, shared.sizes),
        seed=seed,
    )
    documents = [corpus.tokens[pool][place] for place in chosen]
    return {"bits": five_gram.bits(documents, shared.unseen, vocab_size=shared.sizes.vocab_size).tolist()}


def _budget(corpus: Corpus, sizes: Sizes) -> int:
    smallest = min(sum(map(len, tokens)) for tokens in corpus.tokens.values())
    return int(smallest * sizes.budget_fraction)


def _transformer(corpus: Corpus, arm: Arm, seed: int, shared: Shared) -> Result:
    pool, budget = corpus.pools[arm.pool], shared.sizes.labels
    chosen = draw(pool.names(), [len(ids) for ids in corpus.tokens[arm.pool]], budget=budget, seed=seed)
    output = corpus.folder / f"rows-{arm.pool}-{arm.order}-{seed}"
    export = rows_of(pool, chosen, shared.tokenizer, output, order=arm.order, seed=seed)
    plan = transformer.Plan(
        budget=budget, rows=shared.sizes.rows, seed=seed, backwards=arm.backwards, points=shared.sizes.points
    )
    curve = transformer.train(export, shared.unseen, plan)
    return {"tokens": curve.tokens, "bits": [each.tolist() for each in curve.bits]}


def _facts(corpus: Corpus, shared: Shared) -> Result:
    """Returns sizes of a corpus and its pools, and what frequencies of tokens alone would give."""
    vocab_size = shared.sizes.vocab_size
    frequency_N = five_gram.frequency_bits(corpus.tokens["curated"], shared.unseen, vocab_size=vocab_size)
    return {
        "five_gram_tokens": _budget(corpus, shared.sizes),
        "frequency_bits_per_byte": shared.unseen.bits_per_byte(frequency_N),
        "pools": {
            name: {
                "documents": len(corpus.tokens[name]),
                "bytes": sum(len(text.encode()) for text in pool.texts()),
                "tokens": sum(map(len, corpus.tokens[name])),
            }
            for name, pool in corpus.pools.items()
        },
    }


def _held_out_facts(sources: Texts, unseen: HeldOut) -> Result:
    return {
        source: {
            "drawn": sum(page.source == source for page in sources.held_out),
            "documents": unseen.sources.count(source),
            "bytes": int(sum(unseen.bytes_N[np.array(unseen.sources) == source])),
        }
        for source in dict.fromkeys(page.source for page in sources.held_out)
    }


def _recall(records: Sequence[Record], corpus: Corpus) -> Result:
    run = gristmill.open_run(corpus.folder / "run-curated")
    dropped = run.sql("""SELECT user_id, decided_by FROM decisions JOIN measured USING (doc_id)
                         WHERE state = 'dropped' ORDER BY user_id""")
    rules = deciding_rules(dropped.to_arrow_table(), records)
    found: Result = {"rules": {kind: of[:3] for kind, of in rules.items()}}
    for name in ("curated", "datatrove"):
        pool = corpus.pools[name]
        kept = read_kept(pool.names(), pool.texts())
        found[name] = [dataclasses.asdict(each) for each in recall(records, kept)]
    return found


def _bits_per_byte(bits: Bits, unseen: HeldOut) -> Result:
    """Returns means over seeds, by tier, corpus and arm: of all documents and of each source."""
    found: dict[str, dict[str, dict[str, dict[str, float]]]] = {}
    for tier, corpus, arm in dict.fromkeys(cell[:3] for cell in bits):
        of_arm = [np.array(value) for cell, value in bits.items() if cell[:3] == (tier, corpus, arm)]
        means = {
            source or "all": float(np.mean([unseen.bits_per_byte(each, source) for each in of_arm]))
            for source in (None, *dict.fromkeys(unseen.sources))
        }
        found.setdefault(tier, {}).setdefault(corpus, {})[arm] = means
    return dict(found)


def differences(bits: Bits, unseen: HeldOut) -> Result:
    """Returns the differences of PAIRS, by tier and corpus, over the seeds that both arms have."""
    seeds: dict[tuple[str, str, str], set[int]] = {}
    for *arm, seed in bits:
        seeds.setdefault((arm[0], arm[1], arm[2]), set()).add(seed)
    found: dict[str, dict[str, dict[str, object]]] = {}
    for tier, corpus in dict.fromkeys(cell[:2] for cell in bits):
        of_corpus = found.setdefault(tier, {}).setdefault(corpus, {})
        for pair in PAIRS:
            shared = sorted(set.intersection(*(seeds.get((tier, corpus, arm), set()) for arm in pair)))
            if shared:
                first_SN, second_SN = (np.array([bits[tier, corpus, arm, seed] for seed in shared]) for arm in pair)
                of_corpus[" - ".join(pair)] = dataclasses.asdict(difference(first_SN, second_SN, unseen.bytes_N))
    return dict(found)
