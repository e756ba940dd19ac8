"""Tables in Markdown or between tabs, put into words row by row.

Between tabs as they are typed, or two tabs as the extractor of web pages writes cells, which leaves out empty ones at
the end of a row.
"""

import re
from collections.abc import Iterator

from curation.synthesis.draws import Draws
from curation.synthesis.outline import Block, Outline
from curation.synthesis.tasks import Task
from curation.synthesis.wording import SPACELESS, Wording

MAX_ROWS = 12
MAX_CELL = 120
COLUMNS = range(2, 9)

_BAR = re.compile(r"(?<!\\)\|")
_TABS = re.compile(r"\t+")
_NUMBER = re.compile(r"[-+−±]?[$€£¥]?\d[\d.,:/ %]*(?:[^\W\d_]{1,3})?[%*]?")
"""With a currency before it, or a short unit after it."""


def table_text(outline: Outline, wording: Wording, draws: Draws) -> Iterator[Task]:
    """What each row of a table says, by its headers; the first column names the row."""
    for place, block in enumerate(outline.blocks):
        rows = _rows(block) if block.kind == "table" else []
        if not _is_sound(rows) or ("\t" in block.lines[0] and not _has_header(rows)):
            continue
        shown = ["| " + " | ".join(row) + " |" for row in rows]
        shown.insert(1, "|" + "---|" * len(rows[0]))
        told = "\n".join(_told(rows[0], row, wording) for row in rows[1:])
        instruction = draws.choice(wording.table_text, "table_text/words")
        table = "\n".join(shown)
        asked = f"{wording.question}{wording.colon}{instruction}\n{wording.answer}{wording.colon.rstrip()}"
        text = f"{table}\n\n{asked}\n{told}"
        yield Task(template="table_text", text=text, blocks=frozenset({place}))


def _rows(block: Block) -> list[list[str]]:
    """Returns the cells, the header first; Markdown's line below it is left out."""
    if "|" in block.lines[0] and "\t" not in block.lines[0]:
        lines = [block.lines[0], *block.lines[2:]][: MAX_ROWS + 1]
        return [[cell.strip() for cell in _BAR.split(line.strip().strip("|"))] for line in lines]
    between = "\t\t" if all(len(run) % 2 == 0 for line in block.lines for run in _TABS.findall(line)) else "\t"
    rows = [[cell.strip() for cell in line.split(between)] for line in block.lines[: MAX_ROWS + 1]]
    rows = [row + [""] * (len(rows[0]) - len(row)) for row in rows]
    is_ranked = [row[0].rstrip(".") for row in rows[1:]] == [str(rank) for rank in range(1, len(rows))]
    return [[*row[1:2], row[0], *row[2:]] for row in rows] if is_ranked else rows


def _has_header(rows: list[list[str]]) -> bool:
    """Whether the first row names the columns: words above a column of numbers. Markdown says so, tabs do not."""
    return any(
        all(_NUMBER.fullmatch(row[place]) for row in rows[1:]) and not _NUMBER.fullmatch(rows[0][place])
        for place in range(1, min(map(len, rows)))
    )


def _is_sound(rows: list[list[str]]) -> bool:
    """Whether a table has headers that are words, names for its rows, and cells that can stand in a sentence."""
    if len(rows) < 3 or len(rows[0]) not in COLUMNS or any(len(row) != len(rows[0]) for row in rows):  # noqa: PLR2004
        return False
    cells = [cell for row in rows for cell in row]
    names = [row[0] for row in rows[1:]]
    return (
        all(len(cell) <= MAX_CELL and cell.isprintable() for cell in cells)
        and all(any(c.isalpha() for c in header) for header in rows[0][1:])
        and len(set(rows[0])) == len(rows[0])
        and all(names)
        and len(set(names)) == len(names)
        and sum(map(bool, cells)) * 4 >= len(cells) * 3
    )


def _told(header: list[str], row: list[str], wording: Wording) -> str:
    facts = [
        wording.fact.format(header=name, cell=cell)
        for name, cell in zip(header[1:], row[1:], strict=True)
        if name and cell
    ]
    comma = "、" if wording.language in SPACELESS else "، " if wording.language == "ar" else ", "
    return wording.row.format(key=row[0], facts=comma.join(facts))
