"""A benchmark's result: one JSON file under results/ that says when, on what and with which versions it was made."""

import datetime
import json
import platform
from importlib import metadata
from pathlib import Path

RESULTS = Path(__file__).resolve().parent / "results"


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
