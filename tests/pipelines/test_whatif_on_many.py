"""A million stored rows are judged again within seconds, by the clock or, where the machine is busy, in CPU time."""

import json
import os
import subprocess
import sys

import pytest

from tests.many_documents import write_many


@pytest.mark.slow
@pytest.mark.parametrize(
    "most", [pytest.param(5, marks=pytest.mark.soak, id="5_s_alone"), pytest.param(10, id="10_s_beside_others")]
)
def test_whatif_on_a_million_documents_takes_seconds(most, repository, tmp_path):
    write_many(tmp_path / "run", documents=1_000_000, parts=16)
    settings = ["--set", "quality.num_words.min=20", "--set", "repetition.dup_line_fraction.max=0.25"]
    call = "import sys; from pipelines.command.main import main; sys.exit(main())"
    command = [sys.executable, "-c", call, "whatif", str(tmp_path / "run"), *settings, "--json"]
    seconds, answer = [], {}
    for _ in range(3):
        start = os.times()
        done = subprocess.run(
            command, env=os.environ | {"PYTHONPATH": str(repository)}, capture_output=True, check=True
        )
        end = os.times()
        cpu = end.children_user + end.children_system - start.children_user - start.children_system
        seconds.append(min(cpu, end.elapsed - start.elapsed))
        answer = json.loads(done.stdout)
    assert answer["gates"]["before"]["read"] == 1_000_000
    assert answer["result"]["removed"]["documents"] > 10_000, "a threshold in the middle of the values drops many"
    assert min(seconds) < most, f"whatif took {seconds} s, start of the process included"
