"""An edit that repairs mojibake: UTF-8 that was read as another encoding, once or several times, then written anew.

ftfy (Speer, https://ftfy.readthedocs.io) finds and repairs it, a line at a time. Most texts hold none: RE2 runs ftfy's
own pattern of what is suspect over whole batches, so that only suspect texts become Python strings.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache

import pyarrow as pa
import pyarrow.compute as pc

from curation.text.edits import Change, edited, require_text, trimmed


@dataclass(frozen=True, slots=True, kw_only=True)
class Mojibake:
    """Repairs mojibake, one edit of rule `mojibake` per line that changes.

    Belongs before `ControlCharacters`, which takes the C1 characters that a repair needs. Only encodings are repaired:
    entities, quotation marks, ligatures and widths, which ftfy changes too when it is asked, stay as they are.
    """

    def output_schema(self, schema: pa.Schema) -> pa.Schema:
        """Returns `schema` unchanged."""
        return require_text(schema)

    def __call__(self, batch: pa.RecordBatch) -> pa.RecordBatch:
        """Returns the batch with edited texts; a batch without suspect texts is returned as it is."""
        return edited(batch, _Repair(), _suspects(batch.column("text")))


class _Repair:
    name = "mojibake"

    def result(self, text: str) -> str:
        return "\n".join(_repaired(line) for line in text.split("\n"))

    def changes(self, text: str) -> Iterator[Change]:
        start = 0
        for line in text.split("\n"):
            fixed = _repaired(line)
            if fixed != line:
                yield trimmed(start, line, fixed)
            start += len(line) + 1


def _repaired(line: str) -> str:
    """Returns a line with its encoding repaired; in pieces of `MAX_PIECE` characters, as ftfy itself does."""
    import ftfy  # noqa: PLC0415 - most jobs do not ask for it

    if line.isascii():
        return line
    pieces = range(0, len(line), MAX_PIECE)
    return "".join(ftfy.fix_encoding(line[start : start + MAX_PIECE], ftfy.TextFixerConfig()) for start in pieces)


MAX_PIECE = 100_000


def _suspects(text: pa.Array) -> list[int]:
    """Returns the rows of `text` (string) with a line that ftfy calls bad."""
    found = pc.fill_null(pc.match_substring_regex(text, _suspect_pattern()), False)
    rows: list[int] = pc.indices_nonzero(found).to_pylist()
    return rows


@cache
def _suspect_pattern() -> str:
    r"""Returns ftfy's pattern of bad sequences for RE2, over whole texts.

    RE2 has no verbose patterns; there `\w` and `\s` are ASCII alone, and `^` is not the start of a line.
    """
    from ftfy.badness import BADNESS_RE  # noqa: PLC0415 - most jobs do not ask for it

    pattern = _without_comments(BADNESS_RE.pattern)
    for python, re2 in ((r"\w", r"[\pL\pN_]"), (r"\s", r"[\s\pZ\x0b\x1c-\x1f\x85]"), ("|^", "|(?m:^)")):
        pattern = pattern.replace(python, re2)
    return pattern


def _without_comments(pattern: str) -> str:
    """Returns a verbose pattern (re.VERBOSE) in its short form."""
    short, position, is_class = [], 0, False
    while position < len(pattern):
        character = pattern[position]
        if character == "\\":
            short.append(pattern[position : position + 2])
            position += 2
            continue
        if is_class or character == "[":
            is_class = character != "]"
            short.append(character)
        elif character == "#":
            position = pattern.index("\n", position)
        elif not character.isspace():
            short.append(character)
        position += 1
    return "".join(short)
