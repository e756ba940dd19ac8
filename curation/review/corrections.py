"""What reviewers marked in a text, taken out of it or masked: edits like any other, so that bytes are accounted for."""

from collections.abc import Iterable, Mapping, Sequence

import numpy as np
import pyarrow as pa

from curation.kernels.removals import Removals
from curation.text.removing import with_removals
from curation.text.words import text_buffers

REMOVE, NOT_PERSONAL = "REMOVE", "NOT_PII"
MASKED = ("ADDRESS", "EMAIL", "ID", "PERSON", "PHONE", "SECRET")
LABELS = (REMOVE, *MASKED)
RULES = tuple(f"people/{label.lower()}" for label in LABELS)
PLACED = ("", *(f"<{label}>" for label in MASKED))

Span = Mapping[str, object]


def corrections(spans: Iterable[Span]) -> list[Span]:
    """Returns marked spans as ranges apart from one another, in order; where two overlap, one covers both.

    A range that somebody removes is removed whole; of two kinds of personal data the first that begins names it. Spans
    that correct nothing, and labels that are not ours, are left out.
    """
    merged: list[dict[str, object]] = []
    ordered = sorted((_int(span["start"]), _int(span["end"]), str(span["label"])) for span in spans)
    for start, end, label in ordered:
        if label not in LABELS or start >= end:
            continue
        if merged and start < _int(merged[-1]["end"]):
            last = merged[-1]
            last["end"] = max(end, _int(last["end"]))
            last["label"] = REMOVE if REMOVE in {label, last["label"]} else last["label"]
        else:
            merged.append({"label": label, "start": start, "end": end})
    return list(merged)


def corrected(batch: pa.RecordBatch, spans: Sequence[Sequence[Span]]) -> pa.RecordBatch:
    """Returns a batch in which the texts are corrected and `edits` says how.

    Args:
        batch: N rows with `text` and `edits`, none null.
        spans: of each row: ranges as `corrections` makes them, in characters.
    """
    ranges = [_in_bytes(text, found) for text, found in zip(batch["text"].to_pylist(), spans, strict=True)]
    flat = [entry for found in ranges for entry in found]
    range_R3 = np.array(flat, dtype=np.int64).reshape(-1, 3)
    offsets_N1 = np.cumsum([0, *map(len, ranges)])
    values, text_offsets_N1 = text_buffers(batch["text"])
    return with_removals(batch, values, text_offsets_N1, Removals(range_R3, offsets_N1), RULES, placed=PLACED)


def _in_bytes(text: str, spans: Sequence[Span]) -> list[tuple[int, int, int]]:
    """Returns rule, first byte and end of each span inside a text."""
    found: list[tuple[int, int, int]] = []
    characters = place = 0
    for span in spans:
        start, end = min(_int(span["start"]), len(text)), min(_int(span["end"]), len(text))
        begin = place + len(text[characters:start].encode())
        characters, place = end, begin + len(text[start:end].encode())
        if begin < place:
            found.append((LABELS.index(str(span["label"])), begin, place))
    return found


def _int(value: object) -> int:
    assert isinstance(value, int), "places are whole numbers"
    return value
