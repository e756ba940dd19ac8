"""What benchmarks take and leave: their arguments, and one JSON file under results/.

A result says when, on what and with which versions it was made.
"""

import argparse
import datetime
import json
import os
import platform
from collections.abc import Sequence
from importlib import metadata
from pathlib import Path

RESULTS = Path(__file__).resolve().parent / "results"


def arguments(description: str, *, rounds: int, **sizes: tuple[int, str]) -> argparse.Namespace:
    """Returns the command's arguments; ends with exit code 2 where $GRISTMILL_CORPORA is not set.

    Args:
        description: the module's docstring; its first line is shown.
        rounds: default of `--rounds`.
        sizes: default and help of further whole numbers.
    """
    parser = argparse.ArgumentParser(description=description.partition("\n")[0])
    parser.add_argument("--rounds", type=int, default=rounds, help=f"alternating rounds ({rounds})")
    for name, (default, meaning) in sizes.items():
        parser.add_argument(f"--{name.replace('_', '-')}", type=int, default=default, help=f"{meaning} ({default})")
    found = parser.parse_args()
    if not os.environ.get("GRISTMILL_CORPORA"):
        parser.exit(2, "GRISTMILL_CORPORA is not set: it names the folder that holds the corpora (dev/)\n")
    return found


def circumstances(*packages: str) -> dict[str, object]:
    """Returns date, processor, Python and the versions of `packages`."""
    return {
        "date": datetime.datetime.now(datetime.UTC).isoformat(timespec="seconds"),
        "processor": processor(),
        "python": platform.python_version(),
        "versions": {name: metadata.version(name) for name in packages},
    }


def processor() -> str:
    """Returns the processor's model name."""
    lines = Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines() if Path("/proc/cpuinfo").exists() else []
    names = [line.partition(": ")[2] for line in lines if line.startswith("model name")]
    return names[0] if names else platform.machine()


def save(name: str, result: dict[str, object]) -> str:
    """Writes a result and returns its path in the repository."""
    RESULTS.mkdir(exist_ok=True)
    path = RESULTS / f"{name}.json"
    path.write_text(json.dumps(result, indent=1) + "\n", encoding="utf-8")
    return str(path.relative_to(RESULTS.parents[2]))


def verdict(missed: Sequence[str], path: str) -> int:
    """Prints the targets that were missed, or that none was; returns the exit code, 1 where one was."""
    print("\n".join(missed) or f"all targets met; {path}")
    return 1 if missed else 0
