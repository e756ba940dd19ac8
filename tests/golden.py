"""Golden files: what a function has always returned. `GRISTMILL_GOLDEN=write` rewrites them; the commit says why."""

import json
import os
from pathlib import Path


def check_golden(path: Path, value: object) -> None:
    """Compares JSON `value` with the golden file, or writes it when asked to."""
    text = json.dumps(value, indent=1, sort_keys=True) + "\n"
    if os.environ.get("GRISTMILL_GOLDEN") == "write":
        path.write_text(text)
    assert text == path.read_text(), (
        f"{path.name} changed; if that is meant, run with GRISTMILL_GOLDEN=write and say why"
    )
