"""Documents as reviewers see them, and where what they mark lies in the document.

Personal data is masked unless the question is about it: a review server is one more place that data could leak from.
Characters that a browser would change or a database refuse are replaced one by one, so that only masks move places.
"""

from bisect import bisect_right
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

import pyarrow as pa

from curation.privacy.kinds import KINDS
from curation.privacy.personal_data import placeholders
from curation.privacy.spans import spans_of

REGIONS = ("US",)
"""Where a number without + may be dialled, for runs that do not say it: the default of `privacy.regions`."""
MASKS = tuple(text for _, text in placeholders(KINDS, {}))

_REPLACED = {0x0D: "\n", 0x00: "\ufffd", 0x202D: "\ufffd", 0x202E: "\ufffd"}

Row = Mapping[str, object]


@dataclass(frozen=True, slots=True, kw_only=True)
class Mask:
    """A range of the shown text, and the range of the document's text that it stands for, in characters."""

    start: int
    end: int
    hides_start: int
    hides_end: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Shown:
    """A text as it is shown, and its masks in order."""

    text: str
    masks: tuple[Mask, ...] = ()

    def place(self, start: int, end: int) -> tuple[int, int]:
        """Returns where a marked range lies in the document; a mask that it touches counts whole."""
        return self._start(start), self._end(end)

    def _start(self, position: int) -> int:
        mask = self._last(position)
        if mask is None:
            return position
        return mask.hides_start if position < mask.end else mask.hides_end + position - mask.end

    def _end(self, position: int) -> int:
        mask = self._last(position - 1)
        if mask is None:
            return position
        return mask.hides_end + max(position - mask.end, 0)

    def _last(self, position: int) -> Mask | None:
        """Returns the last mask that begins at a position or before it."""
        found = bisect_right(self.masks, position, key=lambda mask: mask.start)
        return self.masks[found - 1] if found else None


def shown(rows: Sequence[Row], name: str = "text") -> list[Shown]:
    """Returns a text of each question as it is shown.

    Args:
        rows: of REVIEW_TASKS.
        name: `text` or `other_text`.
    """
    texts = [str(row[name] or "") for row in rows]
    found = [Shown(text=displayed(text)) for text in texts]
    by_regions: dict[tuple[str, ...], list[int]] = {}
    for index, row in enumerate(rows):
        if not row["about_privacy"]:
            regions = row["phone_regions"]
            by_regions.setdefault(tuple(regions) if isinstance(regions, list) else REGIONS, []).append(index)
    for regions, indices in by_regions.items():
        spans = spans_of(pa.array([texts[index] for index in indices], pa.string()), kinds=KINDS, regions=regions)
        bounds = spans.offsets_N1.tolist()
        ranges = list(zip(spans.begin_S.tolist(), spans.end_S.tolist(), spans.kind_S.tolist(), strict=True))
        for place, index in enumerate(indices):
            found[index] = _masked(texts[index], ranges[bounds[place] : bounds[place + 1]])
    return found


def displayed(text: str) -> str:
    """Returns a text of the same length with line ends of one kind.

    NUL, which PostgreSQL refuses, and overrides of direction, which would show other words than a model reads, become
    replacement characters.
    """
    return text.replace("\r\n", " \n").translate(_REPLACED)


def _masked(text: str, ranges: Sequence[tuple[int, int, int]]) -> Shown:
    """Masks ranges (first byte, end, kind) of a text."""
    if not ranges:
        return Shown(text=displayed(text))
    pieces: list[str] = []
    masks: list[Mask] = []
    at = hidden_to = 0
    for start, end, kind in _in_characters(text, ranges):
        pieces += [text[hidden_to:start], MASKS[kind]]
        at += start - hidden_to
        masks.append(Mask(start=at, end=at + len(MASKS[kind]), hides_start=start, hides_end=end))
        at, hidden_to = at + len(MASKS[kind]), end
    return Shown(text=displayed("".join([*pieces, text[hidden_to:]])), masks=tuple(masks))


def _in_characters(text: str, ranges: Sequence[tuple[int, int, int]]) -> Iterator[tuple[int, int, int]]:
    """Yields ranges of bytes as ranges of characters."""
    content = text.encode()
    characters = place = 0
    for begin, end, kind in ranges:
        start = characters + len(content[place:begin].decode())
        characters = start + len(content[begin:end].decode())
        place = end
        yield start, characters, kind
