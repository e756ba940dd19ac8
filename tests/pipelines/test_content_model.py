"""The model of main content in a plan: another one makes another fingerprint, where pages are read by it."""

import pytest

from pipelines import run_plan
from pipelines.run_plan import plan_run
from pipelines.spec_file import parse_spec

JOB = "job: pages\ninputs: {{web: {{files: [a.html.jsonl], extractor: {extractor}}}}}\n"


@pytest.mark.parametrize(("extractor", "is_other"), [("gristmill", True), ("resiliparse", False)])
def test_another_model_makes_another_fingerprint_of_plans_that_read_by_it(extractor, is_other, tmp_path, monkeypatch):
    (tmp_path / "a.html.jsonl").write_text('{"text": "a"}\n')
    spec = parse_spec(JOB.format(extractor=extractor).encode(), name="job.yaml", folder=tmp_path)
    before = plan_run(spec, root=tmp_path).fingerprint
    monkeypatch.setattr(run_plan, "CONTENT_MODEL", "0" * 64)
    assert (plan_run(spec, root=tmp_path).fingerprint != before) == is_other
