"""Long documents in pieces that a model can be given: cut at headings and paragraphs, else at sentences."""

import re

_BLOCKS = re.compile(r"\n[ \t]*\n+")
_SENTENCE = re.compile(r"(?<=[.!?…])\s+|(?<=[。！？])|\n")
_HEADING = re.compile(r"#{1,6} \S|[^.!?。！？:\n]{1,80}$")


def chunks_of(text: str, *, max_chars: int) -> list[str]:
    """Returns pieces of at most `max_chars` characters, in order, that have all of the text but white space between.

    A heading begins a new piece where the one before is at least half full, and never ends one.
    """
    chunks: list[str] = []
    current = ""
    for block in _pieces(text, max_chars):
        joined = f"{current}\n\n{block}" if current else block
        is_heading = _HEADING.fullmatch(block.partition("\n")[0]) is not None
        if current and (len(joined) > max_chars or (is_heading and len(current) >= max_chars // 2)):
            chunks.append(current)
            joined = block
        current = joined
    return [*chunks, current] if current else chunks


def _pieces(text: str, max_chars: int) -> list[str]:
    """Returns blocks, each heading with what follows it, none longer than `max_chars`."""
    blocks: list[str] = []
    for block in filter(None, (part.strip() for part in _BLOCKS.split(text))):
        is_short = bool(blocks) and "\n" not in blocks[-1] and _HEADING.fullmatch(blocks[-1]) is not None
        if is_short and len(blocks[-1]) + len(block) + 2 <= max_chars:
            blocks[-1] += f"\n\n{block}"
        else:
            blocks += [block] if len(block) <= max_chars else _cut(block, max_chars)
    return blocks


def _cut(block: str, max_chars: int) -> list[str]:
    parts: list[str] = []
    for sentence in filter(None, _SENTENCE.split(block)):
        for start in range(0, len(sentence), max_chars):
            part = sentence[start : start + max_chars]
            if parts and len(parts[-1]) + len(part) < max_chars:
                parts[-1] += f" {part}"
            else:
                parts.append(part)
    return parts
