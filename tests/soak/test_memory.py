"""Peak memory of a whole run: the sum of PSS over its process tree, at growing inputs."""

import gzip
import json
import random
import sys

import pytest

from tests.soak.process_memory import ROOT, run_and_record

MB = 10**6
TEXTS = ("medquad_qa", "udhr", "xquad_wiki", "law_de_gesetze", "fortunes")
MOST_CHARS = 20_000
SPEC = """
job: soak
inputs: {{data: {{files: [{data}], gates: [language]}}}}
gates: {{language: {{rules: [{{signal: language_score, min: 0.3, review_within: 0.02}}]}}}}
{shards}
"""
SHARDS = "shards: {{tokenizer: {tokenizer}, sequence_length: 1024}}"

pytestmark = [pytest.mark.soak]


def documents(corpora):
    """Texts of the corpora for ever; from the second round on with their words shuffled, so that none is a duplicate."""
    texts = []
    for name in TEXTS:
        with gzip.open(corpora / "text" / f"{name}.jsonl.gz") as file:
            texts += [json.loads(line)["text"][:MOST_CHARS] for line in file]
    yield from texts
    for seed in range(1, 1000):
        draw = random.Random(seed)
        for text in texts:
            words = text.split()
            draw.shuffle(words)
            yield " ".join(words)


def write_jsonl(corpora, path, num_bytes):
    written = 0
    with path.open("wb") as file:
        for number, text in enumerate(documents(corpora)):
            if written >= num_bytes:
                return
            written += file.write(json.dumps({"id": str(number), "text": text}, ensure_ascii=False).encode() + b"\n")


def peak_of(folder, corpora, num_bytes, *, shards):
    """Runs a job over `num_bytes` of JSONL; returns the peak PSS in bytes."""
    data = folder / f"data-{num_bytes}.jsonl"
    write_jsonl(corpora, data, num_bytes)
    tokenizer = ROOT / "pipelines" / "jobs" / "quickstart" / "tokenizer.json"
    spec = folder / "soak.yaml"
    spec.write_text(SPEC.format(data=data.name, shards=SHARDS.format(tokenizer=tokenizer) if shards else ""))
    program = "import sys; from pipelines.command.main import main; sys.exit(main())"
    arguments = [sys.executable, "-c", program, "run", str(spec), "-o", str(folder / f"run-{num_bytes}"), "--json"]
    peak, _ = run_and_record(arguments, f"{num_bytes // MB} MB, shards={shards}")
    data.unlink()
    return peak


def test_twice_the_input_takes_at_most_15_percent_more_memory(tmp_path, corpora):
    small = peak_of(tmp_path, corpora, 200 * MB, shards=True)
    large = peak_of(tmp_path, corpora, 400 * MB, shards=True)
    assert large <= 1.15 * small, f"{large / 2**20:.0f} MiB against {small / 2**20:.0f} MiB"


def test_two_gigabytes_of_text_run_within_3_gib(tmp_path, corpora):
    assert peak_of(tmp_path, corpora, 2000 * MB, shards=False) < 3 << 30
