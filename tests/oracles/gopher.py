"""Gopher's rules as datatrove 0.10.1 counts them, on words of `tests.oracles.words`."""

import re
from collections import Counter

from tests.oracles.words import has_letter, is_own_word, is_run_letter, lowered, words

SPACE = "\t\n\x0b\x0c\r\x1c\x1d\x1e\x1f "


def lines_of(text: str) -> list[str]:
    lines = text.split("\n")
    return lines if lines[-1] else lines[:-1]


def estimated_words(found: list[str]) -> int:
    ideographs = sum(is_own_word(word[0]) for word in found)
    clusters = sum(is_run_letter(word[0]) and has_letter(word) for word in found)
    return round(len(found) - ideographs - clusters + ideographs / 1.7 + clusters / 2.5)


def quality(text: str, stop_words: tuple[str, ...], bullets: tuple[str, ...]) -> dict[str, float]:
    found = [word for _, word in words(text)]
    lines = [line.strip(SPACE) for line in lines_of(text)]
    estimate = estimated_words(found)
    num_words, num_lines = max(estimate, 1), max(len(lines), 1)
    return {
        "num_words": estimate,
        "mean_word_length": sum(map(len, found)) / num_words,
        "symbol_word_ratio_hash": text.count("#") / num_words,
        "symbol_word_ratio_ellipsis": (text.count("...") + text.count("…")) / num_words,
        "bullet_line_fraction": sum(line.startswith(bullets) for line in lines) / num_lines,
        "ellipsis_line_fraction": sum(line.endswith(("...", "…")) for line in lines) / num_lines,
        "alpha_word_fraction": max(estimate - sum(not has_letter(word) for word in found), 0) / num_words,
        "num_stop_words": len(set(stop_words) & {lowered(word) for word in found}),
    }


def duplicates(pieces: list[str]) -> tuple[int, int]:
    """Returns (pieces seen before, their characters)."""
    seen: set[str] = set()
    again = []
    for piece in pieces:
        if piece in seen:
            again.append(piece)
        seen.add(piece)
    return len(again), sum(map(len, again))


def top_chars(found: list[str], n: int) -> int:
    grams = Counter(" ".join(found[i : i + n]) for i in range(len(found) - n + 1))
    if not grams:
        return 0
    gram, count = grams.most_common(1)[0]
    return len(gram) * count


def repeated_chars(found: list[str], n: int) -> int:
    seen, total, i = set(), 0, 0
    while i < len(found) - n + 1:
        gram = " ".join(found[i : i + n])
        if gram in seen:
            total += len(gram) - n + 1
            i += n
        else:
            seen.add(gram)
            i += 1
    return total


def repetition(text: str) -> dict[str, float]:
    found = [lowered(word) for _, word in words(text)]
    paragraphs, lines = re.split(r"\n{2,}", text.strip(SPACE)), re.split(r"\n+", text)
    size = max(len(text), 1)
    (dup_lines, line_chars), (dup_paragraphs, paragraph_chars) = duplicates(lines), duplicates(paragraphs)
    signals = {
        "dup_line_fraction": dup_lines / len(lines),
        "dup_paragraph_fraction": dup_paragraphs / len(paragraphs),
        "dup_line_char_fraction": line_chars / size,
        "dup_paragraph_char_fraction": paragraph_chars / size,
    }
    signals |= {f"top_{n}gram_char_fraction": top_chars(found, n) / size for n in (2, 3, 4)}
    return signals | {f"dup_{n}gram_char_fraction": repeated_chars(found, n) / size for n in range(5, 11)}
