"""Published line and document heuristics, in plain Python; white space is that of ASCII, lines end at a line feed."""

import itertools
import re
import statistics
import unicodedata

from tests.oracles.gopher import SPACE
from tests.oracles.words import has_letter, is_letter_or_number, lowered, words

CITATION = re.compile(r"\[[0-9]*]|\[edit]|\[citation needed]")
ELLIPSIS = "..."
BLANKS = re.compile(f"[{re.escape(SPACE)}\n]+")
COUNTER = re.compile(
    r"[0-9][,.0-9]*[kmb]?[\t\x0b\x0c\r\x1c-\x1f ]+"
    r"(likes|shares|comments|retweets|reposts|quotes|bookmarks|upvotes|downvotes|downloads|views|followers)"
)
URL = re.compile(r"[hH][tT][tT][pP][sS]?://(?:[a-zA-Z0-9$\-_@.&+!*(),]|%[0-9a-fA-F][0-9a-fA-F])+")


def ascii_lower(text: str) -> str:
    return "".join(c.lower() if c.isascii() else c for c in text)


def split(text: str) -> list[str]:
    return [word for word in BLANKS.split(text) if word]


def fineweb(text: str, marks: str, short_chars: int) -> dict[str, float]:
    lines = [line for line in text.split("\n") if line.strip(SPACE)]
    repeated = sum(len(line) for i, line in enumerate(lines) if line in lines[:i])
    per_line = max(len(lines), 1)
    return {
        "end_mark_line_fraction": sum(line.endswith(tuple(marks)) for line in lines) / per_line,
        "short_line_fraction": sum(len(line) <= short_chars for line in lines) / per_line,
        "repeated_line_char_fraction": repeated / max(len(text.replace("\n", "")), 1),
    }


def third_longest_line(text: str) -> int:
    lengths = sorted(map(len, text.split("\n")), reverse=True)
    return lengths[2] if len(lengths) > 2 else 0


def c4_rule(line: str, policy: tuple[str, ...], *, end_marks: str, min_words: int, max_word_chars: int) -> str | None:
    """Returns the rule that removes a stripped line, None if it stays."""
    uncited, low = CITATION.sub("", line), ascii_lower(line)
    if any(len(word) > max_word_chars for word in split(line)):
        return "c4_long_word"
    if end_marks and (not uncited.endswith(tuple(end_marks)) or uncited.endswith(ELLIPSIS)):
        return "c4_no_end_mark"
    if len(split(line)) < min_words:
        return "c4_few_words"
    if "lorem ipsum" in low:
        return None
    if "javascript" in low:
        return "c4_javascript"
    return "c4_policy" if "{" not in line and any(phrase in low for phrase in policy) else None


def c4_lines(text: str, policy: tuple[str, ...], *, end_marks: str, min_words: int, max_word_chars: int) -> str:
    lines = [line.strip(SPACE) for line in text.split("\n")]
    kept = [
        CITATION.sub("", line)
        for line in lines
        if c4_rule(line, policy, end_marks=end_marks, min_words=min_words, max_word_chars=max_word_chars) is None
    ]
    return "\n".join(kept)


def num_sentences(text: str, marks: str, closing: str) -> int:
    return sum(map(len, (_sentences(line.strip(SPACE), marks, closing) for line in text.split("\n"))))


def _sentences(line: str, marks: str, closing: str) -> list[str]:
    """Returns what ends at each end of a sentence within the line, and the rest."""
    parts, begin, at = [], 0, 0
    while at < len(line):
        if line[at] not in marks:
            at += 1
            continue
        stop = at
        while stop < len(line) and line[stop] in marks + closing:
            stop += 1
        initial = line[at:stop] == "." and re.search(rf"(^|[.{re.escape(SPACE)}])[a-zA-Z]$", line[:at])
        parted = not line[at].isascii() or (stop < len(line) and line[stop] in SPACE and not initial)
        if stop < len(line) and parted:
            parts.append(line[begin:stop])
            begin = stop
        at = stop
    return [*parts, line[begin:]] if line else []


def is_upper(character: str) -> bool:
    return lowered(character) != character


def refinedweb_lines(text: str) -> str:
    kept = (_refinedweb_line(line) for line in text.split("\n"))
    return "\n".join(line for line in kept if line is not None)


def _refinedweb_line(line: str) -> str | None:
    if not line:
        return line
    is_number = [c in "0123456789" or (not c.isascii() and unicodedata.category(c)[0] == "N") for c in line]
    core = _symbols_off(ascii_lower(line))
    if sum(map(is_upper, line)) > len(line) / 2 or all(is_number) or COUNTER.fullmatch(core) or len(split(line)) < 2:
        return None
    if len(split(line)) > 10:
        return line
    blank = f"[{re.escape(SPACE)}]?"
    pattern = rf"^sign-in{blank}|{blank}items in cart|{blank}read more\.\.\.$"
    left = re.sub(pattern, "", line, flags=re.IGNORECASE | re.ASCII)
    return None if left != line and not left.strip(SPACE) else left


def _symbols_off(line: str) -> str:
    def is_word(c: str) -> bool:
        return c == "_" or is_letter_or_number(c)

    inner = [i for i, c in enumerate(line) if is_word(c)]
    return line[inner[0] : inner[-1] + 1] if inner else ""


def nemo(text: str, boilerplate: tuple[str, ...], end_marks: str) -> dict[str, float]:
    size, low = max(len(text), 1), ascii_lower(text)
    lines = [line for line in text.split("\n") if line.strip(SPACE)]
    paragraphs = low.split("\n\n")
    flagged = sum(any(phrase in paragraph for phrase in boilerplate) for paragraph in paragraphs)
    return {
        "non_alphanumeric_fraction": 1 - len(re.findall(r"[a-zA-Z0-9\n?!,.]", text)) / size,
        "digit_fraction": len(re.findall("[0-9]", text)) / size if text else 1,
        "url_char_fraction": sum(map(len, URL.findall(text))) / size,
        "white_space_fraction": len(re.findall("[\t\n\r\b ]", text)) / size if text else 1,
        "bracket_fraction": len(re.findall(r"[{}\[\]()]", text)) / size,
        "boilerplate_paragraph_fraction": 1 if "lorem ipsum" in low else flagged / len(paragraphs),
        "no_end_mark_line_fraction": sum(not line.rstrip(SPACE).endswith(tuple(end_marks)) for line in lines)
        / max(len(lines), 1),
        "longest_word_chars": max(map(len, split(text)), default=0),
    }


def gopher_variants(text: str, stop_words: tuple[str, ...]) -> dict[str, float]:
    found = [word for _, word in words(text)]
    lines = text.split("\n")
    lines = [line.strip(SPACE) for line in (lines if lines[-1] else lines[:-1])]
    return {
        "median_word_length": statistics.median(map(len, found)) if found else 0,
        "star_bullet_line_fraction": sum(line.startswith(("*", "-")) for line in lines) / max(len(lines), 1),
        "stop_word_occurrences": sum(lowered(word) in stop_words for word in found),
        "alpha_token_fraction": sum(map(has_letter, found)) / max(len(found) + punctuation_words(text), 1),
    }


def punctuation_words(text: str) -> int:
    """Returns how many words punctuation makes: runs of one character, but not one alone between words, `-` and `/` aside."""
    found = words(text)
    bounds = [(0, 0), *((at, at + len(word)) for at, word in found), (len(text), len(text))]
    total = 0
    for index, ((_, low), (high, _)) in enumerate(itertools.pairwise(bounds)):
        gap = text[low:high]
        if len(gap) == 1 and 0 < index < len(found):
            total += gap in "-/"
        else:
            total += sum(character not in SPACE + "\n" for character, _ in itertools.groupby(gap))
    return total
