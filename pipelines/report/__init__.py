"""`report.html`: one self-contained page about a run."""

from pipelines.questions import spec_of
from pipelines.report.bias import bias_of
from pipelines.report.page import write_report
from pipelines.rundir import open_run

__all__ = ["bias_facts", "write_report"]


def bias_facts(path: str) -> list[dict[str, object]]:
    """Returns what each rule removed by group, as plain values; see `pipelines.report.bias`."""
    run = open_run(path)
    return [item.facts() for item in bias_of(run, spec_of(run))]
