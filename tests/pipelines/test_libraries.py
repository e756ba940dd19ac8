"""The libraries that make text: their versions are part of a run's fingerprint, where the run uses them."""

from importlib import metadata

import pytest

from pipelines.run_plan import libraries_of
from pipelines.spec import InputSpec, JobSpec, PhaseSpec


@pytest.mark.parametrize(
    ("extractor", "extract", "edits", "later", "expected"),
    [
        ("resiliparse", "main", (), (), {"resiliparse"}),
        ("resiliparse", "none", (), (), set()),
        ("gristmill", "main", ("mojibake",), (), {"ftfy"}),
        ("resiliparse", "all", (), ("mojibake",), {"ftfy", "resiliparse"}),
    ],
)
def test_a_plan_names_the_versions_of_the_libraries_it_makes_text_with(extractor, extract, edits, later, expected):
    given = InputSpec(files=("x",), extractor=extractor, extract=extract)
    spec = JobSpec(job="t", inputs={"a": given}, edits=edits, phases=(PhaseSpec(edits=later),))
    assert libraries_of(spec) == {name: metadata.version(name) for name in expected}
