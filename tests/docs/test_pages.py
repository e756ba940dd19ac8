"""The programs and commands of docs/ do what the pages say."""

import re
import shutil
from pathlib import Path

import pyarrow as pa
import pytest

from curation import schema
from tests.docs.pages import blocks_of, run_page

MAX_RECIPE_LINES = 30


@pytest.fixture(scope="module")
def jobs(repository: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with the job specs and the sample, as a reader has them."""
    folder = tmp_path_factory.mktemp("reader")
    shutil.copytree(repository / "pipelines" / "jobs", folder, dirs_exist_ok=True)
    return folder


@pytest.fixture(scope="module")
def finished(repository: Path, jobs: Path) -> Path:
    """The same folder after the tutorial: it holds the quickstart's run as `run`."""
    run_page(repository / "docs" / "tutorial.md", jobs)
    return jobs


@pytest.mark.slow
def test_the_tutorial_ends_with_a_verified_run_and_an_export(finished: Path):
    assert (finished / "run" / "manifest.json").exists(), "the tutorial's run is unfinished"
    assert (finished / "run" / "exports" / "latest").exists(), "the tutorial's run has no shards"


@pytest.mark.slow
def test_each_library_opens_the_folders_of_a_run_in_one_line(finished: Path, repository: Path):
    outputs = run_page(repository / "docs" / "run-directory.md", finished)
    assert "kept" in outputs[0], "DuckDB's table of decisions names no kept documents"
    assert "num_rows" in outputs[3], "Hugging Face datasets printed no dataset"
    assert all(outputs), "a line printed nothing"


@pytest.mark.slow
def test_the_recipes_run_as_they_stand(finished: Path, repository: Path):
    outputs = run_page(repository / "docs" / "recipes.md", finished)
    assert all(outputs), "a recipe printed nothing"
    removed = outputs[2]
    assert "deu_19" in removed, "the two German orthographies should be near duplicates of each other"


@pytest.mark.slow
def test_the_page_on_classifiers_trains_uses_measures_and_calibrates_one(finished: Path, repository: Path):
    outputs = run_page(repository / "docs" / "classifiers.md", finished)
    assert (finished / "medical-web.json").exists(), "calibrate wrote nothing"
    assert "## Thresholds" in outputs[1], "train's card has no thresholds"
    assert any("\nall " in output for output in outputs), "evaluate showed no measures"


@pytest.mark.slow
def test_the_page_on_perplexity_trains_a_model_and_ranks_a_run_by_it(jobs: Path, repository: Path):
    *_, table = run_page(repository / "docs" / "perplexity.md", jobs)
    for bucket in ("head", "middle", "tail"):
        assert bucket in table, f"no document of the run is in the {bucket}"


def test_recipes_are_at_most_thirty_lines(repository: Path):
    text = (repository / "docs" / "recipes.md").read_text()
    for recipe in re.split(r"^## ", text, flags=re.MULTILINE)[1:]:
        code = re.findall(r"^```\w+.*?\n(.*?)^```$", recipe, re.MULTILINE | re.DOTALL)
        assert sum(block.count("\n") for block in code) <= MAX_RECIPE_LINES, recipe.splitlines()[0]


def test_the_signal_of_write_a_step_does_what_the_page_says(repository: Path, tmp_path: Path):
    outputs = run_page(repository / "docs" / "write-a-step.md", tmp_path)
    assert len(outputs) == 2, "the page should have two programs"


@pytest.mark.parametrize(
    ("folder", "columns"),
    [
        ("measured", pa.schema([*schema.DOCUMENT, *schema.PAGE_FIELDS])),
        ("signatures", schema.SIGNATURES),
        ("accounts", schema.ACCOUNT),
        ("dead_letter", schema.DEAD_LETTER),
        ("verdicts", schema.VERDICTS),
        ("links", schema.LINKS),
        ("canaries", schema.CANARIES),
        ("contamination", schema.CONTAMINATED_ITEMS),
        ("decisions", schema.DECISIONS),
        ("tokens", schema.TOKENS),
    ],
)
def test_the_run_directory_page_names_every_column_of(repository: Path, folder: str, columns: pa.Schema):
    text = (repository / "docs" / "run-directory.md").read_text()
    section = text.split(f"\n### {folder}\n")[1].split("\n### ")[0]
    missing = [name for name in columns.names if f"`{name}`" not in section]
    assert not missing, f"docs/run-directory.md, {folder}: columns {missing} are not described"


def test_links_between_pages_lead_somewhere(repository: Path):
    for page in [repository / "README.md", repository / "CONTRIBUTING.md", *(repository / "docs").glob("*.md")]:
        for target in re.findall(r"\]\(([^)#:]+)(?:#[^)]*)?\)", page.read_text()):
            assert (page.parent / target).exists(), f"{page.name} links to {target}, which is not there"


def test_every_runnable_block_names_a_language(repository: Path):
    for page in (repository / "docs").glob("*.md"):
        for block in blocks_of(page):
            assert block.code.strip(), f"{page.name}:{block.line}: an empty block"
