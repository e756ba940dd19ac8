"""Candidate pairs, components and survivors by definition, over Python sets. Slow on purpose."""

from collections import Counter, defaultdict
from itertools import product

Link = tuple[int, int]  # (later, earlier)


def candidate_pairs(entries: list[tuple[int, int]], max_earlier: int) -> tuple[list[Link], int]:
    """Pairs (later, earlier) of each bucket of (hash, rank) entries, and how many buckets the cap cut."""
    buckets: dict[int, set[int]] = defaultdict(set)
    for hash_value, rank in entries:
        buckets[hash_value].add(rank)
    pairs = {
        (later, earlier)
        for members in buckets.values()
        for later in members
        for earlier in sorted(members)[:max_earlier]
        if earlier < later
    }
    return sorted(pairs), sum(len(members) - 1 > max_earlier for members in buckets.values())


def components(size: int, links: list[Link]) -> list[int]:
    """The smallest node that each node reaches."""
    smallest = list(range(size))
    for _ in range(size):
        for left, right in links:
            smallest[left] = smallest[right] = min(smallest[left], smallest[right])
    return smallest


def plain_survivors(present: set[int], size: int, links: list[Link], rule: str) -> set[int]:
    """Which of the `present` documents stay when nobody is in doubt."""
    links = [link for link in links if present.issuperset(link)]
    if rule == "component":
        smallest = components(size, links)
        return {n for n in present if smallest[n] == n}
    stay: set[int] = set()
    for n in sorted(present):
        if not any((n, earlier) in links for earlier in stay):
            stay.add(n)
    return stay


def possible_survivors(in_review: list[bool], links: list[Link], rule: str) -> list[tuple[set[int], set[int]]]:
    """(documents that people leave in, survivors among them), for every way in which people can answer."""
    doubtful = [n for n, doubt in enumerate(in_review) if doubt]
    found = []
    for answers in product((False, True), repeat=len(doubtful)):
        refused = {n for n, accepted in zip(doubtful, answers, strict=True) if not accepted}
        present = set(range(len(in_review))) - refused
        found.append((present, plain_survivors(present, len(in_review), links, rule)))
    return found


def earlier_outcomes(in_review: list[bool], links: list[Link], weak: list[Link], *, hold: bool) -> list[int]:
    """The rule `earlier` word by word: 0 stays, 1 removed, 2 held, 3 borderline."""
    outcome: list[int] = []
    for n, doubt in enumerate(in_review):
        earlier = {earlier for later, earlier in links if later == n}
        doubtful = {earlier for later, earlier in weak if later == n}
        stay = {e for e in range(n) if outcome[e] == 0 and not in_review[e]}
        wait = {e for e in range(n) if outcome[e] in (2, 3) or (outcome[e] == 0 and in_review[e])}
        if earlier & stay:
            outcome.append(1)
        elif hold and not doubt and earlier & wait:
            outcome.append(2)
        else:
            asked = not doubt and (doubtful & stay or (hold and doubtful & wait))
            outcome.append(3 if asked else 0)
    return outcome


def component_outcomes(in_review: list[bool], links: list[Link], weak: list[Link], *, hold: bool) -> list[int]:
    """The rule `component` word by word, with the same numbers."""
    asked: set[int] = set()
    while True:
        doubt = [n in asked or doubted for n, doubted in enumerate(in_review)]
        outcome = _components_decided(doubt, links, hold=hold)
        found = set(asked)
        for n in range(len(in_review)):
            stay = {e for e in range(n) if outcome[e] == 0 and not in_review[e] and e not in found}
            wait = {e for e in range(n) if outcome[e] != 1} - stay
            doubtful = {earlier for later, earlier in weak if later == n}
            if outcome[n] == 0 and not in_review[n] and (doubtful & stay or (hold and doubtful & wait)):
                found.add(n)
        if found == asked:
            return [3 if n in asked else outcome[n] for n in range(len(in_review))]
        asked = found


def _components_decided(in_review: list[bool], links: list[Link], *, hold: bool) -> list[int]:
    size = len(in_review)
    body = components(size, [link for link in links if not any(in_review[n] for n in link)])
    component = components(size, links)
    outcome = []
    for n, doubt in enumerate(in_review):
        neighbours = {one for link in links if n in link for one in link if one != n and not in_review[one]}
        bodies = {body[m] for m in neighbours} | (set() if doubt else {body[n]})
        if any(b < n and (not hold or component[b] == b) for b in bodies):
            outcome.append(1)
        else:
            outcome.append(2 if hold and not doubt and component[n] < n else 0)
    return outcome


def similar_pairs(sets: list[set[int]], least: float) -> dict[Link, float]:
    """{(later, earlier): Jaccard} of all pairs at or above `least` > 0, by counting what every two sets share."""
    holders: dict[int, list[int]] = defaultdict(list)
    found = {}
    for later, members in enumerate(sets):
        shared = Counter(earlier for value in members for earlier in holders[value])
        for earlier, count in shared.items():
            jaccard = count / (len(members) + len(sets[earlier]) - count)
            if jaccard >= least:
                found[later, earlier] = jaccard
        for value in members:
            holders[value].append(later)
    return found


def earliest_together(hashes: list[list[int]], max_earlier: int) -> dict[tuple[int, int], list[int]]:
    """The `max_earlier` earliest documents of each (band, hash): those that a later member is compared with."""
    earliest: dict[tuple[int, int], list[int]] = defaultdict(list)
    for document, bands in enumerate(hashes):
        for bucket in enumerate(bands):
            if len(earliest[bucket]) < max_earlier:
                earliest[bucket].append(document)
    return earliest


def all_links(groups: list[list[int]], nodes: list[int], links: list[Link]) -> list[Link]:
    """Every pair that groups, and links between nodes, link: (later, earlier), once."""
    size = len(nodes)
    found = {(b, a) for kind in groups for a in range(size) for b in range(a + 1, size) if kind[a] == kind[b] >= 0}
    for link in links:
        for a in range(size):
            for b in range(size):
                if (nodes[a], nodes[b]) == link:
                    found.add((max(a, b), min(a, b)))
    return sorted(found)


def ancestors(parents: list[int], n: int) -> set[int]:
    """All that a document comes from."""
    return {parents[n]} | ancestors(parents, parents[n]) if parents[n] >= 0 else set()


def related(parents: list[int], a: int, b: int) -> bool:
    """Whether one of two documents comes from the other."""
    return a in ancestors(parents, b) or b in ancestors(parents, a)
