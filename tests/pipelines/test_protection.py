"""Decontamination and privacy in a run: what is dropped, cut, masked and reported, and what a spec may say of it."""

import json
import shutil
from pathlib import Path

import pyarrow.parquet as pq
import pytest

import gristmill
from curation.errors import ArtifactError, SpecError
from pipelines.command.main import main
from pipelines.evaluation_sets import EvaluationSet, index_of_sets
from pipelines.run_plan import plan_run
from pipelines.rundir import Run
from pipelines.spec_file import load_spec, parse_spec

ITEM = "Natalia sold clips to 48 of her friends in April and then she sold half as many clips in May"
CHOICE = "Half of what she sold in April, which makes seventy two clips altogether in the two months"
CLEAN = "The miller went down to the river in the morning to see whether the wheel would turn that day"
MAIL, CARD, ADDRESS = "anna.lee@firma.de", "4111 1111 1111 1111", "91.198.174.192"
TEXTS = {
    "whole": f"{CLEAN}. {ITEM.upper()}! The end.",
    "choice": f"{CLEAN}, and {CHOICE}",
    "clean": f"{CLEAN}.",
    "person": f"{CLEAN}: write to {MAIL}, pay by {CARD}, from {ADDRESS}.",
    "many": " ".join(f"p{number}@firma.de" for number in range(5)),
}
SPEC = """
job: guarded
inputs: {notes: {files: [notes.jsonl], gates: [contamination, privacy]}}
signals: [language]
gates:
  contamination: {rules: [{signal: contaminated_items, max: 0}]}
  privacy: {rules: [{signal: num_pii, max: 4, action: review}]}
decontamination: {index: index.npz}
privacy: {mask: [email, ip], replace_with: {ip: 22.214.171.124}}
dedup: {near: null}
"""


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("protection")
    rows = [{"id": name, "text": text} for name, text in TEXTS.items()]
    (folder / "notes.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    items = [{"id": "1", "question": ITEM, "choices": {"text": [CHOICE, "No"]}}, {"id": "2", "question": "Why?"}]
    (folder / "sums.jsonl").write_text("".join(json.dumps(item) + "\n" for item in items))
    command = ["contamination", "index", f"sums={folder}/sums.jsonl", "--field", "question", "--field", "choices"]
    assert main([*command, "-o", str(folder / "index.npz")]) == 0
    (folder / "job.yaml").write_text(SPEC)
    return folder


@pytest.fixture(scope="module")
def run(folder: Path) -> Run:
    return gristmill.run(str(folder / "job.yaml"), output=str(folder / "run"))


def decided(run: Run) -> dict[str, tuple[str, str | None]]:
    query = "SELECT user_id, state, decided_by FROM decisions JOIN measured USING (doc_id) ORDER BY ALL"
    return {name: (state, by) for name, state, by in run.sql(query).fetchall()}


def test_documents_with_an_item_are_dropped_and_those_with_many_spans_go_to_review(run: Run):
    assert decided(run) == {
        "choice": ("dropped", "contamination/contaminated_items"),
        "clean": ("kept", None),
        "many": ("review", "privacy/num_pii"),
        "person": ("kept", None),
        "whole": ("dropped", "contamination/contaminated_items"),
    }


def test_kinds_that_are_to_be_masked_are_and_others_are_counted_with_their_spans(run: Run):
    (row,) = (row for row in run.documents.to_table().to_pylist() if row["user_id"] == "person")
    assert row["text"] == f"{CLEAN}: write to <EMAIL>, pay by {CARD}, from 22.214.171.124."
    assert [(span["kind"], TEXTS["person"][span["start"] : span["end"]]) for span in row["pii"]] == [
        ("email", MAIL),
        ("credit_card", CARD),
        ("ip", ADDRESS),
    ]
    assert row["signal.num_pii_credit_card"] == 1.0
    assert [edit["rule"] for edit in row["edits"]] == ["pii_email", "pii_ip"]


def test_the_table_has_every_item_and_what_became_of_its_documents(run: Run):
    assert run.dataset("contamination").to_table().to_pylist() == [
        {"set": "sums", "item": "sums/1", "num_grams": 13, "most_found": 8, "num_documents": 2}
        | {"num_kept": 0, "num_review": 0, "num_dropped": 2},
        {"set": "sums", "item": "sums/2", "num_grams": 0, "most_found": 0, "num_documents": 0}
        | {"num_kept": 0, "num_review": 0, "num_dropped": 0},
    ]


def test_the_report_counts_personal_data_and_quotes_none_not_even_in_samples(run: Run, folder: Path):
    page = (folder / "run" / "report.html").read_text()
    assert "<h3>Personal data</h3>" in page
    assert "sums/1" in page
    for secret in (MAIL, CARD, ADDRESS, "p3@firma.de"):
        assert secret not in page
    assert "&lt;CREDIT_CARD&gt;" in page, "the sample of the document with a card should show its placeholder"


def test_a_run_with_a_cut_keeps_what_is_left_and_says_what_went(folder: Path):
    settings = ("decontamination.cut=true", "decontamination.window_bytes=0", "gates.contamination.rules[0].max=9")
    run = gristmill.run(str(folder / "job.yaml"), output=str(folder / "cut"), settings=settings)
    rows = {row["user_id"]: row for row in run.documents.to_table().to_pylist()}
    assert rows["whole"]["text"] == f"{CLEAN}. ! The end."
    assert [edit["rule"] for edit in rows["whole"]["edits"]] == ["contamination"]
    assert main(["verify", str(folder / "cut")]) == 0


def test_the_fingerprint_follows_the_index_and_not_where_it_lies(folder: Path, tmp_path: Path):
    def key(text: str) -> str:
        return plan_run(parse_spec(text.encode(), name="job.yaml", folder=folder), root=folder).fingerprint

    shutil.copy(folder / "index.npz", tmp_path / "same.npz")
    assert key(SPEC) == key(SPEC.replace("index.npz", str(tmp_path / "same.npz")))
    sets = [EvaluationSet(name="sums", files=("sums.jsonl",), fields=("question",))]
    (folder / "other.npz").write_bytes(gristmill_index(sets, folder))
    assert key(SPEC) != key(SPEC.replace("index.npz", "other.npz"))
    with pytest.raises(ArtifactError, match=r"^index.npz: expected sha256 0{64}, found [0-9a-f]{64}; check the file"):
        key(SPEC.replace("index.npz", "index.npz, sha256: '" + "0" * 64 + "'"))


def gristmill_index(sets: list[EvaluationSet], root: Path) -> bytes:
    from curation.contamination.index import write_index

    return write_index(index_of_sets(sets, root=root, ngram=13))


def test_common_texts_take_their_runs_out_and_sets_may_be_parquet(folder: Path, tmp_path: Path):
    import pyarrow as pa

    pq.write_table(pa.table({"id": ["1"], "text": [ITEM]}), tmp_path / "sums.parquet")
    (tmp_path / "common.jsonl").write_text(f"{json.dumps({'text': ITEM})}\n" * 11)
    sets = [EvaluationSet(name="sums", files=("sums.parquet",))]
    assert index_of_sets(sets, root=tmp_path, ngram=13).hash_G.size == 8
    without = index_of_sets(sets, root=tmp_path, ngram=13, common=("common.jsonl",))
    assert (without.hash_G.size, without.num_common) == (0, 1)


def test_the_command_says_what_to_add_to_the_spec_and_refuses_to_replace_a_file(folder: Path, capsys):
    command = ["contamination", "index", f"sums={folder}/sums.jsonl", "--field", "question", "-o"]
    assert main([*command, str(folder / "again.npz"), "--json"]) == 0
    facts = json.loads(capsys.readouterr().out)
    assert (facts["items"], facts["runs"], facts["short"], facts["common"]) == (2, 8, 1, 0)
    assert main([*command, str(folder / "again.npz")]) == 2
    assert "again.npz exists already; choose another name with -o, or --force" in capsys.readouterr().err
    assert main(["contamination", "index", "sums.jsonl"]) == 2
    assert "expected NAME=FILES with a name without /, found 'sums.jsonl='" in capsys.readouterr().err
    assert main(["contamination", "index", f"sums={folder}/sums.jsonl", "-o", str(folder / "none.npz")]) == 2
    expected = "sums.jsonl: expected records with the field 'text', found "
    assert expected in capsys.readouterr().err


@pytest.mark.parametrize(
    ("line", "message"),
    [
        (
            "privacy: {find: [email, mail]}",
            "x.yaml:3:25: privacy.find[1]: expected one of secret, iban, credit_card, email, ip, phone, found 'mail'. "
            "Write email.",
        ),
        (
            "privacy: {find: []}",
            "x.yaml:3:11: privacy.find: expected one kind or more, found none. Leave `privacy` out to",
        ),
        (
            "privacy: {find: [email], mask: [ip]}",
            "x.yaml:3:33: privacy.mask[0]: expected a kind of privacy.find ([email]), found 'ip'",
        ),
        ("privacy: {mask: [ip, ip]}", "x.yaml:3:22: privacy.mask[1]: expected each kind once, found 'ip' twice"),
        (
            "privacy: {mask: [ip], replace_with: {email: x}}",
            "x.yaml:3:38: privacy.replace_with.email: expected a kind of privacy.mask (ip), found 'email'",
        ),
        (
            "privacy: {regions: [UK]}",
            "x.yaml:3:21: privacy.regions[0]: expected a country by its two letters, such as US, found 'UK'",
        ),
        (
            "decontamination: {}",
            "x.yaml:3:1: decontamination: expected the key 'index', found none. It is required: an",
        ),
        (
            "decontamination: {index: 'https://host/x.npz'}",
            "x.yaml:3:1: decontamination.sha256: expected the sha256 of the file that is named beside it, found none",
        ),
        (
            "decontamination: {index: x.npz, window_bytes: 2MiB}",
            "x.yaml:3:33: decontamination.window_bytes: expected a size such as 64MiB in [0, 1MiB], found 2097152",
        ),
    ],
)
def test_what_a_spec_cannot_mean_is_said_with_its_place(line: str, message: str):
    with pytest.raises(SpecError) as error:
        parse_spec(f"job: x\ninputs: {{a: {{files: [a]}}}}\n{line}\n".encode(), name="x.yaml")
    assert str(error.value).startswith(message)


def test_a_job_loads_with_both_sections(folder: Path):
    spec = load_spec(folder / "job.yaml")
    assert spec.privacy is not None
    assert spec.privacy.mask == ("email", "ip")
