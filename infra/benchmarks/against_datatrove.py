"""Measures language id, Gopher's signals and MinHash against datatrove, on the same real text.

Usage: GRISTMILL_CORPORA=... python infra/benchmarks/against_datatrove.py [--rounds 5]

The text: documents of 200 to 100,000 characters of $GRISTMILL_CORPORA/dev/text, in an order drawn by hash, up
to 40 MB. As datatrove passes 0.1 to 0.3 MB per CPU-second, it gets the first megabyte of that order (a random
sample of the same text), we get all of it; both figures are MB per CPU-second, 10^6 bytes of UTF-8 text per
user and system second of the process and its children, after a warm-up. Rounds alternate; ratios are medians
of the rounds' ratios. datatrove lives in a venv of its own under .cache/peers, made on first use.
Writes infra/benchmarks/results/against_datatrove.json; exits 1 where a target is missed.
"""

import argparse
import datetime
import gzip
import hashlib
import json
import os
import platform
import statistics
import subprocess
import sys
import tempfile
import venv
from importlib import metadata
from pathlib import Path

HERE = Path(__file__).resolve().parent
REPOSITORY = HERE.parent.parent
PEER = REPOSITORY / ".cache" / "peers" / "datatrove"
REQUIREMENTS = HERE / "datatrove-requirements.txt"
RESULT = HERE / "results" / "against_datatrove.json"
MODEL = REPOSITORY / "curation" / "quality" / "models" / "lid.176.ftz"

OUR_BYTES, PEER_BYTES = 40_000_000, 1_000_000
TASKS = ("all", "without_language", "language", "gopher", "minhash")
TARGETS = {
    "all": {"ratio": 40.0, "mb_per_cpu_second": 3.0},
    "without_language": {"ratio": 200.0, "mb_per_cpu_second": 20.0},
}

Round = dict[str, dict[str, float]]


def peer_python() -> Path:
    """Returns the interpreter of datatrove's venv, made anew when the pinned requirements changed."""
    digest = hashlib.sha256(REQUIREMENTS.read_bytes() + sys.version.encode()).hexdigest()
    stamp, python = PEER / "requirements.sha256", PEER / "bin" / "python"
    if not stamp.exists() or stamp.read_text() != digest:
        print("installing datatrove into .cache/peers/datatrove ...", file=sys.stderr)
        venv.create(PEER, clear=True, with_pip=True)
        subprocess.run([python, "-m", "pip", "install", "--quiet", "--requirement", REQUIREMENTS], check=True)
        stamp.write_text(digest)
    return python


def texts() -> list[str]:
    """Returns the benchmark's documents in their drawn order, OUR_BYTES at most."""
    folder = Path(os.environ["GRISTMILL_CORPORA"]) / "dev" / "text"
    drawn = []
    for path in sorted(folder.glob("*.jsonl.gz")):
        with gzip.open(path, "rt", encoding="utf-8") as lines:
            for number, line in enumerate(lines):
                text = json.loads(line)["text"]
                if 200 <= len(text) <= 100_000:
                    drawn.append((hashlib.sha256(f"{path.name} {number}".encode()).digest(), text))
    return up_to([text for _, text in sorted(drawn)], OUR_BYTES)


def up_to(documents: list[str], num_bytes: int) -> list[str]:
    """Returns the first documents that have no more than `num_bytes` of UTF-8 together."""
    total = 0
    for index, text in enumerate(documents):
        total += len(text.encode())
        if total > num_bytes:
            return documents[:index]
    return documents


def measure(command: list[str | Path]) -> dict[str, object]:
    """Runs one side and returns what it printed."""
    environment = os.environ | {"PYTHONPATH": str(REPOSITORY), "TOKENIZERS_PARALLELISM": "false"}
    done = subprocess.run(command, check=True, env=environment, stdout=subprocess.PIPE, text=True)
    return json.loads(done.stdout[done.stdout.rindex('{"bytes"') :])


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


def processor() -> str:
    """Returns the processor's model name."""
    lines = Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines() if Path("/proc/cpuinfo").exists() else []
    names = [line.partition(": ")[2] for line in lines if line.startswith("model name")]
    return names[0] if names else platform.machine()


def write(documents: list[str], path: Path) -> dict[str, int]:
    """Writes documents as JSON lines; returns how many there are and their bytes."""
    path.write_text("".join(json.dumps(text) + "\n" for text in documents), encoding="utf-8")
    return {"documents": len(documents), "bytes": sum(len(text.encode()) for text in documents)}


def main() -> int:
    """Runs all rounds, writes the result and prints a table."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--rounds", type=int, default=5, help="alternating rounds (5)")
    arguments = parser.parse_args()
    if not os.environ.get("GRISTMILL_CORPORA"):
        print("GRISTMILL_CORPORA is not set: it names the folder that holds the corpora (dev/)", file=sys.stderr)
        return 2
    python = peer_python()
    documents = texts()
    with tempfile.TemporaryDirectory() as folder:
        ours, theirs = Path(folder, "ours.jsonl"), Path(folder, "theirs.jsonl")
        sizes = {"gristmill": write(documents, ours), "datatrove": write(up_to(documents, PEER_BYTES), theirs)}
        rounds = [one_round(python, ours, theirs) for _ in range(arguments.rounds)]
    tasks = summary(rounds)
    result = {
        "date": datetime.datetime.now(datetime.UTC).isoformat(timespec="seconds"),
        "processor": processor(),
        "python": platform.python_version(),
        "versions": {name: metadata.version(name) for name in ("numba", "numpy", "pyarrow", "fasttext-community")},
        "peer": next(line for line in REQUIREMENTS.read_text().splitlines() if line.startswith("datatrove")),
        "text": sizes,
        "unit": "10^6 bytes of UTF-8 text per CPU-second (user and system, children too), after warm-up",
        "tasks": tasks,
        "targets": TARGETS,
        "missed": missed(tasks),
        "rounds": rounds,
    }
    RESULT.parent.mkdir(exist_ok=True)
    RESULT.write_text(json.dumps(result, indent=1) + "\n", encoding="utf-8")
    print(f"{'MB per CPU-second':18} {'gristmill':>10} {'datatrove':>10} {'ratio':>7}")
    for task, row in tasks.items():
        speeds = (row["gristmill_mb_per_cpu_second"], row["datatrove_mb_per_cpu_second"], row["ratio"])
        print(f"{task:18} {speeds[0]:10.2f} {speeds[1]:10.3f} {speeds[2]:7.1f}")
    print("\n".join(result["missed"]) or f"all targets met; {RESULT.relative_to(REPOSITORY)}")
    return 1 if result["missed"] else 0


if __name__ == "__main__":
    sys.exit(main())
