"""What can be known of a job without reading its inputs: `gristmill validate`."""

from collections import Counter
from dataclasses import asdict, dataclass
from pathlib import Path

from pipelines.artifacts import artifacts_of
from pipelines.inputs.artifacts import read_artifact
from pipelines.inputs.open import list_files
from pipelines.inputs.sniff import inspect_file
from pipelines.judging import check_spec_gates
from pipelines.policy import check_policy
from pipelines.spec import JobSpec
from pipelines.synthesis import check_synthesis


@dataclass(frozen=True, slots=True, kw_only=True)
class InputFound:
    """The files of one input: how many, their bytes as stored, their formats, and problems that make dead letters."""

    name: str
    files: int
    bytes: int
    formats: tuple[str, ...]
    problems: tuple[str, ...]

    def facts(self) -> dict[str, object]:
        """Returns the fields as plain values."""
        return asdict(self)


def examine(spec: JobSpec, *, root: Path) -> list[InputFound]:
    """Returns what the inputs of a job are, by name, after checking that its gates, tokenizer and model can be used.

    Reads the first bytes of every file and nothing more.

    Args:
        spec: the job.
        root: folder that relative paths start from.

    Raises:
        SpecError: a gate or a policy of deduplication reads what is not measured.
        InputError: an input names no file, or one that cannot be read.
        ArtifactError: the tokenizer or the language model is missing or has another digest.
    """
    check_spec_gates(spec)
    check_policy(spec)
    check_synthesis(spec)
    if spec.shards is not None:
        read_artifact(spec.shards.tokenizer, root=root, sha256=spec.shards.tokenizer_sha256)
    artifacts_of(spec, root=root)
    found = []
    for name, given in spec.inputs.items():
        files = [inspect_file(file, given) for file in list_files(given.files, root)]
        formats = Counter(_format(file.format, file.compression) for file in files if file.format)
        problems = Counter(file.problem for file in files if file.problem)
        found.append(
            InputFound(
                name=name,
                files=len(files),
                bytes=sum(max(file.bytes, 0) for file in files),
                formats=tuple(f"{count} {label}" for label, count in sorted(formats.items())),
                problems=tuple(f"{count} {problem}" for problem, count in sorted(problems.items())),
            )
        )
    return found


def _format(name: str | None, compression: str | None) -> str:
    return f"{name}" if compression in (None, "none") else f"{name} ({compression})"
