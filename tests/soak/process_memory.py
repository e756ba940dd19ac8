"""Peak memory of a process and its children: the sum of PSS, sampled while it runs."""

import json
import os
import subprocess
import time
from pathlib import Path

ROOT = Path(__file__).parents[2]
RESULTS = ROOT / "infra" / "benchmarks" / "results" / "memory.json"


def descendants(pid):
    found = [pid]
    for parent in found:
        for task in Path(f"/proc/{parent}/task").glob("*/children"):
            found += [int(child) for child in task.read_text().split()]
    return found


def pss_bytes(pid):
    total = 0
    for process in descendants(pid):
        try:
            lines = Path(f"/proc/{process}/smaps_rollup").read_text().splitlines()
        except OSError:
            continue
        total += sum(int(line.split()[1]) * 1024 for line in lines if line.startswith("Pss:"))
    return total


def run_and_record(arguments, name):
    """Runs a command to its end; returns its peak (PSS in bytes) and what it printed, and records the peak as `name`."""
    started, peak = time.monotonic(), 0
    process = subprocess.Popen(
        arguments,
        cwd=ROOT,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
    )
    while process.poll() is None:
        peak = max(peak, pss_bytes(process.pid))
        time.sleep(0.2)
    output = process.communicate()[0].decode()
    assert process.returncode == 0, output[-2000:]
    record(name, peak, time.monotonic() - started)
    return peak, output


def record(name, peak, seconds):
    """Adds a line to the committed results."""
    found = json.loads(RESULTS.read_text()) if RESULTS.exists() else {}
    found[name] = {"peak_pss_mib": round(peak / 2**20), "seconds": round(seconds), "date": time.strftime("%Y-%m-%d")}
    RESULTS.write_text(json.dumps(found, indent=1, sort_keys=True) + "\n")
