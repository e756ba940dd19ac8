"""What types cannot say about a spec: ranges of numbers, names that must exist, keys that belong together."""

import re
from collections.abc import Iterator
from dataclasses import fields

from curation.errors import SpecError
from curation.quality.gates import PRESETS, Rule
from pipelines.spec import GateSpec, JobSpec

Finding = tuple[str, str]

RANGES: dict[str, tuple[float, float]] = {
    "limits.record_bytes": (1024, 1 << 30),
    "limits.batch_bytes": (1024, 1 << 30),
    "limits.unit_bytes": (1024, 1 << 40),
    "limits.stream_bytes": (1024, 1 << 50),
    "limits.expansion": (1, 1_000_000),
    "limits.max_bad_fraction": (0, 1),
    "limits.memory_bytes": (1 << 20, 1 << 50),
    "dedup.near.ngram": (1, 100),
    "dedup.near.bands": (1, 1000),
    "dedup.near.rows": (1, 1000),
    "dedup.near.seed": (0, (1 << 32) - 1),
    "dedup.near.min_jaccard": (0, 1),
    "validation.fraction": (0, 0.5),
    "shards.sequence_length": (1, 1 << 24),
    "shards.warmup_fraction": (0, 1),
    "shards.rows_per_group": (1, 1 << 24),
    "shards.rows_per_file": (1, 1 << 32),
    "runner.workers": (0, 4096),
    "seed": (0, (1 << 63) - 1),
}
MAX_WEIGHT = 16
MAX_PERMUTATIONS = 1024
_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9_-]{0,63}")
_SHA256 = re.compile(r"[0-9a-fA-F]{64}")


def check_spec(spec: JobSpec) -> Iterator[Finding]:
    """Yields (path of the key, message) of everything that is wrong."""
    yield from _names(spec)
    yield from _ranges(spec)
    yield from _inputs(spec)
    for name, gate in spec.gates.items():
        yield from _gate(f"gates.{name}", gate)
    yield from _artifacts(spec)
    near = spec.dedup.near
    if near is not None and near.bands * near.rows > MAX_PERMUTATIONS:
        yield "dedup.near.rows", f"expected bands * rows of at most {MAX_PERMUTATIONS}, found {near.bands * near.rows}"


def _names(spec: JobSpec) -> Iterator[Finding]:
    named = [("job", spec.job), *((f"inputs.{name}", name) for name in spec.inputs), *((f"gates.{name}", name) for name in spec.gates)]
    for path, name in named:
        if not _NAME.fullmatch(name):
            yield path, f"expected a name of letters, digits, - and _, found {name!r}"
    if not spec.inputs:
        yield "inputs", "expected at least one input, found none"


def _ranges(spec: JobSpec) -> Iterator[Finding]:
    for path, (low, high) in RANGES.items():
        value: object = spec
        for name in path.split("."):
            value = getattr(value, name) if value is not None else None
        if isinstance(value, int | float) and not low <= value <= high:
            yield path, f"expected a number in [{low:g}, {high:g}], found {value:g}"


def _inputs(spec: JobSpec) -> Iterator[Finding]:
    for name, given in spec.inputs.items():
        path = f"inputs.{name}"
        if not 0 <= given.weight <= MAX_WEIGHT:
            yield f"{path}.weight", f"expected a number in [0, {MAX_WEIGHT}], found {given.weight:g}"
        if not given.files:
            yield f"{path}.files", "expected at least one path or URL, found none"
        for gate in given.gates:
            if gate not in spec.gates:
                yield f"{path}.gates", f"no gate {gate!r}; gates are {', '.join(spec.gates) or 'none'}"
        for item in fields(given.columns):
            if getattr(given.columns, item.name) == "":
                yield f"{path}.columns.{item.name}", "expected a column name or null, found ''"


def _gate(path: str, gate: GateSpec) -> Iterator[Finding]:
    if gate.preset is not None and gate.preset not in PRESETS:
        yield f"{path}.preset", f"expected one of {', '.join(sorted(PRESETS))}, found {gate.preset!r}"
    if gate.preset is None and not gate.rules:
        yield path, "expected a preset or rules, found neither"
    for index, rule in enumerate(gate.rules):
        yield from _rule(f"{path}.rules[{index}]", rule)


def _rule(path: str, rule: Rule) -> Iterator[Finding]:
    try:
        rule.check()
    except SpecError as error:
        yield path, str(error)
    if rule.min is not None and rule.max is not None and rule.min > rule.max:
        yield path, f"expected min <= max, found {rule.min:g} > {rule.max:g}"


def _artifacts(spec: JobSpec) -> Iterator[Finding]:
    model, shards = spec.language_model, spec.shards
    if model.path is not None and model.sha256 is None:
        yield "language_model.sha256", "expected the model's sha256 beside its path, found none"
    if shards is not None and "://" in shards.tokenizer and shards.tokenizer_sha256 is None:
        yield "shards.tokenizer_sha256", "expected the tokenizer's sha256 beside its URL, found none"
    for path, digest in (("language_model.sha256", model.sha256), ("shards.tokenizer_sha256", shards and shards.tokenizer_sha256)):
        if digest is not None and not _SHA256.fullmatch(digest):
            yield path, f"expected 64 hexadecimal digits, found {digest!r}"
