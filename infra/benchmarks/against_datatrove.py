"""Measures language id, Gopher's signals and MinHash against datatrove, on the same real text.

Usage: GRISTMILL_CORPORA=... python infra/benchmarks/against_datatrove.py [--rounds 5]

The text: documents of 200 to 100,000 characters of $GRISTMILL_CORPORA/dev/text, in an order drawn by hash, up
to 40 MB. As datatrove passes 0.1 to 0.3 MB per CPU-second, it gets the first megabyte of that order (a random
sample of the same text), we get all of it; both figures are MB per CPU-second, 10^6 bytes of UTF-8 text per
user and system second of the process and its children, after a warm-up. Rounds alternate; ratios are medians
of the rounds' ratios. datatrove lives in a venv of its own under .cache/peers, made on first use.
Writes infra/benchmarks/results/against_datatrove.json; exits 1 where a target is missed.
"""

import statistics
import sys
import tempfile
from pathlib import Path

from peers import HERE, REPOSITORY, measure, python_of, version_of
from real_text import texts, up_to, write
from records import arguments, circumstances, save, verdict

MODEL = REPOSITORY / "curation" / "quality" / "models" / "lid.176.ftz"

OUR_BYTES, PEER_BYTES = 40_000_000, 1_000_000
TASKS = ("all", "without_language", "language", "gopher", "minhash")
TARGETS = {
    "all": {"ratio": 40.0, "mb_per_cpu_second": 3.0},
    "without_language": {"ratio": 200.0, "mb_per_cpu_second": 20.0},
}

Round = dict[str, dict[str, float]]


def one_round(python: Path, ours: Path, theirs: Path) -> Round:
    """Returns MB per CPU-second by task, for us and for datatrove."""
    mine = measure([sys.executable, HERE / "gristmill_side.py", ours])
    with tempfile.TemporaryDirectory() as folder:
        peers = measure([python, HERE / "datatrove_side.py", theirs, MODEL, folder])
    speeds = {}
    for name, side in (("gristmill", mine), ("datatrove", peers)):
        speeds[name] = {task: side["bytes"] / 1e6 / side["cpu_seconds"][task] for task in TASKS}
    return speeds


def summary(rounds: list[Round]) -> dict[str, dict[str, float]]:
    """Returns medians over the rounds, by task."""
    return {
        task: {
            "gristmill_mb_per_cpu_second": statistics.median(r["gristmill"][task] for r in rounds),
            "datatrove_mb_per_cpu_second": statistics.median(r["datatrove"][task] for r in rounds),
            "ratio": statistics.median(r["gristmill"][task] / r["datatrove"][task] for r in rounds),
        }
        for task in TASKS
    }


def missed(tasks: dict[str, dict[str, float]]) -> list[str]:
    """Returns one line for each target that was not reached."""
    found = []
    for task, target in TARGETS.items():
        if tasks[task]["ratio"] < target["ratio"]:
            found.append(
                f"{task}: expected at least {target['ratio']:.0f} times datatrove, found {tasks[task]['ratio']:.1f}"
            )
        if tasks[task]["gristmill_mb_per_cpu_second"] < target["mb_per_cpu_second"]:
            speed = tasks[task]["gristmill_mb_per_cpu_second"]
            found.append(
                f"{task}: expected at least {target['mb_per_cpu_second']} MB per CPU-second, found {speed:.1f}"
            )
    return found


def main() -> int:
    """Runs all rounds, writes the result and prints a table."""
    chosen = arguments(__doc__, rounds=5)
    python = python_of("datatrove")
    documents = texts(OUR_BYTES)
    with tempfile.TemporaryDirectory() as folder:
        ours, theirs = Path(folder, "ours.jsonl"), Path(folder, "theirs.jsonl")
        sizes = {"gristmill": write(documents, ours), "datatrove": write(up_to(documents, PEER_BYTES), theirs)}
        rounds = [one_round(python, ours, theirs) for _ in range(chosen.rounds)]
    tasks = summary(rounds)
    result = {
        **circumstances("numba", "numpy", "pyarrow", "fasttext-community"),
        "peer": version_of("datatrove"),
        "text": sizes,
        "unit": "10^6 bytes of UTF-8 text per CPU-second (user and system, children too), after warm-up",
        "tasks": tasks,
        "targets": TARGETS,
        "missed": missed(tasks),
        "rounds": rounds,
    }
    path = save("against_datatrove", result)
    print(f"{'MB per CPU-second':18} {'gristmill':>10} {'datatrove':>10} {'ratio':>7}")
    for task, row in tasks.items():
        speeds = (row["gristmill_mb_per_cpu_second"], row["datatrove_mb_per_cpu_second"], row["ratio"])
        print(f"{task:18} {speeds[0]:10.2f} {speeds[1]:10.3f} {speeds[2]:7.1f}")
    return verdict(result["missed"], path)


if __name__ == "__main__":
    sys.exit(main())
