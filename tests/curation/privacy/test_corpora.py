"""How much of the personal data in labelled texts is found, kind by kind, and what of it is not there."""

import gzip
import json
from collections import Counter

import pyarrow as pa
import pytest

from curation.privacy.personal_data import PersonalData

KINDS = {
    "EMAIL_ADDRESS": "email",
    "PHONE_NUMBER": "phone",
    "IP_ADDRESS": "ip",
    "IBAN_CODE": "iban",
    "CREDIT_CARD": "credit_card",
}
MEASURED = {  # (spans in the labels, of them found, found that the labels lack), of both files of the corpora
    "email": (51, 51, 0),
    "phone": (102, 94, 0),
    "ip": (16, 16, 0),
    "iban": (21, 21, 0),
    "credit_card": (146, 145, 0),
}


@pytest.fixture(scope="module")
def counted(corpora):
    """Labelled, found and wrong spans by kind; a span is found where one of its kind overlaps it."""
    rows = []
    for path in sorted((corpora / "pii").glob("*.jsonl.gz")):
        with gzip.open(path, "rt", encoding="utf-8") as lines:
            rows += map(json.loads, lines)
    batch = PersonalData()(pa.record_batch({"text": pa.array([row["text"] for row in rows])}))
    counts = {name: Counter() for name in ("labelled", "found", "wrong")}
    for row, spans in zip(rows, batch["pii"].to_pylist(), strict=True):
        labels = [
            (KINDS[span["type"]], *(len(row["text"][: span[edge]].encode()) for edge in ("start", "end")))
            for span in row["spans"]
            if span["type"] in KINDS
        ]
        for kind, start, end in labels:
            counts["labelled"][kind] += 1
            counts["found"][kind] += any(s["kind"] == kind and s["start"] < end and s["end"] > start for s in spans)
        for span in spans:
            is_right = any(span["kind"] == k and span["start"] < z and span["end"] > a for k, a, z in labels)
            counts["wrong"][span["kind"]] += not is_right
    return counts


@pytest.mark.parametrize("kind", MEASURED)
def test_of_each_kind_as_much_is_found_as_was_measured_and_nothing_else(kind, counted):
    labelled, found, wrong = MEASURED[kind]
    assert counted["labelled"][kind] == labelled
    assert counted["found"][kind] >= found
    assert counted["wrong"][kind] <= wrong


def test_of_secrets_the_labelled_texts_have_none(counted):
    assert counted["wrong"]["secret"] == 0
