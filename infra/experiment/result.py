"""The committed result: one JSON file, and the names that it and the page use."""

import json
from pathlib import Path
from typing import Any

Result = dict[str, Any]
"""JSON."""

RESULT = Path(__file__).resolve().parent / "results" / "experiment.json"
FAULTY, AS_FOUND = "injected faults", "web as found"
FIVE_GRAM, TRANSFORMER = "five-gram", "transformer"


def save_result(result: Result) -> None:
    """Writes the result where it is committed."""
    RESULT.parent.mkdir(exist_ok=True)
    RESULT.write_text(json.dumps(result, indent=1) + "\n", encoding="utf-8")


def read_result() -> Result:
    """Returns the last result."""
    found: Result = json.loads(RESULT.read_text(encoding="utf-8"))
    return found
