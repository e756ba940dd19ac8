"""Blocks of a page by their definition: which visible texts have a line boundary between them."""

from curation.kernels.html_blocks import KIND_C
from curation.kernels.html_names import NAMES
from curation.kernels.html_roles import HIDDEN_C, LEVEL_C
from curation.kernels.html_tokens import TEXT, Tokens

PREFORMATTED = 4


def blocks(tokens: Tokens) -> list[tuple[list[int], str, int]]:
    """Returns of each block its tokens that are visible text, the nearest block-level element's name, and its kind."""
    paths = _paths(tokens)
    hidden = [any(HIDDEN_C[tokens.name_T[element]] for element in path) for path in paths]
    found: list[tuple[list[int], str, int]] = []
    previous = -1
    for t, path in enumerate(paths):
        if tokens.name_T[t] != TEXT or hidden[t] or not _text(tokens, t).replace("\xa0", " ").strip(" \t\n\r\f"):
            continue
        if previous >= 0 and not _is_boundary(tokens, paths, hidden, previous, t):
            found[-1][0].append(t)
        else:
            levels = _levels(tokens, path)
            found.append(([t], NAMES[tokens.name_T[levels[-1]]] if levels else "", _kind(tokens, path)))
        previous = t
    return found


def _paths(tokens: Tokens) -> list[list[int]]:
    """Returns of each token the elements that are open around it, an element's own token last."""
    paths: list[list[int]] = []
    path: list[int] = []
    for t, depth in enumerate(tokens.depth_T.tolist()):
        path = path[:depth] + ([t] if tokens.name_T[t] != TEXT else [])
        paths.append(path)
    return paths


def _text(tokens: Tokens, t: int) -> str:
    return tokens.text[tokens.begin_T[t] : tokens.end_T[t]].tobytes().decode(errors="replace")


def _levels(tokens: Tokens, path: list[int]) -> list[int]:
    return [element for element in path if LEVEL_C[tokens.name_T[element]]]


def _kind(tokens: Tokens, path: list[int]) -> int:
    return next((int(kind) for element in reversed(path) if (kind := KIND_C[tokens.name_T[element]])), 0)


def _is_boundary(tokens: Tokens, paths: list[list[int]], hidden: list[bool], before: int, after: int) -> bool:
    between = [t for t in range(before + 1, after) if tokens.name_T[t] != TEXT]
    breaks = [t for t in between if NAMES[tokens.name_T[t]] == "br" and _kind(tokens, paths[t][:-1]) != PREFORMATTED]
    return (
        _levels(tokens, paths[before]) != _levels(tokens, paths[after])
        or any(LEVEL_C[tokens.name_T[t]] and not hidden[t] for t in between)
        or len(breaks) > 1
    )
