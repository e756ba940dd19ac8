"""An Airflow DAG that curates every night: put it and gristmill_client.py into the DAGs folder.

The run's id is the key of the request, so a task that Airflow tries again waits for the job that it submitted first.
"""

import datetime
from pathlib import Path

from airflow.sdk import dag, task
from gristmill_client import newest_export, submit, wait

SPEC = Path("/srv/gristmill/job.yaml")


@dag(
    schedule="30 3 * * *",
    start_date=datetime.datetime(2026, 1, 1, tzinfo=datetime.UTC),
    catchup=False,
    max_active_runs=1,
    default_args={"retries": 3, "retry_delay": datetime.timedelta(minutes=5)},
)
def curate():
    """Submits the spec, waits, and hands the export on."""

    @task
    def submitted(run_id=None):
        return submit(SPEC.read_text(), key=f"airflow {run_id}", folder=str(SPEC.parent))

    @task
    def finished(job):
        wait(job)
        return newest_export(job)

    finished(submitted())


curate()
