"""JSON Schema and the reference page of specs, generated from the dataclasses, so that they cannot go out of date."""

import dataclasses
import math
import types
from collections.abc import Iterator
from typing import Literal, Union, get_args, get_origin, get_type_hints

from curation.dedup.banding import MAX_PERMUTATIONS, MAX_STRAY, s_curve
from curation.dedup.banding import PRESETS as NEAR_PRESETS
from curation.plan import EDITS, SIGNALS
from curation.quality.gates import Rule
from curation.quality.presets import PRESETS
from curation.step import Step, configuration_of
from pipelines.dedup_checks import CRITERION_PATTERN
from pipelines.spec import JobSpec
from pipelines.spec_checks import NAME_PATTERN, expected, range_of, size_text
from pipelines.spec_nodes import SIZE_PATTERN

Schema = dict[str, object]

LEAST_SHOWN = 0.5  # similarity from which the curves of presets are worth a column

DIALECT = "https://json-schema.org/draft/2020-12/schema"
INTRODUCTION = """# Spec reference

*Made by `make docs` from the code; do not edit.*

A spec describes a job. It is YAML 1.2: at most 1 MiB, no anchors, aliases or tags, no key twice, no unknown key. Sizes
(keys that end in `_bytes`) may be written as `64MiB`. Any key can be changed for one run:
`gristmill run job.yaml --set limits.max_bad_fraction=0.2`, `--set 'gates.short.rules[0].min=20'`. Editors can check a
spec while it is written: `gristmill schema > job.schema.json`.
"""


def json_schema() -> Schema:
    """Returns the JSON Schema (2020-12) of a spec."""
    return {"$schema": DIALECT, "title": "Gristmill job", **_of_class(JobSpec, "")}


def _of_class(kind: type, path: str) -> Schema:
    hints = get_type_hints(kind)
    properties = {}
    for item in dataclasses.fields(kind):
        found = _of_type(hints[item.name], f"{path}.{item.name}".lstrip("."))
        properties[item.name] = {"description": _sentence(item), **found}
    needed = [item.name for item in dataclasses.fields(kind) if _is_required(item)]
    described = {"type": "object", "additionalProperties": False, "properties": properties}
    return {**described, "required": needed} if needed else described


def _of_type(kind: object, path: str) -> Schema:
    origin, arguments = get_origin(kind), get_args(kind)
    if origin in {Union, types.UnionType}:
        return {"anyOf": [_of_type(item, path) for item in arguments]}
    if origin is Literal:
        return {"enum": list(arguments)}
    if origin is dict:
        names = {"propertyNames": {"pattern": f"^{NAME_PATTERN}$"}}
        return {"type": "object", **names, "additionalProperties": _of_type(arguments[1], f"{path}.*")}
    if origin is tuple:
        return {"type": "array", "items": _of_type(arguments[0], f"{path}[*]")}
    if isinstance(kind, type) and dataclasses.is_dataclass(kind):
        return _of_class(kind, path)
    return _of_scalar(kind, path)


def _of_scalar(kind: object, path: str) -> Schema:
    names = {str: "string", bool: "boolean", float: "number", int: "integer", types.NoneType: "null"}
    described: Schema = {"type": names[kind]}  # type: ignore[index]
    low, high = range_of(path) or (-math.inf, math.inf)
    described |= {"minimum": low} if math.isfinite(low) else {}
    described |= {"maximum": high} if math.isfinite(high) else {}
    described |= {"pattern": f"^{CRITERION_PATTERN}$"} if path == "dedup.prefer[*]" else {}
    if kind is int and path.endswith("_bytes"):
        return {"anyOf": [described, {"type": "string", "pattern": f"^{SIZE_PATTERN}$"}]}
    return described


def _is_required(item: "dataclasses.Field[object]") -> bool:
    return item.default is dataclasses.MISSING and item.default_factory is dataclasses.MISSING


def _sentence(item: "dataclasses.Field[object]") -> str:
    return str(item.metadata.get("doc", ""))


def markdown_reference() -> str:
    """Returns `docs/spec.md`: every section and key with type, default and meaning, then the steps and presets."""
    return "".join(
        f"{line}\n"
        for line in (
            INTRODUCTION.rstrip("\n"),
            *_section_lines(),
            *_step_lines(),
            *_preset_lines(),
            *_near_preset_lines(),
        )
    )


def _section_lines() -> Iterator[str]:
    for title, kind, path in _sections():
        yield from (
            "",
            f"## {title}",
            "",
            _first_line(kind),
            "",
            "| key | holds | default | meaning |",
            "|---|---|---|---|",
        )
        hints = get_type_hints(kind)
        for item in dataclasses.fields(kind):
            holds = _holds(hints[item.name], f"{path}.{item.name}".lstrip("."))
            default = "required" if _is_required(item) else _default(item)
            yield f"| `{item.name}` | {holds} | {_cell(default)} | {_cell(_sentence(item))} |"


def _sections() -> Iterator[tuple[str, type, str]]:
    """Yields (title, class, path) of every section, each class once, followed by the sections inside it."""
    seen: set[type] = set()

    def walk(kind: type, path: str) -> Iterator[tuple[str, type, str]]:
        if kind in seen:
            return
        seen.add(kind)
        title = f"`{path}`".replace(".*", ".NAME").replace("[*]", "[]") if path else "The job"
        yield title, kind, path
        for name, hint in get_type_hints(kind).items():
            for found, below in _classes_in(hint, f"{path}.{name}".lstrip(".")):
                yield from walk(found, below)

    return walk(JobSpec, "")


def _classes_in(kind: object, path: str) -> list[tuple[type, str]]:
    if isinstance(kind, type) and dataclasses.is_dataclass(kind):
        return [(kind, path)]
    marks: dict[object, str] = {dict: ".*", tuple: "[*]"}
    below = path + marks.get(get_origin(kind), "")
    return [found for item in get_args(kind) for found in _classes_in(item, below)]


def _first_line(kind: type) -> str:
    return _cell((kind.__doc__ or "").strip().splitlines()[0])


def _cell(text: str) -> str:
    return text.replace("|", "\\|")


def _holds(kind: object, path: str) -> str:
    origin, arguments = get_origin(kind), get_args(kind)
    if origin in {Union, types.UnionType}:
        return " or ".join(_holds(item, path) for item in arguments)
    if origin is Literal:
        return ", ".join(f"`{item}`" for item in arguments)
    if origin is tuple:
        return f"list of {_holds(arguments[0], f'{path}[*]')}"
    if origin is dict:
        return "names with keys below them"
    if kind is types.NoneType:
        return "null"
    return "keys" if dataclasses.is_dataclass(kind) else expected(kind, path)


def _default(item: "dataclasses.Field[object]") -> str:
    value = item.default
    if value is dataclasses.MISSING:
        return "none"
    if dataclasses.is_dataclass(value):
        return "see below"
    if isinstance(value, tuple):
        return f"`[{', '.join(map(str, value))}]`"
    if isinstance(value, bool) or value is None:
        return f"`{str(value).lower().replace('none', 'null')}`"
    return f"`{size_text(int(str(value)))}`" if item.name.endswith("_bytes") else f"`{value}`"


def _step_lines() -> Iterator[str]:
    yield from (
        "",
        "## Steps",
        "",
        "Names for `edits` and `signals`.",
        "",
        "| name | kind | what it does |",
        "|---|---|---|",
    )
    for name, step in EDITS.items():
        yield f"| `{name}` | edit | {_first_line(type(step))}{_settings(step)} |"
    for name, kind in SIGNALS.items():
        yield f"| `{name}` | signal | {_first_line(kind)} |"


def _settings(step: Step) -> str:
    """Returns what a named edit sets otherwise than its class does by itself."""
    ours, plain = configuration_of(step), configuration_of(type(step)())
    return "".join(f" `{name}: {value!r}`." for name, value in ours.items() if value != plain[name])


def _preset_lines() -> Iterator[str]:
    yield from ("", "## Presets", "", "Names for `gates.NAME.preset`. A rule fails strictly beyond its bound.")
    for name, rules in PRESETS.items():
        yield from ("", f"### `{name}`", "", "| signal | passes | only |", "|---|---|---|")
        for rule in rules:
            yield f"| `{rule.signal}` | {_bounds(rule)} | {', '.join(rule.when.language)} |"


def _near_preset_lines() -> Iterator[str]:
    curves = {name: s_curve(bands=of.bands, rows=of.rows) for name, of in NEAR_PRESETS.items()}
    points = [point for point in next(iter(curves.values())) if point >= LEAST_SHOWN]
    shown = " | ".join(f"{point:g}" for point in points)
    yield from (
        "",
        "## Near-duplicate presets",
        "",
        "Names for `dedup.near.preset`: what signatures are made of, and the chance that a pair of documents shares a",
        "band, so that it is compared, by its similarity.",
        "",
        f"| preset | shingle | bands x rows | normalize | {shown} |",
        "|---" * (4 + len(points)) + "|",
    )
    for name, of in NEAR_PRESETS.items():
        chances = " | ".join(f"{curves[name][point]:.3f}" for point in points)
        yield f"| `{name}` | {of.ngram} {of.shingle} | {of.bands} x {of.rows} | {of.normalize} | {chances} |"
    yield from (
        "",
        "`threshold` and `recall` give the fewest permutations (bands x rows, at most "
        f"{MAX_PERMUTATIONS}) that catch a pair of",
        "that similarity with that probability, while a pair half as similar is caught with a probability of at most",
        f"{float(MAX_STRAY):g}; of equal numbers the one with more rows. `gristmill validate` shows the result.",
    )


def _bounds(rule: Rule) -> str:
    low = [f"at least {rule.min:g}"] if rule.min is not None else []
    high = [f"at most {rule.max:g}"] if rule.max is not None else []
    text = "none" if rule.absent else f"one of {', '.join(rule.one_of)}"
    return " and ".join([*low, *high]) or text
