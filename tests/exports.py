"""An export's manifest, made up: for everything that shows the stages and scores of training rows."""

import json
from collections.abc import Sequence
from pathlib import Path


def write_export(folder: Path, stages: Sequence[str], scores: Sequence[str]) -> None:
    """Gives a run an export without shards, with these stages and these scores; an order reads like a stage."""
    export = folder / "exports" / "made"
    export.mkdir(parents=True)
    manifest = {
        "stages": [
            {"name": name, "ordering": name, "emissions": 10**place, "tokens": 10**place * 9, "padding": 10**place}
            for place, name in enumerate(stages)
        ],
        "scores": {
            "names": list(scores),
            "spearman": [[1.0 if one == other else None for one in scores] for other in scores],
        },
        "totals": {"tokens": 10**12, "overlaps": 7, "synthetic": 10**11, "synthetic_left_out": 123_456_789},
        "max_synthetic_fraction": 0.15,
    }
    (export / "manifest.json").write_text(json.dumps(manifest))
    (folder / "exports" / "latest").write_text("made\n")
