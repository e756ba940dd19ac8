"""Inputs on an S3 server (moto, on this machine)."""

import gzip
import io
from collections.abc import Iterator

import pyarrow as pa
import pyarrow.fs as pafs
import pyarrow.parquet as pq
import pytest
import xxhash

from curation.errors import InputError
from pipelines.inputs.open import digest_of, list_files, open_bytes
from pipelines.spec import Limits
from tests.oracles.reading import read_files

LINES = b"".join(b'{"text":"document %d"}\n' % index for index in range(500))


@pytest.fixture(scope="module")
def bucket() -> Iterator[pafs.S3FileSystem]:
    """A server with one bucket, and its address in the environment as AWS tools expect it."""
    server_module = pytest.importorskip("moto.server", reason="moto[server] is not installed")
    server = server_module.ThreadedMotoServer(port=0, verbose=False)
    server.start()
    host, port = server.get_host_and_port()
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("AWS_ENDPOINT_URL", f"http://{host}:{port}")
        for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"):
            patch.setenv(name, "testing")
        filesystem = pafs.S3FileSystem(
            endpoint_override=f"http://{host}:{port}", region="us-east-1", allow_bucket_creation=True
        )
        filesystem.create_dir("bucket")
        parquet = io.BytesIO()
        pq.write_table(pa.table({"text": ["in parquet"]}), parquet)
        for name, content in {
            "data/a.jsonl": LINES,
            "data/b.jsonl.gz": gzip.compress(LINES),
            "data/deep/c.parquet": parquet.getvalue(),
            "data/.hidden/x.jsonl": LINES,
            "data/not text.txt": b"plain",
        }.items():
            with filesystem.open_output_stream(f"bucket/{name}", compression=None) as stream:
                stream.write(content)
        yield filesystem
    server.stop()


@pytest.mark.parametrize(
    ("pattern", "expected"),
    [
        ("s3://bucket/data", ["a.jsonl", "b.jsonl.gz", "deep/c.parquet", "not text.txt"]),
        ("s3://bucket/data/*.jsonl*", ["a.jsonl", "b.jsonl.gz"]),
        ("s3://bucket/data/**/*.parquet", ["deep/c.parquet"]),
        ("s3://bucket/data/a.jsonl", ["a.jsonl"]),
        ("s3://bucket/data/*", ["a.jsonl", "b.jsonl.gz", "deep/c.parquet", "not text.txt"]),
    ],
)
def test_patterns_name_objects_as_they_name_files(bucket, tmp_path, pattern, expected):
    found = list_files([pattern], tmp_path)
    assert [file.path for file in found] == expected
    assert all(file.bytes == bucket.get_file_info(file.uri.removeprefix("s3://")).size for file in found)


def test_documents_are_those_of_the_same_files_on_disk(bucket, tmp_path):
    for file in list_files(["s3://bucket/data"], tmp_path):
        (tmp_path / "d" / file.path).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / "d" / file.path).write_bytes(open_bytes(file.uri, root=tmp_path, limit=1 << 20))
    limits = Limits(unit_bytes=3000)
    there, here = read_files("s3://bucket/data", limits=limits), read_files(tmp_path / "d", limits=limits)
    assert there.rows == here.rows
    assert there.accounts == here.accounts
    assert len(there.rows) == 1002


def test_the_digest_is_of_the_stored_bytes(bucket, tmp_path):
    (file,) = list_files(["s3://bucket/data/a.jsonl"], tmp_path)
    assert digest_of(file) == xxhash.xxh3_128_hexdigest(LINES)


@pytest.mark.parametrize("url", ["s3://bucket/none", "s3://bucket/none/*.jsonl", "s3://nobucket/x"])
def test_what_is_not_there_is_an_error_that_names_it(bucket, tmp_path, url):
    with pytest.raises(InputError, match=f"^{url.replace('*', '.*')}: "):
        list_files([url], tmp_path)
