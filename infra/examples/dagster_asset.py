"""A Dagster asset: the newest export of a curation job, with its counts as metadata.

Put it and gristmill_client.py into a code location whose working directory is theirs. The Dagster run's id is the
key of the request.
"""

from pathlib import Path

from dagster import AssetExecutionContext, Definitions, MaterializeResult, asset
from gristmill_client import newest_export, submit, wait

SPEC = Path("/srv/gristmill/job.yaml")


@asset
def training_shards(context: AssetExecutionContext) -> MaterializeResult:
    """Training rows in curriculum order."""
    job = submit(SPEC.read_text(), key=f"dagster {context.run_id}", folder=str(SPEC.parent))
    found = wait(job)
    export = newest_export(job) or {}
    return MaterializeResult(metadata={"job": job, "run": found["run"], **(found["counts"] or {}), **export})


definitions = Definitions(assets=[training_shards])
