"""Runs of bytes, texts without ranges and grams of words, by their definitions in Python."""

GOLDEN, MASK = 0x9E3779B97F4A7C15, 2**64 - 1


def byte_runs(data: bytes, member: bytes, counted: bytes, min_counted: int, min_bytes: int) -> list[tuple[int, int]]:
    """The longest runs, by looking at every stretch of member bytes."""
    runs, start = [], 0
    for at in range(len(data) + 1):
        if at == len(data) or data[at] not in member:
            run = data[start:at]
            if len(run) >= min_bytes and sum(byte in counted for byte in run) >= min_counted:
                runs.append((start, at))
            start = at + 1
    return runs


def replaced(data: bytes, spans: list[tuple[int, int, bytes]]) -> bytes:
    """The text with each span replaced, from the last to the first."""
    for start, end, text in sorted(spans, reverse=True):
        data = data[:start] + text + data[end:]
    return data


def gram(hashes: list[int]) -> int:
    """The hash of a run of words: word k of m is rotated left by 13 * (m - 1 - k)."""
    state = 0
    for word in hashes:
        state = (state << 13 | state >> 51) & MASK ^ word
    return state * GOLDEN & MASK


def grams(hashes: list[int], length: int) -> list[int]:
    return [gram(hashes[at : at + length]) for at in range(len(hashes) - length + 1)]
