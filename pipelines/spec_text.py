"""A spec as text again: every key with its value, so that a run says what it did without any defaults.

What may change without changing the output (runner, batch size, memory) is left out: the text is the same wherever
and however the job ran.
"""

import dataclasses
import json
import re

from pipelines.spec import JobSpec

NOT_IN_RUN = ("runner", "completions")
LIMITS_NOT_IN_RUN = ("batch_bytes", "memory_bytes")

Plain = dict[str, "Plain"] | list["Plain"] | str | int | float | bool | None

_BARE = re.compile(r"[A-Za-z][A-Za-z0-9_./-]*")
_WORDS = frozenset({"true", "false", "null", "yes", "no", "on", "off", "y", "n"})
_UNPRINTABLE = re.compile("[\x7f-\x9f\ud800-\udfff\u2028\u2029\ufeff\ufffe\uffff]")


def spec_dict(spec: JobSpec) -> dict[str, Plain]:
    """Returns the whole spec as plain values: mappings, lists, text, numbers, true, false and null."""
    settings = _plain(with_signing(spec))
    assert isinstance(settings, dict), "a job is a mapping"
    return settings


def with_signing(spec: JobSpec) -> JobSpec:
    """Returns the spec with all said that makes signatures, so that a record does not depend on what a preset means."""
    if spec.dedup.near is None:
        return spec
    return dataclasses.replace(spec, dedup=dataclasses.replace(spec.dedup, near=spec.dedup.near.filled()))


def dump_spec(spec: JobSpec) -> str:
    """Returns the spec as YAML that `load_spec` reads, without what never changes the output."""
    settings = spec_dict(spec)
    for name in NOT_IN_RUN:
        del settings[name]
    limits = settings["limits"]
    assert isinstance(limits, dict), "limits are a mapping"
    for name in LIMITS_NOT_IN_RUN:
        del limits[name]
    return "".join(f"{line}\n" for line in _lines(settings, 0))


def local_settings(spec: JobSpec) -> list[str]:
    """Returns what `dump_spec` leaves out, as `key=value` settings that `load_spec` takes."""
    settings = spec_dict(spec)
    limits = settings["limits"]
    assert isinstance(limits, dict), "limits are a mapping"
    named = {name: settings[name] for name in NOT_IN_RUN}
    named |= {f"limits.{name}": limits[name] for name in LIMITS_NOT_IN_RUN}
    return [f"{name}={json.dumps(value)}" for name, value in named.items()]


def _plain(value: object) -> Plain:
    if dataclasses.is_dataclass(value) and not isinstance(value, type):
        return {item.name: _plain(getattr(value, item.name)) for item in dataclasses.fields(value)}
    if isinstance(value, dict):
        return {str(name): _plain(item) for name, item in value.items()}
    if isinstance(value, tuple | list):
        return [_plain(item) for item in value]
    assert value is None or isinstance(value, str | int | float | bool), "a spec holds plain values"
    return value


def _lines(value: dict[str, Plain], depth: int) -> list[str]:
    lines = []
    indent = "  " * depth
    for name, item in value.items():
        if isinstance(item, dict) and item:
            lines += [f"{indent}{scalar_text(name)}:", *_lines(item, depth + 1)]
        elif isinstance(item, list) and any(isinstance(entry, dict) for entry in item):
            lines += [f"{indent}{scalar_text(name)}:", *(f"{indent}  - {_flow(entry)}" for entry in item)]
        else:
            lines.append(f"{indent}{scalar_text(name)}: {_flow(item)}")
    return lines


def _flow(value: Plain) -> str:
    if isinstance(value, dict):
        return "{" + ", ".join(f"{scalar_text(name)}: {_flow(item)}" for name, item in value.items()) + "}"
    if isinstance(value, list):
        return "[" + ", ".join(_flow(item) for item in value) + "]"
    return scalar_text(value) if isinstance(value, str) else json.dumps(value)


def scalar_text(text: str) -> str:
    """Returns a YAML scalar that is this text, bare where nothing could take it for something else."""
    if _BARE.fullmatch(text) and text.lower() not in _WORDS:
        return text
    return _UNPRINTABLE.sub(lambda match: f"\\u{ord(match.group()):04x}", json.dumps(text, ensure_ascii=False))
