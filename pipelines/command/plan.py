"""`gristmill plan`: what a run would do and take."""

from pathlib import Path
from typing import TYPE_CHECKING

import click

from pipelines.command.choosing import json_option
from pipelines.command.run import spec_path_of
from pipelines.command.speaking import show, show_json, table

if TYPE_CHECKING:
    from pipelines.completing.forecast import ModelForecast
    from pipelines.planning import Forecast

MIB = 1 << 20


@click.command()
@click.argument("what", nargs=-1, required=True, metavar="SPEC | PATH...")
@click.option(
    "--sample", "sample_mib", type=click.IntRange(min=1), default=32, show_default=True, metavar="MIB",
    help="Content to measure; up to 16 times as much is read.",
)  # fmt: skip
@click.option("--set", "settings", multiple=True, metavar="KEY=VALUE", help="Change one key of the spec.")
@json_option
def plan(*, what: tuple[str, ...], sample_mib: int, settings: tuple[str, ...], as_json: bool) -> None:
    """Forecasts a run of a SPEC, or of plain PATHs: documents, rules, duplicates, CPU time, memory, disk.

    A sample, always the same one, is run in full in a temporary folder; nothing else is written.

    Example: gristmill plan pipelines/jobs/quickstart.yaml
    """
    from pipelines.planning import forecast  # noqa: PLC0415 - Beam takes seconds to import
    from pipelines.spec_file import load_spec, spec_of_paths  # noqa: PLC0415

    path = spec_path_of(what)
    spec = load_spec(path, settings=settings) if path else spec_of_paths(what, settings=settings)
    found = forecast(spec, root=path.parent if path else Path(), sample_bytes=sample_mib * MIB)
    if as_json:
        show_json(found.facts())
        return
    show(_told(found))


def _told(found: "Forecast") -> str:
    rows: list[tuple[str, str]] = [
        ("input files", f"{found.input_files:,}"),
        ("documents", f"{found.documents:,}"),
        ("  of these in the sample", f"{found.sampled_documents:,}"),
        ("dead letters", f"{found.dead_letters:,}"),
        ("dropped by rules", f"{found.dropped_by_rules:,}"),
        ("duplicates, at least", f"{found.duplicates[0]:,}"),
        ("duplicates, at most", f"{found.duplicates[1]:,}"),
        ("in review", f"{found.in_review:,}"),
        ("kept, at least", f"{found.kept[0]:,}"),
        ("kept, at most", f"{found.kept[1]:,}"),
    ]
    if found.tokens is not None:
        rows.append(("tokens", f"{found.tokens:,}"))
    rules = [("rule", "fails", "drops first", "seen in the sample")]
    rules += [(rule.rule, f"{rule.fails:,}", f"{rule.drops:,}", f"{rule.sampled:,}") for rule in found.rules]
    costs: list[tuple[str, str]] = [("CPU seconds", f"{found.total_cpu_seconds:,.1f}")]
    costs += [(f"  {stage}", f"{seconds:,.1f}") for stage, seconds in found.cpu_seconds.items()]
    costs += [
        ("compiling kernels here, now done", f"{found.kernel_seconds:,.1f}"),
        ("memory of the driver, MiB", f"{found.driver_bytes / MIB:,.0f}"),
        ("memory of a worker, MiB", f"{found.worker_bytes / MIB:,.0f}"),
        ("disk, MiB", f"{sum(found.disk_bytes.values()) / MIB:,.1f}"),
        ("passes of near duplicates", f"{found.passes:,}"),
        ("shuffled, MiB", f"{found.shuffle_bytes / MIB:,.1f}"),
    ]
    parts = [table(rows), table(rules) if found.rules else "no rule drops anything", table(costs)]
    if found.model is not None:
        parts.append(_model(found.model))
    return "\n\n".join(parts)


def _model(found: "ModelForecast") -> str:
    rows: list[tuple[str, str, str]] = [("asked of the model", "at least", "at most")]
    counts = [("requests", found.requests), ("tokens of prompts", found.prompt_tokens)]
    counts += [("tokens of answers, all as long as they may be", found.answer_tokens)]
    rows += [(name, f"{least:,}", f"{most:,}") for name, (least, most) in counts]
    rows.append(("cost", f"{found.cost[0]:,.2f}", f"{found.cost[1]:,.2f}"))
    told = table(rows)
    return f"{told}\n\ncompletions: the budget may end before the questions do" if found.pauses else told
