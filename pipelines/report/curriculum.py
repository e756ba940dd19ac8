"""What the report says of the training rows: the stages, and how the scores that order documents agree."""

from dataclasses import dataclass

from pipelines.exported import LATEST, open_export
from pipelines.rundir import Run


@dataclass(frozen=True, slots=True, kw_only=True)
class StageRow:
    """One stage; `waste` is the share of its positions that are padding."""

    name: str
    ordering: str
    documents: int
    tokens: int
    waste: float
    lr_factor: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Curriculum:
    """The stages, and Spearman's rank correlations of the scores (None: there is none), beside their names."""

    stages: tuple[StageRow, ...]
    agreement: tuple[tuple[str, tuple[float | None, ...]], ...]


def curriculum_of(run: Run) -> Curriculum | None:
    """Returns what the newest export of a run says; None without one."""
    if not run.store.exists(LATEST):
        return None
    manifest = open_export(run.store.uri).manifest
    stages, scores = manifest.get("stages", []), manifest.get("scores", {"names": [], "spearman": []})
    assert isinstance(stages, list), "the exporter wrote it"
    assert isinstance(scores, dict), "the exporter wrote it"
    return Curriculum(
        stages=tuple(
            StageRow(
                name=str(stage["name"]),
                ordering=str(stage["ordering"]),
                documents=int(stage["emissions"]),
                tokens=int(stage["tokens"]),
                waste=stage["padding"] / max(stage["padding"] + stage["tokens"], 1),
                lr_factor=float(stage.get("lr_factor", 1.0)),
            )
            for stage in stages
        ),
        agreement=tuple((name, tuple(row)) for name, row in zip(scores["names"], scores["spearman"], strict=True)),
    )
