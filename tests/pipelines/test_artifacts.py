"""Models and lists that measuring reads: by path or by URL, with a digest, fetched once."""

import hashlib
import http.server
import json
from dataclasses import replace

import pytest

from curation.errors import ArtifactError, SpecError
from curation.quality.language import PACKAGED_MODEL
from pipelines.artifacts import Artifact, local_files
from pipelines.configured import LocalFile
from pipelines.job import run_job
from pipelines.progress import silent
from pipelines.run_plan import plan_run
from pipelines.rundir import open_run
from pipelines.spec_file import load_spec
from pipelines.spec_paths import moved
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
    assert found == {"lid": LocalFile(path=copy, sha256=SHA256)}
    assert copy.read_bytes() == MODEL
    assert asked == ["/damaged.ftz"]


LISTS = """
job: made
inputs: {pages: {files: [pages.jsonl], gates: [url_rules]}}
signals: [url_rules]
gates: {url_rules: {preset: url_rules}}
url_lists: {ut1: blacklists, categories: [adult, gambling], hosts: [hosts.txt]}
dedup: {near: null}
runner: {mode: in_memory, workers: 1}
"""


def lists_in(folder):
    for name, content in (
        ("blacklists/adult/domains", "bad.com\n"),
        ("blacklists/adult/urls", "fine.com/~joe\n"),
        ("blacklists/gambling/domains", "dice.org\n"),
        ("hosts.txt", "one.fine.com\n"),
    ):
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text(content)
    pages = (
        "https://fine.com/",
        "https://x.bad.com/",
        "https://fine.com/~joe/a",
        "https://dice.org",
        "https://one.fine.com",
    )
    (folder / "pages.jsonl").write_text("".join(f"{json.dumps({'text': url, 'url': url})}\n" for url in pages))
    (folder / "job.yaml").write_text(LISTS)
    return folder / "job.yaml"


@pytest.mark.slow
def test_lists_of_ut1_decide_and_every_decision_names_the_entry(tmp_path):
    found = run(lists_in(tmp_path), tmp_path / "run")
    query = """SELECT url, d.decided_by, d.failed[1].found, "signal.url_list"
               FROM decisions d JOIN measured USING (doc_id) WHERE state = 'dropped' ORDER BY url"""
    assert found.sql(query).fetchall() == [
        ("https://dice.org", "url_rules/url_domain", "dice.org", "gambling/domains"),
        ("https://fine.com/~joe/a", "url_rules/url_page", "fine.com/~joe", "adult/urls"),
        ("https://one.fine.com", "url_rules/url_host", "one.fine.com", "hosts.txt"),
        ("https://x.bad.com/", "url_rules/url_domain", "bad.com", "adult/domains"),
    ]


def test_the_fingerprint_covers_what_lists_hold_and_not_where_they_lie(tmp_path):
    spec = load_spec(lists_in(tmp_path))
    before = plan_run(spec, root=tmp_path).fingerprint
    tmp_path.joinpath("blacklists").rename(tmp_path / "moved")
    moved = replace(spec, url_lists=replace(spec.url_lists, ut1="moved"))
    assert plan_run(moved, root=tmp_path).fingerprint == before
    (tmp_path / "hosts.txt").write_text("two.fine.com\n")
    assert plan_run(moved, root=tmp_path).fingerprint != before


def test_a_category_whose_domains_are_missing_is_an_error(tmp_path):
    spec = load_spec(lists_in(tmp_path))
    wrong = replace(spec, url_lists=replace(spec.url_lists, categories=("adlut",)))
    with pytest.raises(ArtifactError) as error:
        plan_run(wrong, root=tmp_path)
    assert str(error.value) == "blacklists/adlut/domains: cannot read this artifact: No such file or directory"


def test_categories_without_a_folder_are_refused(tmp_path):
    lists_in(tmp_path)
    (tmp_path / "job.yaml").write_text(LISTS.replace("ut1: blacklists, ", ""))
    with pytest.raises(SpecError) as error:
        load_spec(tmp_path / "job.yaml")
    assert str(error.value) == (
        "job.yaml:6:13: url_lists.categories: expected `ut1` beside it, the folder that the categories are in, found none"
    )


def test_a_spec_that_is_written_elsewhere_finds_its_lists_again(tmp_path):
    spec = load_spec(lists_in(tmp_path))
    (tmp_path / "deep" / "down").mkdir(parents=True)
    elsewhere = moved(spec, root=tmp_path, folder=tmp_path / "deep" / "down")
    assert elsewhere.url_lists.ut1 == "../../blacklists"
    assert elsewhere.url_lists.hosts == ("../../hosts.txt",)
    found = plan_run(elsewhere, root=tmp_path / "deep" / "down")
    assert [artifact.place for artifact in found.artifacts] == [
        artifact.place for artifact in plan_run(spec, root=tmp_path).artifacts
    ]
