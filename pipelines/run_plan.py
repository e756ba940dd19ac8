"""What a run will do, before it does it: files and their digests, work units, part names, the fingerprint.

The fingerprint covers all that decides the output (spec, input digests, model and tokenizer digests, version)
and nothing that must not (paths outside the inputs, runner, batch size, memory, canaries).
"""

from dataclasses import asdict, dataclass, replace
from importlib import metadata
from pathlib import Path

import pyarrow as pa

from curation.errors import InputError
from curation.identity import fingerprint
from curation.quality.language import PACKAGED_SHA256
from curation.text.content import PACKAGED_SHA256 as CONTENT_MODEL
from curation.text.trafilatura_process import trafilatura_version
from pipelines.artifacts import Artifact, artifacts_of
from pipelines.configured import named_lists
from pipelines.inputs.artifacts import read_artifact
from pipelines.inputs.files import InputFile
from pipelines.inputs.open import digest_of, list_files
from pipelines.inputs.sniff import inspect_file
from pipelines.inputs.units import WorkUnit, plan_units
from pipelines.judging import check_spec_gates
from pipelines.measuring import measured_schema
from pipelines.policy import check_policy
from pipelines.scoring import FILES as MODEL_FILES
from pipelines.scoring import PACKAGED_MODELS
from pipelines.shards_checks import check_scores
from pipelines.spec import InputSpec, JobSpec
from pipelines.spec_paths import with_answers_below
from pipelines.spec_text import with_signing
from pipelines.synthesis import check_synthesis

FILES = pa.schema(
    [
        pa.field("source", pa.string(), nullable=False),
        pa.field("path", pa.string(), nullable=False),
        pa.field("bytes", pa.int64(), nullable=False),
        pa.field("digest", pa.string()),  # xxh3-128 (hex); null: could not be read
        pa.field("format", pa.string()),
        pa.field("compression", pa.string()),
        pa.field("problem", pa.string()),  # why the whole file is one dead letter
    ]
)

NOT_IN_FINGERPRINT = ("runner", "completions")
LIMITS_NOT_IN_FINGERPRINT = ("batch_bytes", "memory_bytes")


@dataclass(frozen=True, slots=True, kw_only=True)
class RunPlan:
    """Everything about a run that is known before it starts."""

    spec: JobSpec
    files: tuple[tuple[str, InputFile], ...]  # (source, file)
    units: tuple[tuple[str, WorkUnit], ...]  # (part name, unit)
    tokenizer: bytes | None
    artifacts: tuple[Artifact, ...]  # files that measuring reads
    fingerprint: str
    stores_text: bool = True

    @property
    def parts(self) -> tuple[str, ...]:
        """Part names in unit order: the order of documents everywhere."""
        return tuple(part for part, _ in self.units)

    @property
    def input_bytes(self) -> int:
        """Bytes of all input files as they lie on disk."""
        return sum(max(file.bytes, 0) for _, file in self.files)

    def without_text(self) -> "RunPlan":
        """Returns the plan of a run that stores no text: it decides the same, and is another run."""
        return replace(self, stores_text=False, fingerprint=fingerprint([self.fingerprint, "without text"]))

    def files_table(self) -> pa.Table:
        """Returns `inputs/`: one row per file."""
        rows = [
            {
                "source": source,
                "path": file.path,
                "bytes": file.bytes,
                "digest": file.digest,
                "format": file.format,
                "compression": file.compression,
                "problem": file.problem,
            }
            for source, file in self.files
        ]
        return pa.Table.from_pylist(rows, schema=FILES)


def plan_run(spec: JobSpec, *, root: Path, limit: int | None = None, digests: bool = True) -> RunPlan:
    """Lists and digests the inputs, checks the plan against its gates, and cuts work units.

    Args:
        spec: the job.
        root: folder that relative paths of the spec start from.
        limit: at most this many documents, shared out evenly over inputs and their units.
        digests: read every input to digest it; without, the fingerprint is not that of a run.

    Raises:
        SpecError: the gates or the policies of deduplication read what is not measured; trafilatura is asked for and
            not installed.
        InputError: an input matches no file, or one cannot be read.
        ArtifactError: the tokenizer, a model or a list is missing or has another digest.
    """
    spec = with_answers_below(spec, root=root)
    check_spec_gates(spec)
    check_policy(spec)
    check_synthesis(spec)
    if spec.shards is not None:
        check_scores(spec.shards, measured_schema(spec))
    files: list[tuple[str, InputFile]] = []
    units: list[WorkUnit] = []
    for source, given in spec.inputs.items():
        found = [_identified(file, given, digests=digests) for file in list_files(given.files, root)]
        if not found:
            raise InputError(
                f"inputs.{source}.files: expected at least one file, found none for {list(given.files)} in {root}"
            )
        files += [(source, file) for file in found]
        units += plan_units(found, spec.limits, source=source, given=given, first_index=len(units))
    units = _limited(units, limit)
    tokenizer = tokenizer_of(spec, root)
    artifacts = artifacts_of(spec, root=root)
    key = _fingerprint(spec, files, (tokenizer, artifacts), limit)
    named = tuple((_part_name(key, unit), unit) for unit in units)
    return RunPlan(
        spec=spec, files=tuple(files), units=named, tokenizer=tokenizer, artifacts=artifacts, fingerprint=key
    )


def _identified(file: InputFile, given: InputSpec, *, digests: bool) -> InputFile:
    """Returns `file` with format, compression and digest, or with the problem that makes it a dead letter."""
    file = inspect_file(file, given)
    if not digests or file.problem == "permission_denied":
        return file
    return replace(file, digest=digest_of(file))


def tokenizer_of(spec: JobSpec, root: Path) -> bytes | None:
    """Returns the tokenizer's file, None where the spec asks for no shards.

    Raises:
        ArtifactError: it is missing or has another digest.
    """
    if spec.shards is None:
        return None
    return read_artifact(spec.shards.tokenizer, root=root, sha256=spec.shards.tokenizer_sha256)


def _limited(units: list[WorkUnit], limit: int | None) -> list[WorkUnit]:
    """Shares `limit` out: evenly over inputs, then evenly over the units of each."""
    if limit is None:
        return units
    sources = list(dict.fromkeys(unit.source for unit in units))
    quota = dict(zip(sources, _shares(limit, len(sources)), strict=True))
    limited: list[WorkUnit] = []
    for source in sources:
        mine = [unit for unit in units if unit.source == source]
        shares = _shares(quota[source], len(mine))
        limited += [replace(unit, limit=share) for unit, share in zip(mine, shares, strict=True)]
    return limited


def _shares(total: int, count: int) -> list[int]:
    return [total // count + (index < total % count) for index in range(count)]


def _fingerprint(
    spec: JobSpec,
    files: list[tuple[str, InputFile]],
    beside: tuple[bytes | None, tuple[Artifact, ...]],
    limit: int | None,
) -> str:
    tokenizer, artifacts = beside
    settings = decisive_settings(spec)
    reads_pages = any(given.extractor == "gristmill" for given in spec.inputs.values())
    return fingerprint(
        {
            "spec": settings,
            "files": [[source, file.path, file.bytes, file.digest] for source, file in files],
            "language_model": spec.language_model.sha256 or PACKAGED_SHA256,
            "artifacts": [artifact.sha256 for artifact in artifacts],
            "quality_model": PACKAGED_MODELS if spec.quality_model else None,
            **({"content_model": CONTENT_MODEL} if reads_pages else {}),
            "libraries": libraries_of(spec),
            "tokenizer": fingerprint([tokenizer.hex()]) if tokenizer else None,
            "limit": limit,
            "version": metadata.version("gristmill"),
        }
    )


def libraries_of(spec: JobSpec) -> dict[str, str]:
    """Returns the versions of the libraries that decide what the text of documents is."""
    used = {given.extractor for given in spec.inputs.values() if given.extract != "none"} - {"gristmill"}
    if "trafilatura" in used or any(given.gate == "trafilatura" for given in spec.inputs.values()):
        trafilatura_version()  # says what to install where it is missing
        used.add("trafilatura")
    edits = {*spec.edits, *(edit for phase in spec.phases for edit in phase.edits)}
    return {name: metadata.version(name) for name in sorted(used | ({"ftfy"} if "mojibake" in edits else set()))}


def decisive_settings(spec: JobSpec) -> dict[str, object]:
    """Returns the settings that decide the output, as plain values; inputs' paths are covered by their digests."""
    settings = asdict(with_signing(spec))
    for name in ("preset", "threshold", "recall") if settings["dedup"]["near"] else ():
        del settings["dedup"]["near"][name]  # what they come to is there
    for name in NOT_IN_FINGERPRINT:
        del settings[name]
    for name in LIMITS_NOT_IN_FINGERPRINT:
        del settings["limits"][name]
    if settings["dedup"]["near"]:
        del settings["dedup"]["near"]["canaries"]
    for given in settings["inputs"].values():
        del given["files"]
    settings["input_order"] = list(spec.inputs)
    settings["language_model"] = None
    settings["url_lists"] = named_lists(spec.url_lists)
    if settings["decontamination"]:
        del settings["decontamination"]["index"], settings["decontamination"]["sha256"]  # covered by its digest
    for section in ("classifiers", "embeddings", "perplexity"):
        for item in settings[section].values():
            item.update({name: True for name in MODEL_FILES if item.get(name)})  # their digests are covered
    if settings["shards"]:
        del settings["shards"]["tokenizer"]
    return settings


def _part_name(key: str, unit: WorkUnit) -> str:
    pieces = [[piece.file.path, piece.file.digest, piece.start, piece.end] for piece in unit.pieces]
    return f"part-{unit.index:05d}-{fingerprint([key, unit.source, pieces])[:8]}"
