"""Concat packing by its definition, token by token."""

Token = tuple[int, int]
"""(emission, position in it); the last position is EOS."""


def packed_rows(num_tokens: list[int], *, sequence_length: int) -> list[list[Token]]:
    """Returns the rows of one stage: a document cut at a row's end goes on in the next, its last token first."""
    rows: list[list[Token]] = []
    row: list[Token] = []
    for emission, count in enumerate(num_tokens):
        for position in range(count + 1):
            if len(row) == sequence_length + 1:
                rows.append(row)
                row = [row[-1]] if position > 0 else []
            row.append((emission, position))
    return [*rows, row] if row else rows
