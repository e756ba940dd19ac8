"""What reviewers see: two labelling interfaces, and a task for each row of REVIEW_TASKS.

Text that goes into HyperText is escaped: Label Studio strips scripts there but keeps `<img src>`, so a document
could call out from a reviewer's browser. The document itself is shown by Text, which shows markup as it is.
"""

import difflib
import html
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from importlib import resources
from xml.etree import ElementTree

from annotator.showing import shown
from curation.errors import ReviewError
from curation.identity import sha256_of
from curation.schema import TASK_KINDS
from curation.text.safe import visible

VERSION_DIGITS = 12
MAX_COMPARED_WORDS = 4000
"""Of both texts of a pair; difflib takes time that grows with the product of what differs."""
MOST_REASON_CHARS = 300
MODEL_VERSION = "rules"
"""Predictions are what the gates decided; the run's fingerprint is in the project's title."""

Row = Mapping[str, object]


@dataclass(frozen=True, slots=True, kw_only=True)
class Interface:
    """A labelling interface: its XML, and what each of its controls may hold (None: anything)."""

    kind: str
    xml: str
    version: str
    controls: Mapping[str, frozenset[str] | None]


@lru_cache(maxsize=len(TASK_KINDS))
def interface_of(kind: str) -> Interface:
    """Returns the interface for a kind of task."""
    assert kind in TASK_KINDS, f"no interface for {kind}"
    text = resources.files("annotator").joinpath(f"interfaces/{kind}.xml").read_text()
    return Interface(kind=kind, xml=text, version=version_of(text), controls=_controls(text))


def version_of(text: str) -> str:
    """Returns the digest of an interface, whatever its layout.

    Raises:
        ReviewError: it is no XML.
    """
    try:
        canonical = ElementTree.canonicalize(text, strip_text=True)
    except ElementTree.ParseError as error:
        raise ReviewError(f"labelling interface: expected XML, found {error}") from None
    return sha256_of(canonical)[:VERSION_DIGITS]


def _controls(text: str) -> dict[str, frozenset[str] | None]:
    found: dict[str, frozenset[str] | None] = {}
    for element in ElementTree.fromstring(text).iter():  # noqa: S314 - our own file
        if "toName" in element.attrib:
            values = frozenset(child.attrib["value"] for child in element.iter() if child.tag in {"Choice", "Label"})
            found[element.attrib["name"]] = values or None
    return found


def tasks_of(rows: Sequence[Row]) -> list[dict[str, object]]:
    """Returns rows of REVIEW_TASKS as Label Studio imports them, personal data masked.

    Raises:
        ReviewError: a prediction does not fit the interface.
    """
    texts, others = shown(rows), shown(rows, "other_text")
    return [_task(row, text.text, other.text) for row, text, other in zip(rows, texts, others, strict=True)]


def _task(row: Row, text: str, other: str) -> dict[str, object]:
    data: dict[str, object] = {
        "review_key": row["review_key"],
        "doc_id": _hex(row["doc_id"]),
        "priority": row["priority"],
        "context_html": _context(row),
    }
    if row["kind"] == "pair":
        data["a_html"], data["b_html"] = compared(text, other)
    else:
        data["text"] = text
    task: dict[str, object] = {"data": data}
    if row["prediction"] is not None and not row["is_blind"]:
        task["predictions"] = [_prediction(interface_of(str(row["kind"])), str(row["prediction"]))]
    return task


def _prediction(interface: Interface, value: str) -> dict[str, object]:
    name, target = ("relation", "a") if interface.kind == "pair" else ("decision", "text")
    result = {"from_name": name, "to_name": target, "type": "choices", "value": {"choices": [value]}}
    for finding in prediction_findings(interface, [result]):
        raise ReviewError(f"prediction: {finding}")
    return {"model_version": MODEL_VERSION, "result": [result]}


def prediction_findings(interface: Interface, result: Sequence[Row]) -> Iterator[str]:
    """Yields what is wrong with a prediction: Label Studio would take it and show nothing, or fail in the browser."""
    for item in result:
        name, value = str(item.get("from_name")), item.get("value")
        if name not in interface.controls:
            yield f"expected one of {', '.join(sorted(interface.controls))}, found {name!r}"
            continue
        allowed = interface.controls[name]
        given = value.get(str(item.get("type"))) if isinstance(value, Mapping) else None
        if allowed is not None and (not isinstance(given, list) or not allowed.issuperset(given)):
            yield f"{name}: expected values of {', '.join(sorted(allowed))}, found {given!r}"


def _context(row: Row) -> str:
    """Returns why people are asked, escaped; of a blind task only where the text is from."""
    said = [f"<b>{_line(row['source'])}</b>", f"<code>{_hex(row['doc_id'])[:8]}</code>"]
    if not row["is_blind"]:
        said.append(_line(row["reason"]))
    return " · ".join(said)


def _line(value: object) -> str:
    return escaped(visible(str(value), limit=MOST_REASON_CHARS))


def escaped(text: str) -> str:
    """Returns text for HyperText: no markup of its own, lines kept."""
    return html.escape(text, quote=True).replace("\n", "<br>")


def compared(one: str, other: str) -> tuple[str, str]:
    """Returns both texts as escaped HTML in which what only one of them has is marked."""
    one_words, other_words = one.split(" "), other.split(" ")
    if len(one_words) + len(other_words) > MAX_COMPARED_WORDS:
        return escaped(one), escaped(other)
    left: list[str] = []
    right: list[str] = []
    matcher = difflib.SequenceMatcher(None, one_words, other_words, autojunk=False)
    for tag, start, stop, other_start, other_stop in matcher.get_opcodes():
        for side, words, mark in (
            (left, one_words[start:stop], "del"),
            (right, other_words[other_start:other_stop], "ins"),
        ):
            if words:
                text = escaped(" ".join(words))
                side.append(text if tag == "equal" else f"<{mark}>{text}</{mark}>")
    return " ".join(left), " ".join(right)


def _hex(value: object) -> str:
    assert isinstance(value, bytes), "ids are 16 bytes"
    return value.hex()
