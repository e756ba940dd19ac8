"""What a page reads like as text, over a tree of plain objects: slow, recursive, with Python strings."""

import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field

import numpy as np

from curation.kernels.html_names import NAMES
from curation.kernels.html_tokens import TEXT, Tokens
from tests.oracles.html_attributes import attributes_of

SPACES = " \t\n\f\r\xa0"
PARAGRAPHS = set(["p", "blockquote", "ul", "ol", "dl", "figure", "hr", "dir", "menu", "fieldset"])
LINES = set(
    [
        "address",
        "article",
        "aside",
        "body",
        "button",
        "center",
        "details",
        "dialog",
        "div",
        "figcaption",
        "footer",
        "form",
        "header",
        "hgroup",
        "html",
        "legend",
        "main",
        "nav",
        "search",
        "section",
        "summary",
        "dt",
        "dd",
        "tbody",
        "thead",
        "tfoot",
        "caption",
    ]
)
SKIPPED = set(
    [
        "head",
        "title",
        "style",
        "noscript",
        "iframe",
        "noembed",
        "noframes",
        "template",
        "textarea",
        "select",
        "datalist",
        "svg",
        "audio",
        "video",
        "canvas",
        "object",
        "applet",
        "progress",
        "meter",
        "rp",
    ]
)
HEADINGS = {"h1": 1, "h2": 2, "h3": 3, "h4": 4, "h5": 5, "h6": 6}
PRE, CODE = {"pre", "listing", "xmp", "plaintext"}, {"code", "tt", "samp", "kbd"}
FORMULA_CLASS = ("latex", "math", "tex", "formula", "equation", "mwe-math-fallback-image-inline")
FORMULA_CLASS += ("mwe-math-fallback-image-display",)
MAX_COLUMNS, MAX_CELL_BYTES, MAX_INDENT, MAX_FORMULA = 64, 1000, 32, 10_000


@dataclass
class Node:
    name: str
    keep: bool = True
    text: str = ""
    attributes: dict[str, str] = field(default_factory=dict)
    children: list["Node"] = field(default_factory=list)

    def walk(self) -> Iterator["Node"]:
        pending = self.children[::-1]
        while pending:
            node = pending.pop()
            yield node
            pending.extend(node.children[::-1])


def tree_of(page: bytes, tokens: Tokens, keep_T: np.ndarray) -> Node:
    root = Node("#root")
    path = [root]
    text = tokens.text.tobytes()
    for token, name in enumerate(tokens.name_T.tolist()):
        begin, end = int(tokens.begin_T[token]), int(tokens.end_T[token])
        del path[int(tokens.depth_T[token]) + 1 :]
        if name == TEXT:
            node = Node("#text", keep=bool(keep_T[token]), text=text[begin:end].decode())
        else:
            node = Node(NAMES[name], keep=bool(keep_T[token]), attributes=attributes_of(page[begin:end]))
        path[-1].children.append(node)
        path.append(node)
    return root


@dataclass
class Item:
    marker: str
    width: int = 0


@dataclass
class Listing:
    number: int | None
    has_item: bool = False


class Sheet:
    """The text so far, and what stands between it and what comes next."""

    def __init__(self) -> None:
        self.out = ""
        self.breaks = 0
        self.space = ""
        self.heading = 0
        self.in_heading = False
        self.code = ""  # "", "wanted" or "open"
        self.code_begin = 0
        self.lists: list[Listing] = []
        self.items: list[Item] = []
        self.in_pre = False
        self.table: Grid | None = None
        self.after_math = -1

    def part(self, breaks: int) -> None:
        """Something new begins: on a new line (1) or after an empty one (2)."""
        if self.in_pre:
            if not self.out.endswith("\n"):
                self.out += "\n"
        elif self.items and not self.items[-1].width:
            self.breaks = max(self.breaks, 1)
        else:
            self.breaks = max(self.breaks, breaks)

    def indent(self) -> str:
        return " " * min(sum(item.width for item in self.items), MAX_INDENT)

    def end_code(self) -> None:
        if self.code != "open":
            return
        inside = self.out[self.code_begin :]
        runs = [len(run) for run in re.findall("`+", inside)]
        ticks = "`" * (1 if not runs else max(runs) + 1)
        pad = " " if inside.startswith("`") or inside.endswith("`") else ""
        self.out = self.out[: self.code_begin - 1] + ticks + pad + inside + pad + ticks
        self.code = "wanted"

    def begin(self, character: str) -> None:
        """What stands before the next character is written: line breaks, markers, a space."""
        if self.table is not None:
            self._begin_cell(character)
        elif (self.breaks or not self.out) and not (self.in_heading and self.out):
            self._begin_line()
        elif self.breaks or self.space:
            self._space(character)
        self.breaks, self.space = 0, ""
        if self.code == "wanted":
            self.out += "`"
            self.code, self.code_begin = "open", len(self.out)

    def _space(self, character: str) -> None:
        if not (self.space == "\n" and not self.breaks and is_wide(self.out[-1]) and is_wide(character)):
            self.out += " "

    def _begin_line(self) -> None:
        self.end_code()
        self.out += "\n" * self.breaks if self.out else ""
        self.out += self.indent()
        if self.items and not self.items[-1].width:
            self.out += self.items[-1].marker
            self.items[-1].width = len(self.items[-1].marker)
            if self.lists:
                self.lists[-1].has_item = True
        if self.heading:
            self.out += "#" * self.heading + " "
            self.in_heading = True

    def _begin_cell(self, character: str) -> None:
        grid = self.table
        if not grid.row_begun:
            self.breaks = 2 if grid.first else 1
            self._begin_line()
            self.out += "|"
            grid.row_begun, grid.closed, grid.is_open = True, 0, False
        if grid.is_open and grid.open_column != grid.column:
            self.end_code()
            self.out += " |"
            grid.closed += 1
            grid.is_open = False
        while grid.closed < grid.column:
            self.out += "  |"
            grid.closed += 1
        if not grid.is_open:
            self.out += " "
            grid.is_open, grid.open_column = True, grid.column
        elif self.breaks:
            self.end_code()
            self.out += "<br>"
        elif self.space:
            self._space(character)

    def end_row(self) -> None:
        grid = self.table
        if grid is None or not grid.row_begun:
            return
        self.end_code()
        if grid.is_open:
            self.out += " |"
            grid.closed += 1
        self.out += "  |" * (grid.columns - grid.closed)
        if grid.first:
            self.out += "\n" + self.indent() + "|" + " --- |" * grid.columns
        grid.first = grid.row_begun = grid.is_open = False
        self.breaks, self.space = 1, ""

    def write(self, text: str) -> None:
        """Inline text: white space is one space, or none between wide characters where it has a line end."""
        for piece in re.findall(f"[{SPACES}]+|[^{SPACES}]+", text):
            if piece[0] in SPACES:
                self.space = "\n" if "\n" in piece or self.space == "\n" else " "
            else:
                self.begin(piece[0])
                self.out += piece.replace("|", "\\|") if self.table is not None else piece

    def write_pre(self, text: str) -> None:
        for character in text:
            if self.out.endswith("\n") and character != "\n":
                self.out += self.indent()
            if not (character == "\n" and len(self.out) == self.pre_begin):
                self.out += character

    def formula(self, latex: str, *, display: bool) -> None:
        latex = within_bounds(latex).strip(SPACES)
        if latex.startswith("{\\displaystyle") and latex.endswith("}"):
            latex = latex[len("{\\displaystyle") : -1].strip(SPACES)
        if not latex:
            return
        latex = re.sub(f"[{SPACES}]+", " ", latex)
        if self.in_pre:
            self.write_pre(latex)
            return
        if display:
            self.part(1)
        self.begin("$")
        mark = "$$" if display else "$"
        self.out += mark + (latex.replace("|", "\\|") if self.table is not None else latex) + mark
        if display:
            self.part(1)


def within_bounds(latex: str) -> str:
    return latex if len(latex.encode()) <= MAX_FORMULA else ""


def is_wide(character: str) -> bool:
    """East Asian wide, by the first byte of its UTF-8: U+3000 to U+9FFF."""
    return "\u3000" <= character <= "\u9fff"


@dataclass
class Grid:
    columns: int
    first: bool = True
    row: int = 0
    next_column: int = 0
    column: int = 0
    row_begun: bool = False
    is_open: bool = False
    open_column: int = 0
    closed: int = 0
    until: dict[int, int] = field(default_factory=dict)

    def begin_row(self) -> None:
        self.row += 1
        self.next_column = 0

    def place(self, cell: Node) -> int:
        """Returns the column of a cell; `next_column` is the one after it."""
        if self.row == 0:
            self.begin_row()
        while self.next_column < MAX_COLUMNS and self.until.get(self.next_column, 0) > self.row:
            self.next_column += 1
        column = self.next_column
        width, height = span(cell, "colspan"), span(cell, "rowspan")
        for at in range(column, min(column + width, MAX_COLUMNS)):
            self.until[at] = self.row + height
        self.next_column = column + width
        return column


def span(cell: Node, name: str) -> int:
    return min(max(number(cell.attributes.get(name, "")) or 1, 1), 1000)


def number(value: str) -> int | None:
    found = re.match(r"[ \t\n\f\r]*([0-9]{1,9})", value)
    return int(found.group(1)) if found else None


def grid_of(table: Node) -> int:
    """Returns the columns of a table of data, 0 for one of layout."""
    cells: dict[tuple[int, int], int] = {}
    grid = Grid(0)
    widest = 0

    def fill(node: Node, cell: tuple[int, int] | None, in_caption: bool) -> bool:  # noqa: PLR0911, PLR0912
        nonlocal widest
        for child in node.children:
            inner, caption = cell, in_caption
            if child.name == "#text":
                size = len("".join(c for c in child.text if c not in SPACES).encode()) if child.keep else 0
                if size and cell is None and not in_caption:
                    return False
                if size and cell is not None:
                    cells[cell] = cells.get(cell, 0) + size
            elif child.name in SKIPPED or child.name in {"script", "math"}:
                continue
            elif child.name in {"table", "ul", "ol", "dl", "dir", "menu", *PRE, *HEADINGS}:
                return False
            elif child.name == "caption":
                if grid.row:
                    return False
                caption = True
            elif child.name in {"tr", "td", "th"} and cell is not None:
                return False
            elif child.name == "tr":
                grid.begin_row()
            elif child.name in {"td", "th"}:
                inner = (grid.row or 1, grid.place(child))
                widest = max(widest, grid.next_column)
                if widest > MAX_COLUMNS:
                    return False
            if not fill(child, inner, caption):
                return False
        return True

    if not fill(table, None, False) or any(size > MAX_CELL_BYTES for size in cells.values()):
        return 0
    rows = {row for row, _ in cells}
    most = max((sum(row == other for other, _ in cells) for row in rows), default=0)
    if len(rows) < 2 or most < 2 or widest * len(rows) > 4 * len(cells) + MAX_COLUMNS:
        return 0
    return widest


def html_text(root: Node) -> str:
    sheet = Sheet()
    for child in root.children:
        _render(child, sheet)
    return sheet.out


def _render(node: Node, sheet: Sheet) -> None:  # noqa: PLR0911, PLR0912
    name = node.name
    if name == "#text":
        if node.keep:
            (sheet.write_pre if sheet.in_pre else sheet.write)(node.text)
        return
    if name == "script":
        kind = node.attributes.get("type", "").lower()
        if node.keep and "math/tex" in kind:
            sheet.formula("".join(child.text for child in node.children), display="mode=display" in kind)
            sheet.after_math = len(sheet.out)
        return
    if name == "img":
        if node.keep and is_formula(node) and sheet.after_math != len(sheet.out):
            sheet.formula(node.attributes.get("alt", ""), display=False)
        return
    if name == "math":
        _math(node, sheet)
        return
    if name in SKIPPED or is_picture_of_formula(node):
        return
    if name == "br":
        if sheet.in_pre:
            sheet.write_pre("\n")
        else:
            sheet.breaks = min(sheet.breaks + 1, 2)
        return
    if name in {"sup", "sub"} and (raised := raised_text(node, sheet)) is not None:
        sheet.write(raised)
        return
    after = _open(node, sheet)
    for child in node.children:
        _render(child, sheet)
    after()


def _open(node: Node, sheet: Sheet) -> Callable[[], None]:  # noqa: PLR0911, PLR0912
    """Begins an element; returns what ends it."""
    name = node.name
    if name in CODE and not sheet.in_pre and not sheet.code:
        sheet.code = "wanted"

        def end_code() -> None:
            sheet.end_code()
            sheet.code = ""

        return end_code
    if sheet.in_pre:
        breaks = PARAGRAPHS | LINES | PRE | set(HEADINGS) | {"li", "table", "tr", "td", "th"}
        if name in breaks:
            sheet.part(1)
            return lambda: sheet.part(1)
        return lambda: None
    if name in HEADINGS:
        sheet.part(2)
        sheet.heading, sheet.in_heading = HEADINGS[name], False

        def end_heading() -> None:
            sheet.heading, sheet.in_heading = 0, False
            sheet.part(2)

        return end_heading
    if name in {"ul", "ol", "dir", "menu"}:
        return _list(node, sheet)
    if name == "li":
        return _item(node, sheet)
    if name in PRE:
        return _pre(node, sheet)
    if name == "table":
        return _table(node, sheet)
    if name == "tr":
        if sheet.table is not None:
            sheet.end_row()
            sheet.table.begin_row()
            return sheet.end_row
        sheet.part(1)
        return lambda: sheet.part(1)
    if name in {"td", "th"}:
        if sheet.table is not None:
            sheet.table.column = sheet.table.place(node)
            sheet.space = ""
            return lambda: None
        sheet.part(1)
        return lambda: sheet.part(1)
    if name == "caption" and sheet.table is not None:
        grid, sheet.table = sheet.table, None
        sheet.part(2)

        def end_caption() -> None:
            sheet.table = grid
            sheet.part(2)

        return end_caption
    breaks = 2 if name in PARAGRAPHS else 1 if name in LINES else 0
    if breaks:
        sheet.part(breaks)
        return lambda: sheet.part(breaks)
    return lambda: None


def _list(node: Node, sheet: Sheet) -> Callable[[], None]:
    sheet.part(1 if sheet.items else 2)
    first = number(node.attributes.get("start", ""))
    ordered = node.name == "ol"
    sheet.lists.append(Listing(number=(1 if first is None else first) if ordered else None))

    def end() -> None:
        sheet.lists.pop()
        sheet.part(1 if sheet.items else 2)

    return end


def _item(node: Node, sheet: Sheet) -> Callable[[], None]:
    marker = "- "
    listing = sheet.lists[-1] if sheet.lists else None
    if listing is not None and listing.number is not None:
        own = number(node.attributes.get("value", ""))
        listing.number = listing.number if own is None else own
        marker = f"{listing.number}. "
        listing.number += 1
    if listing is not None and listing.has_item:
        sheet.breaks = 1
    else:
        sheet.breaks = max(sheet.breaks, 1)
    sheet.items.append(Item(marker))

    def end() -> None:
        sheet.items.pop()
        sheet.part(1)

    return end


def _pre(node: Node, sheet: Sheet) -> Callable[[], None]:
    inside = "".join(text for text in _texts(node))
    if not inside.strip(SPACES):
        sheet.part(1)
        return lambda: sheet.part(1)
    fence = "`" * max(3, 1 + max((len(run) for run in re.findall("`+", inside)), default=0))
    sheet.heading, sheet.in_heading = 0, False
    sheet.end_code()
    code, sheet.code = sheet.code, ""
    sheet.part(2)
    sheet.begin("`")
    sheet.out += fence + language_of(node) + "\n"
    sheet.in_pre, sheet.pre_begin = True, len(sheet.out)

    def end() -> None:
        sheet.out = sheet.out[: sheet.pre_begin] + sheet.out[sheet.pre_begin :].rstrip(" \t\n\f\r")
        sheet.out += "\n" + sheet.indent() + fence
        sheet.in_pre = False
        sheet.code = code
        sheet.part(2)

    return end


def _texts(node: Node) -> Iterator[str]:
    for child in node.children:
        if child.name == "#text":
            if child.keep:
                yield child.text
        elif child.name not in SKIPPED and child.name not in {"script", "math"}:
            yield from _texts(child)


def language_of(pre: Node) -> str:
    first = next((child for child in pre.walk() if child.name != "#text"), None)
    for node in (pre, *([first] if first is not None and first.name in CODE else [])):
        for word in node.attributes.get("class", "").split():
            found = re.fullmatch(r"lang(?:uage)?-([A-Za-z0-9+#_.-]{1,20})", word)
            if found:
                return found.group(1).lower()
    return ""


def _table(node: Node, sheet: Sheet) -> Callable[[], None]:
    columns = grid_of(node) if sheet.table is None else 0
    if not columns:
        sheet.part(1)
        return lambda: sheet.part(1)
    sheet.heading, sheet.in_heading = 0, False
    sheet.part(2)
    sheet.table = Grid(columns)

    def end() -> None:
        sheet.end_row()
        sheet.table = None
        sheet.part(2)

    return end


def is_formula(image: Node) -> bool:
    words = set(image.attributes.get("class", "").lower().split())
    source = image.attributes.get("src", "").lower()
    return bool(words & set(FORMULA_CLASS)) or "latex" in source or "/math/" in source


def is_picture_of_formula(node: Node) -> bool:
    words = node.attributes.get("class", "").lower().split()
    return node.name == "span" and node.keep and bool({"katex-html", "mathjax", "mathjax_preview"} & set(words))


def _math(node: Node, sheet: Sheet) -> None:
    if not (node.keep or any(child.keep for child in node.walk() if child.name == "#text")):
        return
    display = node.attributes.get("display", "").lower() == "block"
    latex = ""
    for child in node.walk():
        if child.name == "annotation" and "tex" in child.attributes.get("encoding", "").lower():
            latex = "".join(part.text for part in child.walk() if part.name == "#text")
            break
    latex = within_bounds(latex)
    if not latex.strip(SPACES):
        latex = within_bounds(node.attributes.get("alttext", ""))
    if latex.strip(SPACES):
        sheet.formula(latex, display=display)
    else:
        plain = "".join(part.text for part in _formula_texts(node))
        (sheet.write_pre if sheet.in_pre else sheet.write)("".join(c for c in plain if c not in SPACES))
    sheet.after_math = len(sheet.out)


def _formula_texts(node: Node) -> Iterator[Node]:
    for child in node.children:
        if child.name == "#text":
            yield child
        elif child.name not in {"annotation", "annotation-xml"}:
            yield from _formula_texts(child)


DASHES = "\u2212\u2013-"
SUPERSCRIPTS = dict(zip("0123456789+=()ni", "⁰¹²³⁴⁵⁶⁷⁸⁹⁺⁼⁽⁾ⁿⁱ", strict=True)) | dict.fromkeys(DASHES, "⁻")
SUBSCRIPTS = dict(zip("0123456789+=()", "₀₁₂₃₄₅₆₇₈₉₊₌₍₎", strict=True)) | dict.fromkeys(DASHES, "₋")


def raised_text(node: Node, sheet: Sheet) -> str | None:
    """Returns how a superscript or subscript is written where it is not written as it stands."""
    inside = list(node.walk())
    texts = [child for child in inside if child.name == "#text"]
    elements = [child for child in inside if child.name != "#text"]
    text = "".join(child.text for child in texts)
    plain = PARAGRAPHS | LINES | SKIPPED | PRE | CODE | set(HEADINGS) | {"ul", "ol", "dir", "menu", "li", "table", "tr"}
    plain |= {"td", "th", "math", "img", "script", "br", "sup", "sub"}
    if sheet.in_pre or sheet.code or not text or len(text.encode()) > 48 or not all(child.keep for child in texts):
        return None
    if any(child.name in plain or is_picture_of_formula(child) for child in elements):
        return None
    characters = SUPERSCRIPTS if node.name == "sup" else SUBSCRIPTS
    is_all = any(c in characters for c in text) and all(c in characters or c in " \t\n\f\r,*" for c in text)
    if is_all and re.search("[ni]{2}", text) is None:
        return "".join(characters.get(c, c) for c in text)
    base = not sheet.breaks and not sheet.space and re.search(r"[A-Za-z0-9)\x80-\U0010ffff]\Z", sheet.out)
    if node.name == "sub" or not base or not re.fullmatch("[A-Za-z0-9()+=/\x80-\U0010ffff-]+", text):
        return None
    letters = re.sub(f"[0-9()+=/{DASHES}]", " ", text).split()
    is_variable = any(child.name in {"i", "em", "var"} for child in elements) and letters
    if any(len(run) > 2 for run in letters) or not (re.search(f"[0-9+=/{DASHES}]", text) or is_variable):
        return None
    return f"^{text}" if len(text.encode()) == 1 else f"^({text})"
