"""What types cannot say about a spec: ranges of numbers, names that must exist, keys that belong together."""

import dataclasses
import math
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Literal, get_args, get_origin

from curation.dedup.banding import MAX_NGRAM, contradictions
from curation.errors import SpecError
from curation.quality.gates import Rule, When
from curation.quality.presets import PRESETS
from pipelines.configured import LISTS
from pipelines.dedup_checks import dedup_findings
from pipelines.privacy_checks import privacy_findings
from pipelines.scoring import FILES, QUALITY, named_files
from pipelines.shards_checks import shards_findings
from pipelines.spec import Columns, GateSpec, JobSpec

Finding = tuple[str, str]
Range = tuple[float, float]

RANGES: dict[str, Range] = {
    "seed": (0, (1 << 63) - 1),
    "inputs.*.weight": (0, 16),
    "inputs.*.gate_below": (0, 1),
    "gates.*.rules[*].review_within": (0, math.inf),
    "dedup.near.ngram": (1, MAX_NGRAM),
    "dedup.near.bands": (1, 1000),
    "dedup.near.rows": (1, 1000),
    "dedup.near.threshold": (0.1, 0.99),
    "dedup.near.recall": (0.5, 0.9999),
    "dedup.near.seed": (0, (1 << 32) - 1),
    "dedup.near.min_jaccard": (0, 1),
    "dedup.near.canaries": (0, 10_000),
    "dedup.near.review_within": (0, 1),
    "paragraph_languages.min_bytes": (1, 1 << 20),
    "paragraph_languages.min_score": (0, 1),
    "paragraph_languages.min_determined_fraction": (0, 1),
    "paragraph_languages.min_main_fraction": (0, 1),
    "decontamination.window_bytes": (0, 1 << 20),
    "synthesis.mined.max_children": (1, 64),
    "synthesis.max_fraction": (0, 0.9),
    "synthesis.model.temperature": (0, 2),
    "synthesis.model.top_p": (0, 1),
    "synthesis.model.max_tokens": (1, 1 << 17),
    "synthesis.model.chunk_chars": (100, 1_000_000),
    "synthesis.model.min_chars": (0, 1_000_000),
    "synthesis.model.max_chunks": (1, 10_000),
    "completions.concurrency": (1, 1024),
    "completions.requests_per_second": (0.001, 100_000),
    "completions.timeout_seconds": (0.1, 86_400),
    "completions.attempts": (1, 100),
    "completions.max_total_tokens": (0, 1 << 53),
    "completions.max_cost": (0, math.inf),
    "completions.prompt_price": (0, math.inf),
    "completions.completion_price": (0, math.inf),
    "validation.fraction": (0, 0.5),
    "review.budget": (0, 1_000_000),
    "review.audit_fraction": (0, 1),
    "review.per_cluster": (0, 1_000_000),
    "review.per_source": (0, 1_000_000),
    "review.per_language": (0, 1_000_000),
    "review.overlap_fraction": (0, 1),
    "shards.sequence_length": (1, 1 << 24),
    "shards.warmup_fraction": (0, 1),
    "shards.anneal_fraction": (0, 1),
    "shards.replay_fraction": (0, 0.9),
    "shards.cycles": (1, 1000),
    "shards.difficulty[*].weight": (-1000, 1000),
    "shards.mixture[*].tokens": (1, 1 << 50),
    "shards.mixture[*].temperature": (0.01, 1000),
    "shards.mixture[*].max_epochs": (0, 1000),
    "shards.mixture[*].lr_factor": (0, 1024),
    "shards.mixture[*].shares[*].weight": (0, 1_000_000),
    "shards.mixture[*].shares[*].max_fraction": (0, 1),
    "shards.rows_per_group": (1, 1 << 24),
    "shards.rows_per_file": (1, 1 << 32),
    "limits.record_bytes": (1 << 10, 1 << 30),
    "limits.batch_bytes": (1 << 10, 1 << 30),
    "limits.unit_bytes": (1 << 10, 1 << 40),
    "limits.stream_bytes": (1 << 10, 1 << 50),
    "limits.expansion": (1, 1_000_000),
    "limits.max_bad_fraction": (0, 1),
    "limits.memory_bytes": (1 << 20, 1 << 50),
    "runner.workers": (0, 4096),
}
"""Smallest and largest value by the path of the key; `*` stands for any name or index."""

LOCAL_RUNNERS = frozenset({"FnApiRunner", "BundleBasedDirectRunner", "DirectRunner"})
NAME_PATTERN = r"[A-Za-z0-9][A-Za-z0-9_-]{0,63}"
_NAME = re.compile(NAME_PATTERN)
_SHA256 = re.compile(r"[0-9a-fA-F]{64}")
_NAMED = re.compile(r"^(inputs|gates)\.[^.]+")
_INDEX = re.compile(r"\[\d+\]")
_KINDS = {str: "text", bool: "true or false", int: "a whole number", float: "a number"}


def range_of(path: str) -> Range | None:
    """Returns the range of a key, e.g. of `inputs.web.weight`; None where any value will do."""
    return RANGES.get(_INDEX.sub("[*]", _NAMED.sub(r"\1.*", path)))


def expected(kind: object, path: str) -> str:
    """Returns what a message says a key should hold, e.g. `a number in [0, 16]`."""
    if get_origin(kind) is Literal:
        return f"one of {', '.join(map(str, get_args(kind)))}"
    is_size = path.endswith("_bytes")
    name = "a size such as 64MiB" if is_size else _KINDS.get(kind, "keys")  # type: ignore[call-overload]
    bounds = range_of(path)
    if bounds is None:
        return str(name)
    low, high = (size_text(int(bound)) if is_size else _number(bound) for bound in bounds)
    return f"{name} in [{low}, {high}]" if bounds[1] < math.inf else f"{name} of at least {low}"


def check_spec(spec: JobSpec, *, folder: Path | None) -> Iterator[Finding]:
    """Yields (path of the key, message) of everything that is wrong.

    Args:
        spec: the job.
        folder: where relative paths start; None: files are not looked for.
    """
    yield from _names(spec)
    yield from _ranges(spec, "")
    yield from _inputs(spec)
    for name, gate in spec.gates.items():
        yield from _gate(f"gates.{name}", gate, spec)
    yield from _scores(spec)
    yield from _artifacts(spec, folder)
    yield from _runner(spec)
    if spec.shards is not None:
        yield from shards_findings(spec.shards, spec)
    yield from privacy_findings(spec.privacy)
    yield from dedup_findings(spec.dedup)
    near = spec.dedup.near
    if near is not None and not any(path.startswith("dedup.near.") for path, _ in _ranges(near, "dedup.near")):
        yield from ((f"dedup.near.{name}", message) for name, message in contradictions(near))


def _number(value: float) -> str:
    return str(int(value)) if math.isfinite(value) and value == int(value) else repr(value)


def size_text(value: int) -> str:
    """Returns a size as a spec may write it, e.g. `64MiB`; as a plain number where no unit divides it."""
    for exponent, unit in ((40, "TiB"), (30, "GiB"), (20, "MiB"), (10, "KiB")):
        if value and value % (1 << exponent) == 0:
            return f"{value >> exponent}{unit}"
    return str(value)


def _names(spec: JobSpec) -> Iterator[Finding]:
    yield from _name("job", spec.job)
    for name in spec.inputs:
        yield from _name(f"inputs.{name}", name)
    for name in spec.gates:
        yield from _name(f"gates.{name}", name)
    for label in spec.perplexity:
        yield from _name(f"perplexity.{label}", label)
    if not spec.inputs:
        yield "inputs", "expected at least one input, found none"


def _name(path: str, name: str) -> Iterator[Finding]:
    if not _NAME.fullmatch(name):
        yield path, f"expected a name of at most 64 letters, digits, - and _, found {name!r}"


def _ranges(value: object, path: str) -> Iterator[Finding]:
    if dataclasses.is_dataclass(value) and not isinstance(value, type):
        for item in dataclasses.fields(value):
            yield from _ranges(getattr(value, item.name), f"{path}.{item.name}".lstrip("."))
    elif isinstance(value, dict):
        for name, child in value.items():
            yield from _ranges(child, f"{path}.{name}")
    elif isinstance(value, tuple):
        for index, child in enumerate(value):
            yield from _ranges(child, f"{path}[{index}]")
    elif isinstance(value, int | float):
        low, high = range_of(path) or (-math.inf, math.inf)
        if not low <= value <= high:
            yield path, f"expected {expected(type(value), path)}, found {_number(value)}"


def _inputs(spec: JobSpec) -> Iterator[Finding]:
    for name, given in spec.inputs.items():
        path = f"inputs.{name}"
        if not given.files:
            yield f"{path}.files", "expected at least one path or URL, found none"
        for index, gate in enumerate(given.gates):
            if gate not in spec.gates:
                yield f"{path}.gates[{index}]", f"expected {_one_of(spec.gates, 'a gate')}, found {gate!r}"
            elif gate in given.gates[:index]:
                yield f"{path}.gates[{index}]", f"expected each gate once, found {gate!r} twice"
        for item in dataclasses.fields(given.columns):
            if getattr(given.columns, item.name) == "":
                yield f"{path}.columns.{item.name}", "expected the name of a column, found ''"
        if given.gate != "none" and (given.extractor, given.extract) != ("gristmill", "main"):
            yield (
                f"{path}.gate",
                "expected `extractor: gristmill` and `extract: main` beside it: only there a page has a confidence",
            )
        yield from _conversation(f"{path}.columns", given.columns)


def _conversation(path: str, columns: Columns) -> Iterator[Finding]:
    pair = (columns.chosen is not None, columns.rejected is not None)
    if any(pair) and not all(pair):
        missing = "rejected" if pair[0] else "chosen"
        yield f"{path}.{missing}", "expected chosen and rejected together, found one of them"
    if any(pair) and columns.messages is not None:
        yield f"{path}.messages", "expected messages, or chosen and rejected, found both; make two inputs of them"
    if columns.prompt is not None and not any(pair):
        yield f"{path}.prompt", "expected a prompt beside chosen and rejected only, found it alone"


def _one_of(names: object, what: str) -> str:
    known = ", ".join(names) if isinstance(names, dict | set) else ""
    return f"one of {known}" if known else f"{what} that the spec has (it has none)"


def _gate(path: str, gate: GateSpec, spec: JobSpec) -> Iterator[Finding]:
    if gate.preset is not None and gate.preset not in PRESETS:
        yield f"{path}.preset", f"expected one of {', '.join(sorted(PRESETS))}, found {gate.preset!r}"
    if gate.preset is None and not gate.rules:
        yield path, "expected a preset or rules, found neither"
    yield from _when(f"{path}.when", gate.when, spec)
    labels = [rule.label for rule in gate.rules]
    for index, rule in enumerate(gate.rules):
        yield from _rule(f"{path}.rules[{index}]", rule)
        yield from _when(f"{path}.rules[{index}].when", rule.when, spec)
        if rule.label in labels[:index]:
            yield (
                f"{path}.rules[{index}]",
                f"expected rules of different names, found {rule.label!r} twice; give one a name",
            )


def _when(path: str, when: When, spec: JobSpec) -> Iterator[Finding]:
    domains = dict.fromkeys(given.domain for given in spec.inputs.values() if given.domain)
    for key, names, known in (("source", when.source, spec.inputs), ("domain", when.domain, domains)):
        for index, name in enumerate(names):
            if name not in known:
                yield f"{path}.{key}[{index}]", f"expected {_one_of(dict(known), f'a {key}')}, found {name!r}"


def _rule(path: str, rule: Rule) -> Iterator[Finding]:
    try:
        rule.check()
    except SpecError as error:
        yield path, str(error)
    if rule.min is not None and rule.max is not None and rule.min > rule.max:
        yield path, f"expected min <= max, found {_number(rule.min)} > {_number(rule.max)}"


def _scores(spec: JobSpec) -> Iterator[Finding]:
    """Names of classifiers: each is a signal, so that none may be there twice, and an ensemble's must be."""
    known = {QUALITY: ""} if spec.quality_model is not None else {}
    for section in ("classifiers", "embeddings", "ensembles"):
        for name in getattr(spec, section):
            yield from _name(f"{section}.{name}", name)
            if name in known:
                yield f"{section}.{name}", f"expected names of classifiers that differ, found {name!r} twice"
            if section != "ensembles":
                known[name] = section
    for name, ensemble in spec.ensembles.items():
        if not ensemble.members:
            yield f"ensembles.{name}.members", "expected at least one classifier, found none"
        for index, member in enumerate(ensemble.members):
            if member not in known:
                yield (
                    f"ensembles.{name}.members[{index}]",
                    f"expected {_one_of(known, 'a classifier')}, found {member!r}",
                )


def _artifacts(spec: JobSpec, folder: Path | None) -> Iterator[Finding]:
    model, shards = spec.language_model, spec.shards
    if spec.url_lists.categories and spec.url_lists.ut1 is None:
        yield "url_lists.categories", "expected `ut1` beside it, the folder that the categories are in, found none"
    yield from _sha256("language_model.sha256", model.sha256, is_needed=model.path is not None)
    if spec.decontamination is not None:
        is_url = "://" in spec.decontamination.index
        yield from _sha256("decontamination.sha256", spec.decontamination.sha256, is_needed=is_url)
    for path, name, digest in named_files(spec):
        where, _, key = path.rpartition(".")
        yield from _sha256(f"{where}.{FILES[key]}", digest, is_needed="://" in name)
    if shards is None:
        return
    is_url = "://" in shards.tokenizer
    yield from _sha256("shards.tokenizer_sha256", shards.tokenizer_sha256, is_needed=is_url)
    if folder is not None and not is_url and not (folder / shards.tokenizer).is_file():
        place = (folder / shards.tokenizer).absolute()
        yield (
            "shards.tokenizer",
            f"expected a tokenizer.json, found none at {str(place)!r}. gristmill tokenizer train makes one.",
        )


def _sha256(path: str, digest: str | None, *, is_needed: bool) -> Iterator[Finding]:
    if digest is None and is_needed:
        yield path, "expected the sha256 of the file that is named beside it, found none"
    elif digest is not None and not _SHA256.fullmatch(digest):
        yield path, f"expected 64 hexadecimal digits, found {digest!r}"


def _runner(spec: JobSpec) -> Iterator[Finding]:
    """A worker elsewhere cannot open the driver's files; the tokenizer is read by the driver."""
    if spec.runner.name in LOCAL_RUNNERS:
        return
    files = {f"inputs.{name}.files": given.files for name, given in spec.inputs.items()}
    files |= {f"url_lists.{key}": getattr(spec.url_lists, key) or () for key in LISTS}
    named = [(f"{path}[{index}]", file) for path, found in files.items() for index, file in enumerate(found)]
    named += [("language_model.path", spec.language_model.path or ""), ("url_lists.ut1", spec.url_lists.ut1 or "")]
    named += [("decontamination.index", spec.decontamination.index)] if spec.decontamination else []
    named += [(path, file) for path, file, _ in named_files(spec)]
    for path, file in named:
        if file and ("://" not in file or file.startswith("file:")):
            yield path, f"expected a URL that workers of {spec.runner.name} can open, found {file!r}"
