"""What `curation.kernels.markup.page_work` counts, by regular expressions and dictionaries."""

import re
from collections import Counter

from curation.kernels.markup import NAMES_OF_KIND

KIND = {name: kind for kind, names in NAMES_OF_KIND.items() for name in names.split()}
SPACE = b" \n\t\x0c\r"
ATTRIBUTE = rb"""[^ \n\t\f\r/>][^ \n\t\f\r/>=]*(?:[ \n\t\f\r]*=[ \n\t\f\r]*(?:"[^"]*(?:"|\Z)|'[^']*(?:'|\Z)|(?![\"'])[^ \n\t\f\r>]*))?"""
TOKEN = re.compile(
    rb"(?P<text>[^<][^<]*|<\Z)"
    rb"|(?P<comment><!--(?:-?>|.*?(?:-->|--!>)|.*\Z))"
    rb"|(?P<bogus><[!?][^>]*(?:>|\Z))"
    rb"|(?P<tag><(?P<close>/?)(?P<name>[A-Za-z][^ \n\t\f\r/>]*)(?P<rest>(?:[ \n\t\f\r/]|" + ATTRIBUTE + rb")*)(?:>|\Z))"
    rb"|(?P<stray></?)",
    re.S,
)


def page_work(page: bytes) -> tuple[int, int]:
    opened, alike, made = Counter(), Counter(), Counter()
    lost, options, nodes, visits, position = False, 0, 0, 0, 0
    while position < len(page):
        match = TOKEN.match(page, position)
        position = match.end()
        depth = sum(count for name, count in opened.items() if KIND.get(name) not in ("void", "implied"))
        active = sum(min(opened[name], made[name]) for name in made)
        name = (match["name"] or b"").decode("latin-1").lower()
        kind = KIND.get(name)
        formatting = kind in ("formatting", "lone")
        if match["stray"] is not None:
            nodes, visits = nodes + 1, visits + depth
            continue
        if match["close"]:
            opened[name] = max(opened[name] - 1, 0)
            lost = lost or not formatting
            continue
        if lost and kind not in ("void", "implied"):
            nodes, visits, lost = nodes + active, visits + active * (depth + 1), False
        attributes = len(re.findall(ATTRIBUTE, match["rest"] or b""))
        nodes, visits = nodes + 1 + attributes, visits + depth + 1 + attributes**2
        if match["tag"] is None or (kind == "lone" and opened[name]):
            continue
        lost = lost or not formatting
        if kind == "option":
            options += 1
            visits += 2 * options
        elif kind == "raw" and not any(opened[other] for other in ("select", "svg", "math")):
            end = re.compile(rb"</" + re.escape(match["name"]), re.I).search(page, position)
            position = end.start() if end else len(page)
        elif kind != "void":
            if formatting:
                made[name] += alike[match["tag"]] < 3 and (kind == "formatting" or made[name] == 0)
                alike[match["tag"]] += 1
            options = 0 if kind == "select" else options
            opened[name] += 1
    return nodes, visits
