"""Measures our fastText inference against the library's own `predict`, on the same text in the same process.

Usage: GRISTMILL_CORPORA=... python infra/benchmarks/fasttext_predict.py [--rounds 5]

Tasks: `english`, language id of English prose (books, medical answers, speeches); `mix`, language id of short texts
in many languages (sentences, quotations, Wikipedia paragraphs, declarations of human rights); `quality`, a
classifier of 100 dimensions and word bigrams in 2 million buckets (800 MB), trained here to tell medical answers from
quotations, on both. Ours is the step `Language`, or `Classifier.best`, beginning each round with an empty cache; theirs
is `model.f.predict`, line by line. Both in MB per CPU-second (10^6 bytes of UTF-8), rounds alternating; ratios are
medians of the rounds' ratios. Writes infra/benchmarks/results/fasttext_predict.json; exits 1 where a target is missed.
"""

import gzip
import json
import os
import statistics
import sys
import tempfile
import threading
import time
from collections.abc import Callable
from pathlib import Path

import fasttext
import pyarrow as pa
from records import arguments, circumstances, save, verdict

from curation.quality.classifier import read_classifier
from curation.quality.language import PACKAGED_MODEL, Language
from curation.quality.model_files import read_file

ENGLISH = ("standardebooks", "medquad_qa", "nltk_inaugural_genesis_abc")
MIX = ("udhr", "xquad_wiki", "tatoeba_laser", "fortunes")
QUALITY = ("medquad_qa", "fortunes")
TARGETS = {"english": 15.0, "mix": 8.0, "quality": 3.0}
PEER_BYTES = 4_000_000

Texts = list[str]


def documents(name: str) -> list[dict[str, str]]:
    """Returns the rows of one corpus."""
    path = Path(os.environ["GRISTMILL_CORPORA"]) / "dev" / "text" / f"{name}.jsonl.gz"
    with gzip.open(path, "rt", encoding="utf-8") as lines:
        return [json.loads(line) for line in lines]


def texts(names: tuple[str, ...]) -> Texts:
    """Returns the texts of corpora."""
    return [row["text"] for name in names for row in documents(name)]


def size(given: Texts) -> int:
    """Returns bytes of UTF-8."""
    return sum(len(text.encode()) for text in given)


def sample(given: Texts) -> Texts:
    """Returns every n-th text, PEER_BYTES or a bit more together."""
    return given[:: max(1, size(given) // PEER_BYTES)]


def lines(given: Texts) -> Texts:
    """Returns texts as the library takes them."""
    return [text.replace("\n", " ") + "\n" for text in given]


def seconds(work: Callable[[], object]) -> float:
    """Returns CPU seconds of `work` in a thread of its own, where our cache is empty."""
    thread = threading.Thread(target=work)
    before = time.process_time()
    thread.start()
    thread.join()
    return time.process_time() - before


def train(folder: str) -> Path:
    """Trains the quality classifier; returns its file."""
    given, path = Path(folder, "given.txt"), Path(folder, "quality.bin")
    rows = [(name, text) for name in QUALITY for text in texts((name,))]
    given.write_text(
        "".join(f"__label__{name} {text}".replace("\n", " ") + "\n" for name, text in rows), encoding="utf-8"
    )
    model = fasttext.train_supervised(str(given), dim=100, wordNgrams=2, epoch=1, thread=1, verbose=0)
    model.save_model(str(path))
    return path


def compare(given: Texts, ours: Callable[[Texts], object], model: fasttext.FastText, rounds: int) -> dict[str, object]:
    """Returns the speeds of both, by round and their medians."""
    theirs = sample(given)
    prepared, num_bytes, peer_bytes = lines(theirs), size(given), size(theirs)
    ours(given[:20])
    found = []
    for _ in range(rounds):
        mine = num_bytes / 1e6 / seconds(lambda: ours(given))
        peer = seconds(lambda: [model.f.predict(line, 2, 0.0, "strict") for line in prepared])
        found.append(
            {"gristmill": mine, "fasttext": peer_bytes / 1e6 / peer, "ratio": mine / (peer_bytes / 1e6 / peer)}
        )
    medians = {name: statistics.median(row[name] for row in found) for name in found[0]}
    return {"documents": len(given), "bytes": num_bytes, **medians, "rounds": found}


def main() -> int:
    """Runs all tasks, writes the result and prints a table."""
    chosen = arguments(__doc__, rounds=5)
    language, step = fasttext.load_model(str(PACKAGED_MODEL)), Language()
    tasks = {}
    for name, corpora in (("english", ENGLISH), ("mix", MIX)):
        given = texts(corpora)
        batch = pa.record_batch({"text": pa.array(given, pa.string())})
        tasks[name] = compare(given, lambda some, batch=batch: step(batch.slice(0, len(some))), language, chosen.rounds)
    with tempfile.TemporaryDirectory() as folder:
        path = train(folder)
        quality, model = read_classifier(read_file(path), name=path.name), fasttext.load_model(str(path))
    given = texts(QUALITY)
    array = pa.array(given, pa.string())
    tasks["quality"] = compare(
        given, lambda some: quality.best(array.slice(0, len(some)), count=2), model, chosen.rounds
    )
    missed = [
        f"{name}: expected at least {target:.0f} times the library, found {tasks[name]['ratio']:.1f}"
        for name, target in TARGETS.items()
        if tasks[name]["ratio"] < target
    ]
    result = {
        **circumstances("numba", "numpy", "pyarrow", "fasttext-community"),
        "unit": "10^6 bytes of UTF-8 text per CPU-second (user and system), after compilation",
        "tasks": tasks,
        "targets": TARGETS,
        "missed": missed,
    }
    path = save("fasttext_predict", result)
    print(f"{'MB per CPU-second':18} {'gristmill':>10} {'fasttext':>10} {'ratio':>7}")
    for name, row in tasks.items():
        print(f"{name:18} {row['gristmill']:10.2f} {row['fasttext']:10.3f} {row['ratio']:7.1f}")
    return verdict(missed, path)


if __name__ == "__main__":
    sys.exit(main())
