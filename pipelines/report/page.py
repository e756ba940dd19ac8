"""Renders `report.html`: one file, no script, no request, everything from data escaped."""

import base64
import hashlib
from collections.abc import Mapping
from urllib.parse import urlsplit

from jinja2 import Environment, PackageLoader, StrictUndefined

from curation.text.safe import visible
from pipelines.judging import rules_by_name
from pipelines.manifest import read_manifest
from pipelines.report.figures import (
    BEFORE_AFTER, BY_RULE, CLUSTERS, DEAD, FUNNEL, SKIPPED, Histogram, histograms, rows, samples, with_others,
)  # fmt: skip
from pipelines.rundir import open_run
from pipelines.spec import JobSpec
from pipelines.spec_file import parse_spec

NAME = "report.html"
PLOT_WIDTH, PLOT_HEIGHT = 320, 96


def write_report(path: str) -> str:
    """Writes `report.html` of a run and returns its path; the same run gives the same bytes."""
    run = open_run(path)
    spec = parse_spec(run.store.read("spec.yaml"), name="spec.yaml")
    manifest = read_manifest(run.store)
    connection = run.connect()
    bounds = thresholds_of(spec)
    environment = Environment(loader=PackageLoader("pipelines.report"), autoescape=True, undefined=StrictUndefined)
    environment.filters.update({"number": _number, "plain": lambda text: visible(str(text)), "link": _link})
    style = environment.get_template("style.css").render()
    content = environment.get_template("report.html").render(
        style=style,
        style_hash=base64.b64encode(hashlib.sha256(style.encode()).digest()).decode(),
        job=spec.job,
        fingerprint=manifest.fingerprint if manifest else run.store.read("fingerprint").decode().strip(),
        version=manifest.version if manifest else "",
        counts=manifest.counts if manifest else {},
        funnel=rows(connection, FUNNEL)[0],
        rules=with_others([row | {"bound": _bound(spec, str(row["rule"]))} for row in rows(connection, BY_RULE)], "rule", ("documents",)),
        sources=with_others(rows(connection, BEFORE_AFTER.format(column="m.source")), "name", ("read", "kept", "review")),
        languages=with_others(rows(connection, BEFORE_AFTER.format(column=_language(run.dataset("measured").schema.names))), "name", ("read", "kept", "review")),
        clusters=rows(connection, CLUSTERS),
        dead=with_others(rows(connection, DEAD), "reason", ("letters",)),
        skipped=with_others(rows(connection, SKIPPED), "reason", ("records",)),
        histograms=[_plot(item) for item in histograms(run, bounds)],
        samples={state: samples(connection, state) for state in ("kept", "review", "dropped")},
    )
    run.store.write(NAME, content.encode(), replace=True)
    return f"{path.rstrip('/')}/{NAME}"


def _language(columns: list[str]) -> str:
    return 'm."signal.language"' if "signal.language" in columns else "NULL"


def thresholds_of(spec: JobSpec) -> dict[str, tuple[tuple[str, float], ...]]:
    """Returns, by signal, the (rule, bound) of every numeric rule."""
    found: dict[str, list[tuple[str, float]]] = {}
    for name, rule in rules_by_name(spec).items():
        for bound in (rule.min, rule.max):
            if bound is not None:
                found.setdefault(rule.signal, []).append((name, float(bound)))
    return {signal: tuple(items) for signal, items in found.items()}


def _bound(spec: JobSpec, name: str) -> str:
    rule = rules_by_name(spec).get(name)
    if rule is None:
        near = spec.dedup.near
        return f"Jaccard ≥ {near.min_jaccard:g}" if name == "dedup/near" and near else "same text" if name == "dedup/exact" else ""
    if rule.one_of:
        return f"one of {', '.join(rule.one_of)}"
    parts = [f"≥ {rule.min:g}" if rule.min is not None else "", f"≤ {rule.max:g}" if rule.max is not None else ""]
    return " and ".join(part for part in parts if part)


def _number(value: object) -> str:
    if isinstance(value, float):
        return f"{value:,.4g}"
    return f"{value:,}" if isinstance(value, int) else str(value)


def _link(url: object) -> str | None:
    """Returns `url` if a browser may open it: http or https only."""
    try:
        return str(url) if url and urlsplit(str(url)).scheme in {"http", "https"} else None
    except ValueError:
        return None


def _plot(histogram: Histogram) -> Mapping[str, object]:
    """Returns bars and threshold lines in the coordinates of the plot."""
    tallest = max(histogram.counts)
    width = PLOT_WIDTH / len(histogram.counts)
    bars = [
        {"x": round(index * width, 2), "height": max(round(count / tallest * PLOT_HEIGHT, 2), 1), "count": count}
        for index, count in enumerate(histogram.counts)
        if count
    ]
    span = histogram.high - histogram.low
    lines = [
        {"x": round((bound - histogram.low) / span * PLOT_WIDTH, 2), "rule": rule, "bound": bound}
        for rule, bound in histogram.thresholds
    ]
    return {"histogram": histogram, "bars": bars, "lines": lines, "bar_width": round(width * 0.86, 2)}
