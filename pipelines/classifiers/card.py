"""The card of a model: what it was made of and how good it is, as JSON and as a page.

Mitchell et al. 2019 (arXiv 1810.03993) say what belongs on a card. Nothing on it depends on time, host or path, so that
training twice gives the same card.
"""

import json
from collections.abc import Iterator, Mapping
from dataclasses import asdict
from importlib import metadata

import jinja2
import pyarrow.compute as pc

from curation.intervals import Measure
from curation.text.safe import visible
from pipelines.classifiers.examples import SPLITS, Examples

FORMAT = "gristmill-classifier-card-1"
PACKAGES = ("gristmill", "fasttext-community", "scikit-learn", "numpy")

Plain = dict[str, object]


def data_facts(examples: Examples) -> Plain:
    """Returns what the examples are: files with digests, sources with licences and counts, and what was left out."""
    reasons = examples.dead_letters["reason"].to_pylist()
    return {
        "files": list(examples.files),
        "sources": list(_sources(examples)),
        "left_out": {reason: count for reason, count in examples.left_out.items() if count},
        "dead_letters": {reason: reasons.count(reason) for reason in sorted(set(reasons))},
    }


def _sources(examples: Examples) -> Iterator[Plain]:
    table = examples.table.append_column("split", [examples.split_N])
    pairs = {(row["source"], row["is_positive"]) for row in table.select(["source", "is_positive"]).to_pylist()}
    for name, is_positive in sorted(pairs, key=lambda pair: (not pair[1], pair[0])):
        own = table.filter(pc.and_(pc.equal(table["source"], name), pc.equal(table["is_positive"], is_positive)))
        counts = {split: pc.sum(pc.equal(own["split"], index)).as_py() for index, split in enumerate(SPLITS)}
        yield {
            "source": name,
            "label": "positive" if is_positive else "negative",
            "licenses": sorted({license or "unknown" for license in own["license"].to_pylist()}),
            "text_bytes": pc.sum(pc.binary_length(own["text"])).as_py(),
            "documents": {split: count for split, count in counts.items() if count},
        }


def versions() -> Plain:
    """Returns the versions of the packages that decide a model's bytes."""
    return {name: metadata.version(name) for name in PACKAGES}


def plain(value: Mapping[str, object]) -> Plain:
    """Returns the same as plain values."""
    found: Plain = json.loads(json.dumps(value, default=asdict))
    return found


def card_json(card: Mapping[str, object]) -> bytes:
    """Returns the card as JSON."""
    return json.dumps({"format": FORMAT, **plain(card)}, indent=1).encode() + b"\n"


def card_page(card: Mapping[str, object]) -> str:
    """Returns the card as a Markdown page."""
    environment = jinja2.Environment(loader=jinja2.PackageLoader("pipelines.classifiers"), autoescape=False)  # noqa: S701 - no HTML
    environment.filters |= {"cell": _cell, "settings": _settings, "shown": shown}
    text: str = environment.get_template("card.md").render(card=plain(card))
    return text.rstrip("\n") + "\n"


def _cell(text: object) -> str:
    """Returns text that came from data, safe in a table."""
    return visible(str(text)).replace("|", "\\|").replace("<", "&lt;")


def _settings(values: Mapping[str, object]) -> str:
    return ", ".join(f"{_cell(name)} {_cell(value)}" for name, value in values.items()) or "none"


def shown(measure: Mapping[str, float | None] | Measure) -> str:
    """Returns a measure with its interval, `-` where it has no value."""
    values = asdict(measure) if isinstance(measure, Measure) else measure
    if values["value"] is None:
        return "-"
    interval = "" if values["low"] is None else f" ({values['low']:.3f} to {values['high']:.3f})"
    return f"{values['value']:.3f}{interval}"
