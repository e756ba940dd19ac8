"""Driver and workers apart: Beam's job service, a worker pool from the wheel in another venv, data on S3 only."""

import json
import os
import re
import shutil
import socket
import subprocess
import sys
import sysconfig
import time
import venv
from contextlib import contextmanager
from pathlib import Path

import pyarrow.fs as pafs
import pytest
from numba.core.caching import UserProvidedCacheLocator

from curation.kernels import cache_folder
from curation.kernels.warming import warm

ROOT = Path(__file__).parents[2]
QUICKSTART = ROOT / "pipelines" / "jobs" / "quickstart.yaml"
BUCKET = "gristmill-test"
LIMIT = 300
S3 = {"AWS_ACCESS_KEY_ID": "test", "AWS_SECRET_ACCESS_KEY": "test", "AWS_DEFAULT_REGION": "us-east-1"}
BASE = {"LANG": "C.UTF-8", "PYTHONDONTWRITEBYTECODE": "1"}

pytestmark = [pytest.mark.slow]


def free_port():
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        return listener.getsockname()[1]


def wait_for(port, process):
    deadline = time.monotonic() + 60
    while time.monotonic() < deadline:
        assert process.poll() is None, "a server ended before it listened"
        with socket.socket() as probe:
            if probe.connect_ex(("127.0.0.1", port)) == 0:
                return
        time.sleep(0.05)
    raise AssertionError(f"nothing listened on port {port} within a minute")


@contextmanager
def server(arguments, *, port, env, cwd):
    with (cwd / f"server-{port}.log").open("wb") as log:
        process = subprocess.Popen(arguments, env=env, cwd=cwd, stdout=log, stderr=log)
        try:
            wait_for(port, process)
            yield
        finally:
            process.terminate()
            process.wait(timeout=20)


@pytest.fixture(scope="module")
def worker_venv(tmp_path_factory):
    """A venv whose gristmill is the built wheel; third-party packages come from this one.

    Its kernels are those that the tests have compiled: Numba finds them by the folder, time and size of the source.
    """
    folder = tmp_path_factory.mktemp("worker")
    wheel_command = [
        sys.executable,
        "-m",
        "pip",
        "wheel",
        "--no-deps",
        "--quiet",
        "--disable-pip-version-check",
        "-w",
        str(folder),
    ]
    source = folder / "source"
    ignored = shutil.ignore_patterns(".git", ".venv", ".cache", "runs", "build", "*.egg-info", "__pycache__", "tests")
    shutil.copytree(ROOT, source, ignore=ignored)
    subprocess.run([*wheel_command, str(source)], check=True, capture_output=True, timeout=240)
    venv.create(folder / "venv", with_pip=True)
    python = folder / "venv" / "bin" / "python"
    wheel = next(folder.glob("gristmill-*.whl"))
    install = [str(python), "-m", "pip", "install", "--no-deps", "--quiet", "--disable-pip-version-check", str(wheel)]
    subprocess.run(install, check=True, capture_output=True, timeout=120)
    site = Path(
        subprocess.run(
            [str(python), "-c", "import sysconfig; print(sysconfig.get_path('purelib'))"],
            check=True,
            capture_output=True,
            text=True,
        ).stdout.strip()
    )
    (site / "third_party.pth").write_text(sysconfig.get_path("purelib") + "\n")
    shutil.rmtree(source)
    if compiled := cache_folder():
        theirs = site / "curation" / "kernels" / "words.py"
        for path in theirs.parent.glob("*.py"):
            shutil.copystat(ROOT / "curation" / "kernels" / path.name, path)
        names = [
            UserProvidedCacheLocator.get_suitable_cache_subpath(str(path))
            for path in (ROOT / "curation" / "kernels" / "words.py", theirs)
        ]
        warm()
        shutil.copytree(compiled / names[0], folder / "kernels" / names[1])
    return folder / "venv"


def upload(filesystem, folder):
    filesystem.create_dir(BUCKET)
    for path in sorted(folder.rglob("*")):
        if path.is_file():
            with filesystem.open_output_stream(
                f"{BUCKET}/in/{path.relative_to(folder).as_posix()}", compression=None
            ) as stream:
                stream.write(path.read_bytes())


def spec_on_s3(folder):
    """The quickstart with every path on S3."""
    import hashlib

    digest = hashlib.sha256((QUICKSTART.with_suffix("") / "tokenizer.json").read_bytes()).hexdigest()
    text = QUICKSTART.read_text()
    text = re.sub(
        r"tokenizer: quickstart/(\S+)", rf"tokenizer: s3://{BUCKET}/in/\1\n  tokenizer_sha256: {digest}", text
    )
    text = re.sub(r"\[quickstart/([^\]]+)\]", rf"[s3://{BUCKET}/in/\1]", text)
    spec = folder / "quickstart.yaml"
    spec.write_text(text)
    return spec


def test_the_quickstart_runs_with_workers_in_another_venv_and_all_data_on_s3(tmp_path, worker_venv):
    s3_port, job_port, pool_port = free_port(), free_port(), free_port()
    endpoint = f"http://127.0.0.1:{s3_port}"
    s3 = S3 | {"AWS_ENDPOINT_URL": endpoint}
    here = {**os.environ, **s3, "PYTHONPATH": str(ROOT)}
    for name in ("elsewhere", "tmp"):
        (tmp_path / name).mkdir()
    there = {**BASE, **s3, "PATH": f"{worker_venv}/bin:/usr/bin:/bin", "TMPDIR": str(tmp_path / "tmp")}  # no HOME
    there |= {"NUMBA_CACHE_DIR": str(worker_venv.parent / "kernels")}
    moto = [sys.executable, "-m", "moto.server", "-H", "127.0.0.1", "-p", str(s3_port)]
    jobs = [sys.executable, "-m", "apache_beam.runners.portability.local_job_service_main", "--port", str(job_port)]
    pool = [
        f"{worker_venv}/bin/python",
        "-m",
        "apache_beam.runners.worker.worker_pool_main",
        "--service_port",
        str(pool_port),
    ]
    with (
        server(moto, port=s3_port, env={**os.environ, **S3}, cwd=tmp_path),
        server(jobs, port=job_port, env=here, cwd=tmp_path),
        server(pool, port=pool_port, env=there, cwd=tmp_path / "elsewhere"),
    ):
        filesystem = pafs.S3FileSystem(
            endpoint_override=endpoint,
            access_key="test",
            secret_key="test",
            region="us-east-1",
            allow_bucket_creation=True,
        )
        upload(filesystem, QUICKSTART.with_suffix(""))
        options = [
            f"--job_endpoint=localhost:{job_port}",
            "--environment_type=EXTERNAL",
            f"--environment_config=localhost:{pool_port}",
        ]
        settings = ["runner.name=PortableRunner", f"runner.options={json.dumps(options)}"]
        done = subprocess.run(
            [sys.executable, "-c", "import sys; from pipelines.command.main import main; sys.exit(main())",
             "run", str(spec_on_s3(tmp_path)), "-o", f"s3://{BUCKET}/run", "--limit", str(LIMIT), "--json",
             *(part for setting in settings for part in ("--set", setting))],
            cwd=tmp_path, env=here, capture_output=True, text=True, timeout=400, check=False,
        )  # fmt: skip
        assert done.returncode == 0, done.stderr[-3000:]
        counts = json.loads(done.stdout)["counts"]
        selector = pafs.FileSelector(f"{BUCKET}/run", recursive=True)
        written = {
            info.path.removeprefix(f"{BUCKET}/run/") for info in filesystem.get_file_info(selector) if info.is_file
        }
    assert counts["kept"] > LIMIT / 3
    assert counts["export_tokens"] > 0
    assert {"manifest.json", "report.html", "exports/latest"} <= written
    assert list((tmp_path / "elsewhere").iterdir()) == [tmp_path / "elsewhere" / f"server-{pool_port}.log"]
