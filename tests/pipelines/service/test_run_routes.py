"""What the API says of a run, on a made-up one that holds documents of every end."""

import hashlib
import json
import shutil
from pathlib import Path

import pytest
from fastapi.testclient import TestClient

from pipelines.service.service import Service
from pipelines.shards import export_shards
from tests.pipelines.service.services import finished_job
from tests.rundirs import example_docs, identity, write_run
from tests.token_runs import documents, texts
from tests.token_runs import write_run as write_token_run


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A made-up run, which tests only read."""
    folder = tmp_path_factory.mktemp("made") / "run"
    write_run(folder, example_docs())
    return folder


@pytest.fixture
def at(service: Service, run: Path) -> str:
    """The address of a job with a made-up run."""
    return f"/api/jobs/{finished_job(service, run).id}"


def test_the_funnel_leads_from_a_rule_to_its_documents(client: TestClient, at: str):
    found = client.get(f"{at}/overview").json()
    assert (found["is_finished"], found["funnel"]["read"], found["funnel"]["kept"]) == (True, 9, 2)

    rule = next(row for row in found["rules"] if row["name"] == "quality/num_words")
    assert (rule["counts"]["failed"], rule["counts"]["decided"]) == (2, 2)
    listed = client.get(f"{at}/documents", params={"rule": "quality/num_words"}).json()
    assert {item["document"]["url"] for item in listed} == {"https://a.example/1", "https://a.example/2"}
    assert {item["failed"][0]["threshold"] for item in listed} == {50.0}


def test_exact_duplicates_of_every_kind_are_listed_by_how_their_rules_begin(client: TestClient, at: str):
    found = client.get(f"{at}/documents", params={"decided_by": "dedup/exact_*"}).json()
    assert {item["decided_by"] for item in found} == {"dedup/exact_text"}


def test_pages_of_documents_hold_each_once(client: TestClient, at: str):
    found: list[str] = []
    while page := client.get(f"{at}/documents", params={"count": 4} | ({"after": found[-1]} if found else {})).json():
        found += [item["document"]["doc_id"] for item in page]

    assert found == sorted(identity(example_docs(), row).hex() for row in range(9))


def test_a_document_comes_with_text_values_and_thresholds_and_its_copies_lie_side_by_side(client: TestClient, at: str):
    near = identity(example_docs(), 3).hex()
    found = client.get(f"{at}/document", params={"name": near}).json()

    assert found["text"] == example_docs()[3].text
    assert found["answer"]["decided_by"] == "dedup/near"
    told = found["answer"]["explanation"]
    assert (told["link_jaccard"], told["link_threshold"]) == (0.75, 0.7)
    cluster = client.get(f"{at}/clusters").json()[0]
    members = client.get(f"{at}/documents", params={"cluster": cluster["cluster_id"]}).json()
    assert near in {member["document"]["doc_id"] for member in members}
    missing = client.get(f"{at}/document", params={"name": "https://nowhere.example"})
    assert missing.status_code == 422
    assert "found none" in missing.json()["detail"]


def test_what_waits_for_people_is_counted_by_its_reason(
    client: TestClient, service: Service, run: Path, tmp_path: Path
):
    shutil.copytree(run, tmp_path / "run")
    at = f"/api/jobs/{finished_job(service, tmp_path / 'run').id}"
    ledger = tmp_path / "run" / "people" / "ledger"
    ledger.mkdir(parents=True)
    (ledger / "project-document.json").write_text(json.dumps({"url": "http://127.0.0.1:8080/", "project": 7}))
    (ledger / "project-pair.json").write_text(json.dumps({"url": "javascript:alert(1)", "project": 7}))

    found = client.get(f"{at}/review").json()
    assert found["waiting"] == {"dedup/cluster_undecided": 1, "quality/alpha_word_fraction": 1}
    assert found["projects"] == {"document": "http://127.0.0.1:8080/projects/7"}


def test_a_job_that_has_written_nothing_yet_has_no_run(client: TestClient, service: Service, tmp_path: Path):
    at = f"/api/jobs/{finished_job(service, tmp_path / 'nowhere').id}"
    assert client.get(f"{at}/overview").status_code == 404
    assert client.get(f"{at}/exports").json() == []


def test_a_run_that_has_only_begun_shows_what_there_is_and_a_damaged_one_is_no_defect_of_the_service(
    client: TestClient, service: Service, run: Path, tmp_path: Path
):
    (tmp_path / "begun").mkdir()
    (tmp_path / "begun" / "spec.yaml").write_text("job: begun\ninputs: {web: {files: [a]}}\n")
    at = f"/api/jobs/{finished_job(service, tmp_path / 'begun').id}"
    found = client.get(f"{at}/overview").json()
    assert (found["is_finished"], found["funnel"]["read"]) == (False, 0)
    assert client.get(f"{at}/documents").json() == []
    assert client.get(f"{at}/review").json() == {"waiting": {}, "questions": {}, "answered": 0, "projects": {}}

    shutil.copytree(run, tmp_path / "damaged")
    for part in (tmp_path / "damaged" / "decisions").iterdir():
        part.write_bytes(b"PAR1 no more")
    at = f"/api/jobs/{finished_job(service, tmp_path / 'damaged').id}"
    for question in ("overview", "documents", "clusters", f"document?name={identity(example_docs(), 0).hex()}"):
        answer = client.get(f"{at}/{question}")
        assert answer.status_code == 503, question
        assert answer.json()["detail"]
    page = client.get(f"{at.removeprefix('/api')}/documents")
    assert (page.status_code, page.headers["content-type"]) == (503, "text/html; charset=utf-8")


@pytest.fixture(scope="module")
def exported(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A run with an export, which tests only read."""
    folder = tmp_path_factory.mktemp("exported") / "tokens"
    export_shards(write_token_run(folder, [documents(texts(40))]))
    return folder


@pytest.fixture
def export(service: Service, exported: Path) -> str:
    """The address of the exports of a job."""
    return f"/api/jobs/{finished_job(service, exported).id}/exports"


def test_exports_are_listed_and_every_file_comes_with_its_digest(client: TestClient, export: str):
    (found,) = client.get(export).json()
    files = client.get(f"{export}/{found['name']}/files").json()

    assert found["is_latest"]
    assert found["rows"] > 0
    assert {"manifest.json", "tokenizer.json", "order.parquet"} <= {file["path"] for file in files}
    for file in files:
        answer = client.get(f"{export}/{found['name']}/files/{file['path']}")
        assert hashlib.sha256(answer.content).hexdigest() == file["sha256"]
        assert answer.headers["etag"] == f'"{file["sha256"]}"'
        assert (Path(found["folder"]) / file["path"]).read_bytes() == answer.content


def test_ranges_are_sent_and_what_a_trainer_has_is_not(client: TestClient, export: str):
    (found,) = client.get(export).json()
    at = f"{export}/{found['name']}/files/tokenizer.json"
    whole = client.get(at)

    part = client.get(at, headers={"Range": "bytes=10-19"})
    assert (part.status_code, part.content) == (206, whole.content[10:20])
    assert part.headers["content-range"] == f"bytes 10-19/{len(whole.content)}"
    assert client.get(at, headers={"Range": "bytes=99999999-"}).status_code == 416
    assert client.get(at, headers={"Range": "bytes=0-9", "If-Range": '"other"'}).content == whole.content
    had = client.get(at, headers={"If-None-Match": whole.headers["etag"]})
    assert (had.status_code, had.content) == (304, b"")
    assert client.head(at).headers["content-length"] == str(len(whole.content))


@pytest.mark.parametrize(
    "path", ["../latest", "..%2Flatest", "%2e%2e/latest", "MANIFEST.sha256", "stages", "/etc/passwd"]
)
def test_only_files_that_the_export_names_are_sent(client: TestClient, export: str, path: str):
    (found,) = client.get(export).json()
    assert client.get(f"{export}/{found['name']}/files/{path}").status_code == 404


def test_a_loss_spike_leads_to_the_documents_of_its_step(client: TestClient, export: str):
    (found,) = client.get(export).json()
    at = f"{export}/{found['name']}/trace"
    first = client.get(at, params={"step": 0, "global_batch": 2}).json()

    assert {piece["row"] for piece in first} == {0, 1}
    assert client.get(at, params={"step": 0, "global_batch": 1}).json() == [p for p in first if p["row"] == 0]
