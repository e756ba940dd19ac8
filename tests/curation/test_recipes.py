"""Recipes: that functions and specs are the same, and what they decide of a few documents."""

import pyarrow as pa
import pytest

from curation import recipes
from curation.quality.gates import Gate
from curation.step import Plan
from pipelines.judging import gates_of
from pipelines.measuring import plan_of
from pipelines.spec_file import load_spec
from tests.curation.test_laws import document_batch

NAMES = ("fineweb", "refinedweb", "dclm_heuristics", "gopher")
PROSE = """The people of the town have a market by the river, and it is open on most days of the week.
They come with fruit and bread that was baked at night, and with cheese from farms in the hills.
In winter the stalls move to a hall near the station, where it is warm and there is room for all.
An old man sells maps of the valley; nobody knows who draws them, but every path on them is true.
Children are sent for milk, stay to hear the songs of the women, and come home late without it."""


def spec_of(name, repository):
    return load_spec(repository / "pipelines" / "jobs" / "recipes" / f"{name}.yaml")


@pytest.mark.parametrize("name", NAMES)
def test_a_recipe_measures_and_judges_the_same_as_function_and_as_spec(name, repository):
    plan, spec = getattr(recipes, name)(), spec_of(name, repository)
    by_phase = [tuple(step for step in phase if not isinstance(step, Gate)) for phase in plan.phases]
    measured = [tuple(step for step in phase if not is_of_dedup(step)) for phase in plan_of(spec).phases]
    assert by_phase == measured
    (of_source,) = gates_of(spec)
    assert of_source.gates == tuple(step for phase in plan.phases for step in phase if isinstance(step, Gate))


def is_of_dedup(step):
    return type(step).__module__.startswith("curation.dedup.")


@pytest.mark.parametrize("name", NAMES)
def test_plain_prose_passes_every_gate_of_a_recipe(name):
    assert failed(getattr(recipes, name)(), PROSE) == []


def failed(plan: Plan, text: str) -> list[str]:
    batch = plan(document_batch([text]))
    batch.validate(full=True)
    verdicts = [column for column in batch.schema.names if column.startswith("verdict.")]
    return [f"{name.removeprefix('verdict.')}/{entry['rule']}" for name in verdicts for entry in batch[name][0].as_py()]


def test_c4_judges_what_its_edit_has_left():
    assert failed(recipes.fineweb(), f"{PROSE}\nEnable JavaScript to see {{this}} page.") == []
    assert "c4/num_curly_brackets" in failed(recipes.fineweb(), f"{PROSE}\nThe set {{x}} is here.")


def test_a_page_that_loses_many_words_is_refused_by_refinedweb_alone():
    headings = "\n".join(f"HOME ABOUT CONTACT {number}" for number in range(5))
    assert failed(recipes.refinedweb(), f"{PROSE}\n{headings}") == ["refinedweb/removed_word_fraction"]
    assert failed(recipes.gopher(), f"{PROSE}\n{headings}") == []


def test_signals_say_which_phase_of_the_text_they_measured():
    schema = recipes.fineweb().output_schema(document_batch([]).schema)
    assert schema.field("signal.num_words").metadata == {b"phase": b"1"}
    assert schema.field("signal.num_sentences").metadata == {b"phase": b"2"}


def test_signals_of_a_batch_are_columns_of_numbers():
    schema = recipes.fineweb().output_schema(document_batch([]).schema)
    kinds = {schema.field(name).type for name in schema.names if name.startswith("signal.")}
    assert kinds == {pa.float64(), pa.string()}
