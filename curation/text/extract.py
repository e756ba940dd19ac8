"""Raw content to text: HTML by resiliparse, by our own blocks or by trafilatura, plain text by its charset.

Resiliparse (Bevendorff et al. 2018, "Elastic ChatNoir") is the fastest extractor with usable main-content
rules: 2.4 ms per page where trafilatura takes 35, F1 0.926 against 0.959 on the AEB pages.
"""

import re
from dataclasses import astuple, dataclass, replace
from functools import cache
from importlib.metadata import version
from typing import Literal, get_args

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray
from resiliparse.extract.html2text import extract_plain_text
from resiliparse.parse.html import HTMLParserException, HTMLTree

from curation.errors import BadRecord, SchemaError
from curation.kernels.markup import page_work
from curation.schema import DOCUMENT, EDIT, PAGE_EXTRACTORS, PAGE_FIELDS
from curation.setting import key
from curation.step import require
from curation.text.charset import REPLACEMENT, decode
from curation.text.content import packaged_model
from curation.text.media import HTML_TYPES, kind_of
from curation.text.page import PAGE_VERSION, Comments, Page, read_page
from curation.text.page_metadata import ROBOTS_NAMES
from curation.text.trafilatura_page import PageGate, gated, read_by_trafilatura
from curation.text.trafilatura_process import DEFAULT_GATE_BELOW, Focus
from curation.text.words import text_buffers

EXTRACT_ERROR = pa.field("extract_error", pa.string())
MAX_REPLACEMENT_EDITS = 100
MAX_NODES = 1_000_000
"""Largest tree a page may make (400 MB in resiliparse). The largest of 1,372 real pages: 98,922."""
MAX_VISITS = 100_000_000
"""Largest work a page may make, as `page_work` counts it: about 2 s. The largest of 1,372 real pages: 4.6 million."""

_OUTPUT = pa.schema(
    [pa.field("text", pa.string()) if field.name == "text" else field for field in DOCUMENT] + [EXTRACT_ERROR]
)
_OUTPUT_OF_PAGES = pa.schema([*_OUTPUT, *PAGE_FIELDS])
_ROBOTS_META = "meta[name]"
Extractor = Literal["resiliparse", "gristmill", "trafilatura"]


@dataclass(slots=True, kw_only=True)
class Extracted:
    """What one document became; `text` is None where `error` says why."""

    text: str | None = None
    charset: str | None = None
    extractor: str | None = None
    error: str | None = None
    language: str | None = None
    opt_out: list[str] | None = None
    replaced: bool = False
    page: Page | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Extract:
    """Replaces `raw` by `text`: reads `schema.READ`, gives `schema.DOCUMENT` and `extract_error`.

    Rows with `raw` are decoded (charset: BOM, then `charset` as the transport declared it, then `<meta>`, then
    detection), and extracted when they are HTML by their first bytes or `content_type`. Rows with `text` are
    extracted only when their `content_type` is HTML, else left as they are. On output `charset` is the charset
    that decoded `raw`; `extractor` is null where the text was only decoded, and stays where it was given.

    `text` is nullable here. Where it is null, `extract_error` says why (`reason` or `reason: detail`: the row is a
    dead letter for the caller), or is null too: there was nothing to read (no text, or white space alone).
    Reasons: `binary`, `html_failed`, `html_too_complex` (resiliparse: see `MAX_NODES`), `html_too_long` (gristmill: see
    `page.MAX_PAGE_BYTES`), `trafilatura_failed`, `trafilatura_too_long`, `trafilatura_ended` (see
    `trafilatura_process`).

    `gristmill` writes Markdown (see `kernels.html_text`); it and `trafilatura` add the columns of `schema.PAGE_FIELDS`.
    With `gate: trafilatura` pages of `gristmill` whose confidence is below `gate_below` get the text of trafilatura
    with precision; where that finds none, or fails, the text stays. `extractor` says which it was, and the bound.

    Bytes that the charset has no meaning for become U+FFFD. Each run of U+FFFD in the text of such a document is
    an edit `decode_replacement` with `removed_bytes` 0 and the run's byte range in the text (from the 100th on one
    edit covers the rest); a U+FFFD that the page itself holds is not told apart within such a document.
    """

    mode: Literal["main", "all", "none"] = key("main", "HTML: main content, all text, or as it is")
    extractor: Extractor = key("resiliparse", "what makes text of HTML")
    comments: Comments = key("drop", "gristmill and trafilatura: readers' comments below the main content")
    trafilatura: Focus = key("default", "trafilatura: its own default, without fallbacks, or with precision")
    gate: PageGate = key("none", "gristmill: what reads the main content of pages of low confidence")
    gate_below: float = key(DEFAULT_GATE_BELOW, "the confidence below which a page is one, 0 to 1")

    def output_schema(self, schema: pa.Schema) -> pa.Schema:
        """Returns `schema.DOCUMENT` with a nullable text, and `extract_error`.

        Raises:
            SchemaError: the input is not `schema.READ`.
        """
        require(require(schema, "raw", pa.binary()), "text", pa.string())
        for field in _OUTPUT:
            if field.name not in ("edits", "extract_error"):
                require(schema, field.name, field.type)
        if self.mode not in ("main", "all", "none"):
            raise SchemaError(f"mode is main, all or none, found {self.mode!r}")
        if self.extractor not in get_args(Extractor):
            raise SchemaError(f"extractor is {' or '.join(get_args(Extractor))}, found {self.extractor!r}")
        if self.gate != "none" and self.extractor != "gristmill":
            raise SchemaError(f"gate: {self.gate} is for pages of extractor gristmill, found {self.extractor!r}")
        return self._schema()

    def _schema(self) -> pa.Schema:
        return _OUTPUT_OF_PAGES if self.extractor in PAGE_EXTRACTORS else _OUTPUT

    def __call__(self, batch: pa.RecordBatch) -> pa.RecordBatch:
        """Returns one row per row, in order."""
        if batch["raw"].null_count == batch.num_rows and (self.mode == "none" or not _has_html(batch["content_type"])):
            return _as_given(batch, self._schema())
        rows = [
            self._extract(*values)
            for values in zip(
                *(batch.column(name).to_pylist() for name in ("raw", "text", "content_type", "charset")), strict=True
            )
        ]
        replaced = {
            "text": pa.array([row.text for row in rows], pa.string()),
            "charset": pa.array([row.charset for row in rows], pa.string()),
            "extractor": pa.array([row.extractor for row in rows], pa.string()),
            "opt_out": _opt_out(batch.column("opt_out"), rows),
            "declared_language": _language(batch.column("declared_language"), rows),
            "edits": pa.array([_replacement_edits(row) for row in rows], pa.list_(EDIT)),
            "extract_error": pa.array([row.error for row in rows], pa.string()),
        }
        schema = self._schema()
        if schema is _OUTPUT_OF_PAGES:
            replaced |= _page_columns(rows)
        columns = [replaced[name] if name in replaced else batch.column(name) for name in schema.names]
        return pa.RecordBatch.from_arrays(columns, schema=schema)

    def _extract(self, raw: bytes | None, text: str | None, content_type: str | None, charset: str | None) -> Extracted:
        try:
            if raw is not None:
                row = self._extract_raw(raw, content_type, charset)
            elif text is not None and content_type in HTML_TYPES and self.mode != "none":
                row = self._extract_html(text)
                row.charset = charset
            else:
                row = Extracted(text=text, charset=charset)
        except BadRecord as error:
            return Extracted(error=str(error), charset=charset)
        if row.text is not None and not row.text.strip():
            row.text = None
        return row

    def _extract_raw(self, raw: bytes, content_type: str | None, charset: str | None) -> Extracted:
        kind = kind_of(raw, content_type=content_type)
        if kind == "binary":
            raise BadRecord("binary")
        decoded = decode(raw, declared=charset, is_html=kind == "html")
        if kind == "html" and self.mode != "none":
            row = self._extract_html(decoded.text)
        else:
            row = Extracted(text=decoded.text)
        row.charset, row.replaced = decoded.charset, decoded.replaced
        return row

    def _extract_html(self, html: str) -> Extracted:
        if self.extractor == "resiliparse":
            return _extract_html(html, main=self.mode == "main")
        page = self._page(html)
        about = page.metadata
        return Extracted(
            text=page.text, extractor=page.chosen_by, opt_out=about.opt_out, language=about.language, page=page
        )

    def _page(self, html: str) -> Page:
        """Returns the page with `chosen_by` as `extractor` will have it."""
        if self.extractor == "trafilatura":
            return read_by_trafilatura(
                html, focus=self.trafilatura, comments=self.comments == "keep", everything=self.mode == "all"
            )
        chooser = packaged_model() if self.mode == "main" else None
        page = read_page(html, chooser=chooser, comments=self.comments)
        page = replace(page, chosen_by=f"gristmill/{PAGE_VERSION} {page.chosen_by}")
        return gated(page, html, below=self.gate_below) if self.gate == "trafilatura" else page


def _has_html(content_type: pa.Array) -> bool:
    return bool(pc.any(pc.is_in(content_type, pa.array(sorted(HTML_TYPES)))).as_py())


def _as_given(batch: pa.RecordBatch, schema: pa.Schema) -> pa.RecordBatch:
    """Returns what `Extract` makes of rows that have their text, without a Python object for each."""
    text, size = batch["text"], batch.num_rows
    blank_N = _is_blank(text)
    language = batch["declared_language"]
    replaced = {
        "text": pc.if_else(pa.array(blank_N), None, text) if blank_N.any() else text,
        "declared_language": pc.if_else(pc.equal(language, ""), None, language),
        "edits": pa.ListArray.from_arrays(pa.array(np.zeros(size + 1, np.int32)), pa.array([], EDIT)),
        "extract_error": pa.nulls(size, pa.string()),
        **({item.name: pa.nulls(size, item.type) for item in PAGE_FIELDS} if schema is _OUTPUT_OF_PAGES else {}),
    }
    columns = [replaced[name] if name in replaced else batch.column(name) for name in schema.names]
    return pa.RecordBatch.from_arrays(columns, schema=schema)


def _page_columns(rows: list[Extracted]) -> dict[str, pa.Array]:
    """Returns the columns of `PAGE_FIELDS`."""
    values = [
        (about.title, about.author, about.date, about.canonical_url, about.structured_data, *astuple(row.page.signals))
        if row.page is not None and (about := row.page.metadata)
        else (None,) * len(PAGE_FIELDS)
        for row in rows
    ]
    columns = zip(*values, strict=True) if values else ((),) * len(PAGE_FIELDS)
    return {item.name: pa.array(column, item.type) for item, column in zip(PAGE_FIELDS, columns, strict=True)}


def _is_blank(text: pa.Array) -> NDArray[np.bool_]:
    """Returns bool (N,): texts of white space alone, as `str.isspace` has it, or of nothing; null is none.

    What begins with a visible ASCII character is not looked at further.
    """
    values, offsets_N1 = text_buffers(text)
    blank_N: NDArray[np.bool_] = np.diff(offsets_N1) == 0
    first_N = values[offsets_N1[:-1][~blank_N]]
    for row in np.flatnonzero(~blank_N)[(first_N <= ord(" ")) | (first_N > ord("~"))].tolist():
        head = values[offsets_N1[row] : offsets_N1[row + 1]][:64].tobytes().decode(errors="ignore")
        blank_N[row] = not head.strip() and not text[row].as_py().strip()
    blank_N &= text.is_valid().to_numpy(zero_copy_only=False)
    return blank_N


def _extract_html(html: str, *, main: bool) -> Extracted:
    nodes, visits = page_work(np.frombuffer(html.encode(), np.uint8))
    if nodes > MAX_NODES or visits > MAX_VISITS:
        raise BadRecord("html_too_complex", f"about {nodes} nodes and {visits} visits")
    try:
        return _parsed(HTMLTree.parse(html), main=main)
    except HTMLParserException as error:
        raise BadRecord("html_failed", str(error)) from None


def _parsed(tree: HTMLTree, *, main: bool) -> Extracted:
    text = extract_plain_text(tree, main_content=main, alt_texts=False)
    name = f"resiliparse/{_resiliparse_version()} {'main' if main else 'all'}"
    return Extracted(text=text, extractor=name, opt_out=_robots(tree), language=_lang(tree))


def _robots(tree: HTMLTree) -> list[str]:
    """Returns what the page's own `<meta name=robots>` and its kin say, as `meta robots: noai`."""
    if tree.head is None:
        return []
    found: list[str] = []
    for node in tree.head.query_selector_all(_ROBOTS_META):
        name = (node.getattr("name") or "").strip().lower()
        if name in ROBOTS_NAMES:
            found.extend(
                f"meta {name}: {token}"
                for token in re.split(r"[\s,]+", (node.getattr("content") or "").lower())
                if token
            )
    return found


def _lang(tree: HTMLTree) -> str | None:
    root = tree.document.query_selector("html") if tree.document is not None else None
    return (root.getattr("lang") or "").strip()[:35] or None if root is not None else None


@cache
def _resiliparse_version() -> str:
    return version("resiliparse")


def _opt_out(given: pa.Array, rows: list[Extracted]) -> pa.Array:
    if not any(row.opt_out for row in rows):
        return given
    merged = [[*(old or []), *(row.opt_out or [])] or None for old, row in zip(given.to_pylist(), rows, strict=True)]
    return pa.array(merged, pa.list_(pa.string()))


def _language(given: pa.Array, rows: list[Extracted]) -> pa.Array:
    return pa.array([old or row.language for old, row in zip(given.to_pylist(), rows, strict=True)], pa.string())


def _replacement_edits(row: Extracted) -> list[dict[str, object]]:
    if not row.replaced or row.text is None:
        return []
    runs = [match.span() for match in re.finditer(f"{REPLACEMENT}+", row.text)]
    if len(runs) > MAX_REPLACEMENT_EDITS:
        runs = [*runs[: MAX_REPLACEMENT_EDITS - 1], (runs[MAX_REPLACEMENT_EDITS - 1][0], runs[-1][1])]
    edits: list[dict[str, object]] = []
    position = size = 0
    for start, end in runs:
        size += len(row.text[position:start].encode())
        width = len(row.text[start:end].encode())
        edits.append(
            {"rule": "decode_replacement", "start": size, "end": size + width, "removed_bytes": 0, "replacement": None}
        )
        position, size = end, size + width
    return edits
