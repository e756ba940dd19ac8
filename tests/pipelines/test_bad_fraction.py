"""A run of which too much could not be read ends, and its error names the reason that took most."""

from pathlib import Path

import pytest

from curation.errors import TooManyBadRecords
from pipelines.job import run_job
from pipelines.progress import silent
from pipelines.spec_file import load_spec


def test_the_error_says_what_took_most(tmp_path: Path):
    bad = ['{"body": "another column"}'] * 3 + ["no JSON at all"] + ['{"text": "one that is read"}'] * 2
    (tmp_path / "a.jsonl").write_text("\n".join(bad) + "\n")
    path = tmp_path / "job.yaml"
    path.write_text("job: bad\ninputs: {web: {files: [a.jsonl]}}\n")
    expected = (
        r"4 of 6 records are dead letters, 3 of them text_missing, above limits.max_bad_fraction 0.1; see .*dead_letter"
    )
    with pytest.raises(TooManyBadRecords, match=expected):
        run_job(load_spec(path), spec_path=path, output=str(tmp_path / "r"), limit=None, settings=(), progress=silent())
