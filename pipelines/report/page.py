"""Renders `report.html`: one file, no script, no request, everything from data escaped and cut.

What came from data passes three gates: `visible` (control and bidi characters are written out), Jinja's autoescape,
and `<bdi>` in the template. The policy in the page forbids scripts, frames, fonts and requests, should all three fail.
"""

import base64
import hashlib
import re
from dataclasses import dataclass
from functools import partial
from urllib.parse import urlsplit

import duckdb
from jinja2 import Environment, PackageLoader, StrictUndefined
from markupsafe import Markup, escape

from curation.text.safe import visible
from pipelines.answers import Failure, failure_text
from pipelines.questions import spec_of
from pipelines.report import figures
from pipelines.report.bias import Comparison, bias_of
from pipelines.report.curriculum import curriculum_of
from pipelines.report.histogram import plots
from pipelines.report.people import people_of
from pipelines.report.protection import contaminated_of, personal_data_of
from pipelines.report.provenance import provenance_of
from pipelines.report.recall import recall_of
from pipelines.report.rules import MOST_RULES, rule_rows, thresholds_of
from pipelines.report.samples import sample_groups
from pipelines.report.synthetic import synthetic_of
from pipelines.rundir import Run, open_run
from pipelines.spec import JobSpec

NAME = "report.html"
MAX_TEXT = 200
MAX_URL = 500
LARGEST_CLUSTERS = 5
KIB = 1024
BAR = 1000.0
LEAST_BAR = 3.0
"""Width of a whole bar in its own units, and of the smallest part that is not zero."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Segment:
    """A piece of a bar; `kind` is a class of the style sheet."""

    x: float
    width: float
    kind: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Step:
    """One line of the funnel."""

    label: str
    count: int
    kind: str  # total | loss | part
    segments: tuple[Segment, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Written:
    """A report that was written, and what it says of groups as data."""

    path: str
    bias: list[Comparison]


def write_report(path: str) -> Written:
    """Writes `report.html` into a run directory; the same run gives the same bytes."""
    run = open_run(path)
    bias = bias_of(run, spec_of(run))
    run.store.write(NAME, report_of(run, bias).encode(), replace=True)
    return Written(path=f"{path.rstrip('/')}/{NAME}", bias=bias)


def report_of(run: Run, bias: list[Comparison] | None = None) -> str:
    """Returns the page about a run; `bias` spares what `bias_of` has found already."""
    spec = spec_of(run)
    bias = bias_of(run, spec) if bias is None else bias
    environment = Environment(
        loader=PackageLoader("pipelines.report"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters.update(
        plain=plain,
        block=block,
        breakable=breakable,
        link=link,
        number=_number,
        percent=percent,
        points=points,
        size=size,
        failure=_failure,
    )
    style = environment.get_template("style.css").render().strip()
    digest = base64.b64encode(hashlib.sha256(style.encode()).digest()).decode()
    with run.connect() as connection:
        content = _content(run, connection, spec)
    return environment.get_template("report.html").render(
        style=style, style_digest=digest, bias=bias, large=[item for item in bias if item.is_large], **content
    )


def _content(run: Run, connection: duckdb.DuckDBPyConnection, spec: JobSpec | None) -> dict[str, object]:
    funnel, made = figures.funnel(connection), provenance_of(run)
    rules = rule_rows(spec, figures.rule_counts(connection))
    took = [row for row in rules if row.counts.failed or row.counts.decided or row.counts.review]
    group = partial(figures.groups, run, connection)
    return {
        "job": spec.job if spec else made.job or "A run",
        "made": made,
        "spec": spec,
        "funnel": funnel,
        "split": split_bar(funnel),
        "steps": steps(funnel),
        "most_failed": max((max(row.counts.failed, row.counts.review) for row in took), default=0),
        "rules": took[:MOST_RULES],
        "other_rules": took[MOST_RULES:],
        "idle_rules": [row for row in rules if row not in took],
        "groups": [
            (title, one, found, group_bars(found))
            for title, one, column in (
                ("Sources", "source", "source"),
                ("Languages", "language", "signal.language"),
                ("Licences", "licence", "license"),
            )
            if (found := group(column))
        ],
        "plots": plots(run, connection, thresholds_of(spec)),
        "judged": set(thresholds_of(spec)),
        "clusters": figures.clusters(connection),
        "recall": recall_of(run, spec.dedup.near if spec else None),
        "chains": figures.chains(connection),
        "largest": figures.largest_clusters(connection, most=LARGEST_CLUSTERS),
        "curriculum": curriculum_of(run),
        "synthetic": synthetic_of(run, connection),
        "people": people_of(run, connection),
        "personal_data": personal_data_of(run, connection),
        "contaminated": contaminated_of(run, connection),
        "dead": figures.reasons(connection, "dead_letter"),
        "dead_files": figures.reasons(connection, "dead_letter", by="path"),
        "skipped": figures.reasons(connection, "skipped"),
        "samples": sample_groups(run, connection),
        "segment": segment,
    }


def segment(count: int, of: int, *, start: int = 0, kind: str = "") -> Segment | None:
    """Returns the piece of a bar of `of` for `count` after `start`; nothing for zero, never too thin to see."""
    if count <= 0 or of <= 0:
        return None
    width = max(count / of * BAR, LEAST_BAR)
    return Segment(x=round(min(start / of * BAR, BAR - width), 2), width=round(width, 2), kind=kind)


def _segments(*pieces: Segment | None) -> tuple[Segment, ...]:
    return tuple(piece for piece in pieces if piece)


def split_bar(funnel: figures.Funnel) -> list[tuple[str, int, str, Segment | None]]:
    """Returns (label, documents, kind, piece) of the bar at the top: what became of all documents read."""
    parts = (
        ("Kept", funnel.kept, "kept"),
        ("In review", funnel.review + funnel.held + funnel.borderline, "review"),
        ("Dropped by gates", funnel.gated, "gated"),
        ("Exact duplicates", funnel.exact, "exact"),
        *_if_any("Same URL", funnel.url, "url"),
        ("Near duplicates", funnel.near, "near"),
    )
    found, start = [], 0
    for label, count, kind in parts:
        found.append((label, count, kind, segment(count, funnel.read, start=start, kind=kind)))
        start += count
    return found


def _if_any(label: str, count: int, kind: str) -> list[tuple[str, int, str]]:
    """Returns the line of something that most jobs do not ask for."""
    return [(label, count, kind)] if count else []


def steps(funnel: figures.Funnel) -> list[Step]:
    """Returns the funnel from records to kept documents: totals, and between them what was lost."""
    losses = (
        ("Skipped", funnel.skipped, "skipped"),
        ("Dead letters", funnel.dead_letters, "dead"),
        ("Documents read", 0, ""),
        ("Dropped by gates", funnel.gated, "gated"),
        ("Exact duplicates", funnel.exact, "exact"),
        *_if_any("Same URL", funnel.url, "url"),
        ("Near duplicates", funnel.near, "near"),
        ("Held: cluster undecided", funnel.held, "held"),
        *_if_any("Borderline pairs", funnel.borderline, "held"),
        ("In review", funnel.review, "review"),
    )
    whole = left = funnel.records
    found = [_total("Records found", left, whole, "")]
    for label, count, kind in losses:
        left -= count
        if not kind:
            found.append(_total(label, left, whole, ""))
            continue
        pieces = _segments(segment(left, whole, kind="rest"), segment(count, whole, start=left, kind=kind))
        found.append(Step(label=label, count=count, kind="loss", segments=pieces))
    found.append(_total("Kept", funnel.kept, whole, "kept"))
    for label, count, start in (("Training", funnel.train, 0), ("Validation", funnel.validation, funnel.train)):
        pieces = _segments(segment(count, whole, start=start, kind="kept"))
        found.append(Step(label=label, count=count, kind="part", segments=pieces))
    return found


def _total(label: str, count: int, whole: int, kind: str) -> Step:
    return Step(label=label, count=count, kind="total", segments=_segments(segment(count, whole, kind=kind or "total")))


def group_bars(found: list[figures.Group]) -> list[tuple[Segment, ...]]:
    """Returns per group what became of its documents: kept, review and dropped pieces of a whole bar."""
    return [
        _segments(
            segment(item.kept, item.read, kind="kept"),
            segment(item.review, item.read, start=item.kept, kind="review"),
            segment(item.dropped, item.read, start=item.kept + item.review, kind="dropped"),
        )
        for item in found
    ]


def plain(text: object, limit: int = MAX_TEXT) -> str:
    """Returns one line of text that came from data: cut, controls and bidi characters written out."""
    return visible(str(text), limit=limit)


def breakable(text: str) -> Markup:
    """Returns a name, escaped, that may break after `/` and `_`."""
    return Markup(re.sub(r"([/_])(?=.)", r"\1<wbr>", str(escape(text))))  # noqa: S704 - escaped, and only <wbr> added


def block(text: str) -> str:
    """Returns an excerpt: line breaks stay, tabs are spaces, runs of empty lines are one."""
    lines = [line.rstrip() for line in text.replace("\r\n", "\n").replace("\t", "    ").split("\n")]
    kept = [line for index, line in enumerate(lines) if line or (index and lines[index - 1])]
    return visible("\n".join(kept).strip("\n"), keep_newlines=True)


def link(url: object) -> str | None:
    """Returns `url` if a browser may open it (http or https, with a host, not absurdly long), else None."""
    text = str(url or "")
    if len(text) > MAX_URL or text != visible(text) or not text.lower().startswith(("http://", "https://")):
        return None
    try:
        return text if urlsplit(text).hostname else None
    except ValueError:
        return None


def _failure(item: Failure) -> str:
    return plain(failure_text(item))


def _number(value: int) -> str:
    return f"{value:,}"


def percent(count: int, of: int) -> str:
    """Returns a share to one decimal; what is neither none nor all never looks like it."""
    if not of:
        return "–"
    tenths = round(1000 * count / of)
    if count > 0 and tenths == 0:
        return "<0.1%"
    if count < of and tenths == 1000:  # noqa: PLR2004 - 100.0%
        return ">99.9%"
    return f"{tenths // 10}%" if tenths in (0, 1000) else f"{tenths / 10:.1f}%"


def points(share: float) -> str:
    """Returns a difference of shares in percentage points, with its sign: +12.3."""
    return f"{100 * share:+.1f}".replace("-", "\N{MINUS SIGN}")


def size(num_bytes: int) -> str:
    """Returns bytes for reading: 2.3 MiB."""
    value, unit = float(num_bytes), 0
    units = ("B", "KiB", "MiB", "GiB", "TiB", "PiB")
    while value >= KIB and unit < len(units) - 1:
        value, unit = value / KIB, unit + 1
    return f"{num_bytes:,} B" if unit == 0 else f"{value:.1f} {units[unit]}"
