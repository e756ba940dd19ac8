"""A run on an S3 server (moto, on this machine): the same answers, report and export as from a local folder."""

import json
from collections.abc import Iterator
from pathlib import Path

import pyarrow.fs as pafs
import pytest

from pipelines.export_text import export_text
from pipelines.job import run_job
from pipelines.progress import silent
from pipelines.questions import inspect_run, why_document
from pipelines.report import write_report
from pipelines.rundir import open_run
from pipelines.spec_file import load_spec
from pipelines.store import Store
from pipelines.verify import verify_run
from tests.rundirs import example_docs, write_run
from tests.synthetic_runs import SPEC, write_valleys

pytestmark = pytest.mark.slow
SHARDS = "shards: {tokenizer: tokenizer.json, sequence_length: 128}"
STAGES = "[{name: main, tokens: 9000}, {name: best, tokens: 3000}]"
MIXTURE = SHARDS.replace("}", f", order: mixture, mixture: {STAGES}}}")


@pytest.fixture
def bucket() -> Iterator[pafs.S3FileSystem]:
    server_module = pytest.importorskip("moto.server", reason="moto[server] is not installed")
    server = server_module.ThreadedMotoServer(port=0, verbose=False)
    server.start()
    address = "http://{}:{}".format(*server.get_host_and_port())
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("AWS_ENDPOINT_URL", address)
        for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"):
            patch.setenv(name, "testing")
        patch.setenv("AWS_DEFAULT_REGION", "us-east-1")
        filesystem = pafs.S3FileSystem(endpoint_override=address, region="us-east-1", allow_bucket_creation=True)
        filesystem.create_dir("bucket")
        yield filesystem
    server.stop()


def test_a_run_in_a_bucket_answers_as_a_local_one_does(bucket: pafs.S3FileSystem, tmp_path: Path):
    local = write_run(tmp_path / "run", example_docs(), parts=2)
    for path in sorted((tmp_path / "run").rglob("*")):
        if path.is_file():
            with bucket.open_output_stream(f"bucket/made/{path.relative_to(tmp_path / 'run').as_posix()}") as stream:
                stream.write(path.read_bytes())
    run = open_run("s3://bucket/made")
    assert why_document(run, "one") == why_document(local, "one")
    assert inspect_run(run, state="dropped") == inspect_run(local, state="dropped")
    for opened in (local, run):
        write_report(opened.store.uri)
    assert run.store.read("report.html") == local.store.read("report.html")
    assert export_text(run, "parquet", "s3://bucket/out/text.parquet", where="language = 'de'") == 1
    export_text(local, "parquet", str(tmp_path / "text.parquet"), where="language = 'de'")
    assert Store("s3://bucket/out").read("text.parquet") == (tmp_path / "text.parquet").read_bytes()


@pytest.mark.soak
def test_a_run_in_a_bucket_makes_documents_whose_share_of_a_mixture_is_capped(
    bucket: pafs.S3FileSystem, tmp_path: Path
):
    spec = write_valleys(tmp_path, spec=SPEC.replace(SHARDS, MIXTURE) + "synthesis: {max_fraction: 0.1}\n")
    run_job(load_spec(spec), spec_path=spec, output="s3://bucket/run", limit=None, settings=(), progress=silent())
    run = open_run("s3://bucket/run")
    assert [name for name in run.store.names("measured") if "part-synthetic-mined-" in name]
    assert run.sql("SELECT count(*) > 0 FROM documents WHERE generator = 'mined'").fetchall() == [(True,)]
    assert verify_run("s3://bucket/run") == []
    export = json.loads(run.store.read(f"exports/{run.latest_export}/manifest.json"))
    assert [stage["name"] for stage in export["stages"]] == ["main", "best"]
    totals = export["totals"]
    emitted = totals["tokens"] - totals["overlaps"]
    assert 0.05 * emitted < totals["synthetic"] <= 0.1 * emitted
