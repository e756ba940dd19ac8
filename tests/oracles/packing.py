"""Best-fit packing of documents into rows by its definition, with lists."""

Token = tuple[int, int]
"""(emission, position in it); the last position is EOS."""


def best_fit_bins(lengths: list[int], left: list[int], *, capacity: int) -> list[int]:
    """Returns the bin of each item: the least room that is enough, of equal ones the one that was touched last."""
    rooms = [(room, touched) for touched, room in enumerate(left)]
    clock, bins = len(left), []
    for length in lengths:
        fitting = [(room, -touched, bin_) for bin_, (room, touched) in enumerate(rooms) if room >= length]
        bin_ = min(fitting)[2] if fitting else len(rooms)
        if not fitting:
            rooms.append((capacity, clock))
        rooms[bin_] = (rooms[bin_][0] - length, clock)
        clock += 1
        bins.append(bin_)
    return bins


def packed_rows(num_tokens: list[int], *, sequence_length: int) -> list[list[Token]]:
    """Returns the rows of one window of a sorted stage.

    A long document fills rows of its own, each starting with the last token of the one before; its last row, and new
    ones, take whole documents: the longest first, each where the least room is left.
    """
    size = sequence_length + 1
    chains: list[list[list[Token]]] = []
    tails, short = [], []
    for emission, count in enumerate(num_tokens):
        document = [(emission, position) for position in range(count + 1)]
        if len(document) <= size:
            short.append(document)
            continue
        rows = [document[:size]]
        while rows[-1][-1] != document[-1]:
            start = rows[-1][-1][1]
            rows.append(document[start : start + size])
        chains.append(rows)
        tails.append(rows[-1])
    short.sort(key=lambda document: (-len(document), document[0][0]))
    bins = best_fit_bins([len(document) for document in short], [size - len(tail) for tail in tails], capacity=size)
    shared: dict[int, list[list[Token]]] = {}
    for document, bin_ in zip(short, bins, strict=True):
        shared.setdefault(bin_, []).append(document)
    for bin_, documents in shared.items():
        documents.sort()
        if bin_ < len(tails):
            tails[bin_].extend(token for document in documents for token in document)
        else:
            chains.append([[token for document in documents for token in document]])
    chains.sort(key=lambda rows: min(token[0] for row in rows for token in row))
    return [row for rows in chains for row in rows]
