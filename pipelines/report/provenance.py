"""What a report says of a run's making: from the manifest, tolerant of keys that other versions lack."""

from collections.abc import Mapping
from dataclasses import dataclass

from pipelines.rundir import Run


@dataclass(frozen=True, slots=True, kw_only=True)
class Provenance:
    """The parts of `manifest.json` that people ask for; empty strings and zeros where it has none."""

    job: str
    fingerprint: str
    version: str
    format_version: str
    laws: tuple[tuple[str, str], ...]
    steps: tuple[str, ...]  # of the plan, in order
    export: str
    export_rows: int
    export_tokens: int
    hot_buckets: int


def provenance_of(run: Run) -> Provenance:
    """Returns the provenance of a run, mostly empty while it is unfinished."""
    manifest = run.manifest()
    counts = _mapping(manifest.get("counts"))
    plan = manifest.get("plan")
    phases = plan if isinstance(plan, list) else []
    steps = [step for phase in phases if isinstance(phase, list) for step in phase]
    return Provenance(
        job=_text(manifest.get("job")),
        fingerprint=_text(manifest.get("fingerprint")),
        version=_text(manifest.get("version")),
        format_version=_text(manifest.get("format_version")),
        laws=tuple(sorted((str(law), str(found)) for law, found in _mapping(manifest.get("laws")).items())),
        steps=tuple(_text(_mapping(step).get("step")) for step in steps),
        export=_text(manifest.get("export")),
        export_rows=_count(counts.get("export_rows")),
        export_tokens=_count(counts.get("export_tokens")),
        hot_buckets=_count(manifest.get("hot_buckets")),
    )


def _mapping(value: object) -> Mapping[str, object]:
    return value if isinstance(value, dict) else {}


def _text(value: object) -> str:
    return "" if value is None else str(value)


def _count(value: object) -> int:
    return value if isinstance(value, int) else 0
