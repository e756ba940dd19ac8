"""Models and lists that measuring reads: by path or by URL, with a digest, fetched once."""

import hashlib
import http.server
import json

import pytest

from curation.errors import ArtifactError
from curation.quality.language import PACKAGED_MODEL
from pipelines.artifacts import Artifact, local_files
from pipelines.job import run_job
from pipelines.progress import silent
from pipelines.run_plan import plan_run
from pipelines.rundir import open_run
from pipelines.spec_file import load_spec
from tests.https_server import serving

MODEL = PACKAGED_MODEL.read_bytes()
SHA256 = hashlib.sha256(MODEL).hexdigest()
SPEC = """
job: made
inputs: {texts: {files: [texts.jsonl]}}
signals: [language]
language_model: {path: "%s", sha256: %s}
runner: {mode: in_memory, workers: 1}
"""


@pytest.fixture
def server(tmp_path, monkeypatch):
    """(address, paths that were asked for); the user's cache folder is empty."""
    asked = []

    class Handler(http.server.BaseHTTPRequestHandler):
        def do_GET(self):
            asked.append(self.path)
            self.send_response(200)
            self.end_headers()
            self.wfile.write(MODEL)

        def log_message(self, *_):
            pass

    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    with serving(Handler, tmp_path) as address:
        yield address, asked


def spec_in(folder, model, sha256=SHA256):
    text = "Der schnelle braune Fuchs springt über den faulen Hund, und niemand weiß warum."
    (folder / "texts.jsonl").write_text(json.dumps({"text": text}) + "\n")
    (folder / "job.yaml").write_text(SPEC % (model, sha256))
    return folder / "job.yaml"


def run(path, output):
    run_job(load_spec(path), spec_path=path, output=str(output), limit=None, settings=(), progress=silent())
    return open_run(output)


@pytest.mark.slow
def test_a_language_model_at_a_url_is_fetched_by_driver_and_worker_once_and_labels_as_the_file_does(server, tmp_path):
    address, asked = server
    by_url = run(spec_in(tmp_path, f"{address}/lid.ftz"), tmp_path / "by-url")
    assert by_url.signals.project('"signal.language"').fetchall() == [("de",)]
    assert len(asked) == 2, "the driver's digest, and the worker's copy"
    (tmp_path / "texts.jsonl").write_text(json.dumps({"text": "Un autre texte, en français cette fois-ci."}) + "\n")
    again = run(tmp_path / "job.yaml", tmp_path / "again")
    assert again.signals.project('"signal.language"').fetchall() == [("fr",)]
    assert len(asked) == 3, "the copy of before serves the second run"


def test_a_path_starts_from_the_folder_of_the_spec(tmp_path, monkeypatch):
    (tmp_path / "models").mkdir()
    (tmp_path / "models" / "lid.ftz").write_bytes(MODEL)
    (tmp_path / "elsewhere").mkdir()
    monkeypatch.chdir(tmp_path / "elsewhere")
    spec = load_spec(spec_in(tmp_path, "models/lid.ftz"))
    (found,) = plan_run(spec, root=tmp_path).artifacts
    assert found == Artifact(name="models/lid.ftz", place=str(tmp_path / "models" / "lid.ftz"), sha256=SHA256)


def test_another_digest_than_the_specs_is_an_error_before_anything_starts(tmp_path):
    (tmp_path / "lid.ftz").write_bytes(b"another model")
    spec = load_spec(spec_in(tmp_path, "lid.ftz"))
    found = hashlib.sha256(b"another model").hexdigest()
    with pytest.raises(ArtifactError) as error:
        plan_run(spec, root=tmp_path)
    assert str(error.value) == f"lid.ftz: expected sha256 {SHA256}, found {found}; check the file or correct the spec"


def test_a_damaged_copy_in_the_cache_is_fetched_again(server, tmp_path):
    address, asked = server
    copy = tmp_path / "cache" / "gristmill" / "artifacts" / SHA256
    copy.parent.mkdir(parents=True)
    copy.write_bytes(b"damaged")
    found = local_files((Artifact(name="lid", place=f"{address}/damaged.ftz", sha256=SHA256),))
    assert found == {"lid": copy}
    assert copy.read_bytes() == MODEL
    assert asked == ["/damaged.ftz"]
