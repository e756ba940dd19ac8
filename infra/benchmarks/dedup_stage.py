"""Measures deduplication of real text: ours, datatrove's four stages, rensa.

Usage: GRISTMILL_CORPORA=... python infra/benchmarks/dedup_stage.py [--rounds 5] [--megabytes 50] [--big-megabytes 1000]

The text is real_text.py's; beyond the 38 MB that there are, it goes on with copies whose letters are exchanged. We and
rensa get --megabytes of it, datatrove, which passes less than 1 MB per CPU-second, the first two (a random sample of
it). All run in a process that has warmed up; figures are MB per CPU-second, 10^6 bytes of UTF-8 text per user
and system second of the process and its children. Rounds alternate; ratios are medians of the rounds' ratios.

Two things are measured of each. `in_memory` is deduplication itself, from texts in memory to those that stay: ours is
`gristmill.deduplicate` (exact and near, each candidate pair verified by its exact similarity), rensa's deduplicator
estimates similarity from signatures, and the 5-word shingles that it is given are made in Python, as its documentation
leaves to the caller. datatrove cannot be called so: its four stages (signatures, buckets, clusters, filter; nothing is
verified) hand files to each other, and their whole time counts, of which reading and writing text is a small part.
`all` is from a JSONL file to a JSONL file of kept text: ours is `gristmill dedup --drop`, a whole run, in which text,
signatures, links and decisions of every document are written, digested and checked.

The targets are about `in_memory`. At --big-megabytes we alone are measured, once: each rate should be within 20% of the
small one. Writes results/dedup_stage.json; exits 1 where a target is missed.
"""

import json
import statistics
import sys
import tempfile
from collections.abc import Iterable
from pathlib import Path

from peers import HERE, measure, python_of, version_of
from real_text import texts, up_to, varied
from records import arguments, circumstances, save, verdict

REAL_BYTES, PEER_BYTES = 40_000_000, 2_000_000
PEERS = ("datatrove", "rensa")
TARGETS = {"datatrove": 100.0, "rensa": 10.0}
LEAST_OF_SMALL_RATE = 0.8
MEASURED = ("in_memory", "all")

Speeds = dict[str, float]


def side(name: str, documents: Iterable[str]) -> dict[str, object]:
    """Runs one side over documents in a folder of its own; returns what it printed."""
    python = Path(sys.executable) if name == "gristmill" else python_of(name)
    with tempfile.TemporaryDirectory() as folder:
        (Path(folder) / "texts").mkdir()
        with (Path(folder) / "texts" / "texts.jsonl").open("w", encoding="utf-8") as out:
            out.writelines(json.dumps({"text": text}) + "\n" for text in documents)
        return measure([python, HERE / f"{name}_dedup_side.py", folder])


def speeds_of(found: dict[str, object]) -> Speeds:
    """Returns MB per CPU-second by what was measured."""
    seconds = found["cpu_seconds"]
    return {what: found["bytes"] / 1e6 / seconds[what] for what in MEASURED if what in seconds}


def medians(speeds: Iterable[Speeds]) -> Speeds:
    """Returns the median of each figure over rounds."""
    rounds = list(speeds)
    return {what: statistics.median(found[what] for found in rounds) for what in rounds[0]}


def ratios_of(ours: Speeds, peer: Speeds) -> Speeds:
    """Returns how many times as fast we are; what a peer has only as a whole is compared with that."""
    return {what: ours[what] / peer.get(what, peer["all"]) for what in ours}


def missed(ratios: dict[str, Speeds], big: Speeds) -> list[str]:
    """Returns one line for each target that was not reached."""
    found = [
        f"{peer}: expected at least {target:.0f} times as fast, found {ratios[peer]['in_memory']:.1f}"
        for peer, target in TARGETS.items()
        if ratios[peer]["in_memory"] < target
    ]
    return found + [
        f"big input, {what}: expected at least {LEAST_OF_SMALL_RATE} of the small one's rate, found {ratio:.2f}"
        for what, ratio in big.items()
        if ratio < LEAST_OF_SMALL_RATE
    ]


def main() -> int:
    """Runs all rounds, writes the result and prints a table."""
    chosen = arguments(
        __doc__,
        rounds=5,
        megabytes=(50, "text for us and rensa"),
        big_megabytes=(1000, "text for us alone, once; 0: not"),
    )
    documents = texts(REAL_BYTES)
    small = list(varied(documents, chosen.megabytes * 10**6))
    given = {"gristmill": small, "datatrove": up_to(documents, PEER_BYTES), "rensa": small}
    rounds = [{name: side(name, given[name]) for name in given} for _ in range(chosen.rounds)]
    by_round = [{name: speeds_of(found[name]) for name in given} for found in rounds]
    speeds = {name: medians(found[name] for found in by_round) for name in given}
    ratios = {peer: medians(ratios_of(found["gristmill"], found[peer]) for found in by_round) for peer in PEERS}
    big = side("gristmill", varied(documents, chosen.big_megabytes * 10**6)) if chosen.big_megabytes else None
    big_ratio = ratios_of(speeds_of(big), speeds["gristmill"]) if big else {}
    result = {
        **circumstances("apache-beam", "numba", "numpy", "pyarrow"),
        "peers": [version_of(peer) for peer in PEERS],
        "unit": "10^6 bytes of UTF-8 text per CPU-second (user and system, children too), after warm-up",
        "mb_per_cpu_second": speeds,
        "ratios": ratios,
        "big": big and {**big, "mb_per_cpu_second": speeds_of(big), "of_small_rate": big_ratio},
        "targets": {"in_memory": TARGETS, "big_of_small_rate": LEAST_OF_SMALL_RATE},
        "missed": missed(ratios, big_ratio),
        "rounds": rounds,
    }
    path = save("dedup_stage", result)
    for name in given:
        for what in MEASURED:
            value = f"{speeds[name][what]:8.2f} MB per CPU-second" if what in speeds[name] else ""
            times = f"we are {ratios[name][what]:.1f} times as fast" if name in ratios else ""
            print(f"{name:10} {what:10} {value:26} {times}")
    if big:
        print("\n".join(f"big        {what:10} {ratio:.2f} of the small rate" for what, ratio in big_ratio.items()))
    return verdict(result["missed"], path)


if __name__ == "__main__":
    sys.exit(main())
