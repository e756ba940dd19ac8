"""The stage `synthesize`: children are marked, gated and capped, and change nothing for the documents they are made of."""

import json
import os
import shutil
import signal
import subprocess
import sys
from pathlib import Path

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq
import pytest

from curation.errors import ConservationError, SpecError
from pipelines.conservation import findings
from pipelines.deciding_again import decide_again
from pipelines.job import run_job
from pipelines.progress import silent
from pipelines.questions import why_document
from pipelines.resuming import resume_run
from pipelines.rundir import Run, open_run
from pipelines.spec_file import load_spec, parse_spec
from pipelines.store import Store
from pipelines.token_law import check_tokens
from pipelines.verify import verify_run
from tests.reviewed_runs import answer, questions, write_answers
from tests.synthetic_runs import SPEC, SYNTHESIS, run_valleys, write_valleys

pytestmark = pytest.mark.slow
DECIDED = "doc_id, state, decided_by, failed::VARCHAR, review_reasons::VARCHAR, survivor_id, split"


@pytest.fixture(scope="module")
def path(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return run_valleys(tmp_path_factory.mktemp("synthesis"))


@pytest.fixture
def run(path: Path) -> Run:
    return open_run(path)


def rows(run: Run, query: str) -> list[tuple[object, ...]]:
    return run.sql(query).fetchall()


def test_children_are_marked_and_traceable_to_a_parent_that_is_kept(run: Run):
    children = rows(
        run,
        "SELECT c.generator, c.license, c.url, p.url IS NOT NULL, d.state, d.split FROM measured c "
        "JOIN measured p ON c.parent_id = p.doc_id JOIN decisions d ON d.doc_id = p.doc_id",
    )
    (made,) = rows(run, "SELECT count(*) FROM measured WHERE generator IS NOT NULL")[0]
    assert len(children) == made > 20
    assert set(children) == {("mined", "CC0-1.0", None, True, "kept", "train")}


def test_other_documents_end_as_they_do_without_synthesis(run: Run, tmp_path: Path):
    without = open_run(run_valleys(tmp_path, spec=SPEC))
    mine = (
        f"SELECT {DECIDED} FROM decisions SEMI JOIN (FROM measured WHERE generator IS NULL) USING (doc_id) ORDER BY 1"
    )
    assert rows(run, mine) == rows(without, mine)
    states = {row[1] for row in rows(without, mine)}
    assert states == {"kept", "dropped"}, "nothing was there to be changed"
    assert {row[6] for row in rows(without, mine)} == {"train", "validation", None}


def test_children_pass_the_gates_of_their_parents_input_and_links_never_join_the_two(run: Run):
    judged = rows(
        run,
        "SELECT DISTINCT decided_by FROM decisions SEMI JOIN (FROM measured WHERE generator NOTNULL) USING (doc_id)",
    )
    assert {row[0] for row in judged} <= {None, "size/num_chars", "dedup/near", "dedup/exact_text"}
    linked = (
        "SELECT count(*) FROM links JOIN measured m ON links.doc_id = m.doc_id WHERE m.parent_id = links.earlier_id"
    )
    assert rows(run, linked) == [(0,)]


def test_no_synthetic_document_is_held_out(run: Run):
    found = rows(run, "SELECT DISTINCT split FROM documents WHERE generator IS NOT NULL")
    assert found == [("train",)]


def exported(run: Run) -> dict[str, object]:
    return json.loads(run.store.read(f"exports/{run.latest_export}/manifest.json"))


def test_their_share_of_the_training_tokens_is_at_most_what_the_spec_allows_and_no_document_less(run: Run):
    totals = exported(run)["totals"]
    emitted = totals["tokens"] - totals["overlaps"]
    assert totals["synthetic"] <= 0.15 * emitted
    assert totals["synthetic_left_out"] > 0, "the cap was not reached"
    longest = max(row[0] for row in rows(run, "SELECT num_tokens + 1 FROM tokens"))
    assert totals["synthetic"] > 0.15 * emitted - longest
    assert totals["left_out"] == totals["synthetic_left_out"], "others were left out"


def test_the_law_of_tokens_finds_a_share_above_the_bound_and_a_wrong_total(run: Run, tmp_path: Path):
    subprocess.run(["cp", "-r", run.store.uri, str(tmp_path / "copy")], check=True)
    folder = f"exports/{run.latest_export}"
    manifest = tmp_path / "copy" / folder / "manifest.json"
    content = json.loads(manifest.read_text())
    content["max_synthetic_fraction"] = 0.01
    content["totals"]["synthetic"] += 1
    manifest.write_text(json.dumps(content))
    with pytest.raises(
        ConservationError, match=r"totals.synthetic: expected \d+, found \d+.*at most \d+ synthetic tokens"
    ):
        check_tokens(Store(str(tmp_path / "copy")), folder)


def test_children_of_a_document_that_other_thresholds_drop_are_dropped_with_it(run: Run, tmp_path: Path):
    settings = ["gates.size.rules[0].max=1000"]
    other = parse_spec(run.store.read("spec.yaml"), name="spec.yaml", settings=settings, folder=None)
    again = decide_again(run, other, tmp_path / "again", progress=silent())
    lost = rows(
        again,
        "SELECT d.state, d.failed[1].rule, d.failed[1].found, p.state, c.generator FROM decisions d "
        "JOIN measured c USING (doc_id) JOIN decisions p ON p.doc_id = c.parent_id "
        "WHERE d.decided_by = 'synthesis/parent_not_kept'",
    )
    reason = ("synthesis/parent_not_kept", "what it was made of is not kept")
    assert set(lost) == {("dropped", *reason, "dropped", "mined")}


def test_children_of_a_document_that_people_drop_go_with_it_in_the_next_round(path: Path, tmp_path: Path):
    shutil.copytree(path.parent, tmp_path / "job")
    copy = tmp_path / "job" / "run"
    asked = {row["doc_id"]: row for row in questions(copy)}
    made = "SELECT DISTINCT parent_id FROM documents WHERE generator IS NOT NULL ORDER BY 1"
    parent = next(found for (found,) in rows(open_run(copy), made) if found in asked)
    write_answers(copy, [answer(asked[parent], "drop")])
    after = open_run(resume_run(str(copy), progress=silent()).run.uri)

    ends = rows(
        after,
        "SELECT c.parent_id, d.state, d.decided_by FROM decisions d JOIN measured c USING (doc_id) "
        "WHERE c.generator IS NOT NULL",
    )
    assert {end[1:] for end in ends if end[0] == parent} == {("dropped", "synthesis/parent_not_kept")}
    before = rows(open_run(copy), "SELECT count(*) FROM documents WHERE generator IS NOT NULL")[0][0]
    gone = sum(end[0] == parent for end in ends)
    assert sum(end[1] == "kept" for end in ends) >= before - gone, "children of others stay"
    totals = exported(after)["totals"]
    assert totals["synthetic"] <= 0.15 * (totals["tokens"] - totals["overlaps"]), "the bound holds in the new export"
    assert verify_run(after.store.uri) == []


def test_the_report_counts_by_template_and_why_names_parent_and_template(run: Run):
    page = run.store.read("report.html").decode()
    section = page[page.index('<section id="synthetic">') :].partition("</section>")[0]
    assert "At most 15% of the training tokens" in section
    ((child, parent, template),) = rows(
        run, "SELECT doc_id, parent_id, template FROM documents WHERE generator IS NOT NULL ORDER BY doc_id LIMIT 1"
    )
    assert f">{template.replace('_', '_<wbr>')}<" in section
    (answer,) = why_document(run, child.hex())
    assert answer["explanation"]["made_of"] == parent.hex()
    assert answer["explanation"]["made_by"] == f"mined, {template}"


def test_the_law_of_documents_finds_a_kept_child_of_a_document_that_is_not_kept(run: Run, tmp_path: Path):
    copy = tmp_path / "copy"
    subprocess.run(["cp", "-r", run.store.uri, str(copy)], check=True)
    (parent,) = rows(run, "SELECT parent_id FROM documents WHERE generator IS NOT NULL ORDER BY doc_id LIMIT 1")[0]
    for part in (copy / "decisions").iterdir():
        table = pq.read_table(part)
        lost = pc.equal(table["doc_id"], pa.scalar(parent, pa.binary(16)))
        place = table.schema.get_field_index("state")
        state = pc.if_else(lost, "dropped", table["state"])
        pq.write_table(table.set_column(place, table.schema.field(place), state), part)
    assert [
        line for line in findings(open_run(copy)) if line.endswith("synthetic and kept, but what it was made of is not")
    ]


def contents(folder: Path) -> dict[str, bytes]:
    names = (path for path in sorted(folder.rglob("*")) if path.is_file())
    return {
        str(name.relative_to(folder)): name.read_bytes()
        for name in names
        if name.relative_to(folder).parts[0] != "ledger"
    }


def test_a_run_killed_while_it_makes_documents_goes_on_to_the_same_bytes(path: Path, tmp_path: Path):
    spec = write_valleys(tmp_path)
    code = "import sys; from pipelines.command.main import main; sys.exit(main())"
    command = [sys.executable, "-c", code, "run", str(spec), "-o", str(tmp_path / "run")]
    killed = subprocess.run(
        command, env={**os.environ, "GRISTMILL_KILL_AT": "in_synthesis:3"}, capture_output=True, check=False
    )
    assert killed.returncode == -signal.SIGKILL, killed.stderr
    made = list((tmp_path / "run" / "signatures").glob("part-synthetic-*.parquet"))
    parts = list((tmp_path / "run" / "work" / "parents").iterdir())
    assert 0 < len(made) < len(parts), "the run was killed before or after the stage"
    run_job(load_spec(spec), spec_path=spec, output=str(tmp_path / "run"), limit=None, settings=(), progress=silent())
    assert contents(tmp_path / "run") == contents(path)


def test_a_job_that_measures_no_language_is_told_what_the_tasks_read(tmp_path: Path):
    spec = load_spec(write_valleys(tmp_path, spec=(SPEC + SYNTHESIS).replace("[language, statistics]", "[statistics]")))
    with pytest.raises(SpecError, match=r"synthesis.mined: reads 'signal.language', which no earlier step adds"):
        run_job(
            spec,
            spec_path=tmp_path / "job.yaml",
            output=str(tmp_path / "run"),
            limit=None,
            settings=(),
            progress=silent(),
        )
