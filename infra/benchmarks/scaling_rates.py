"""CPU seconds and disk of a run over real text, for docs/scaling.md: `gristmill plan` with a sample of everything.

Writes infra/benchmarks/results/scaling_rates.json. Needs $GRISTMILL_CORPORA.
"""

import datetime
import json
import subprocess
import sys
import tempfile
from pathlib import Path

import real_text

TEXT_BYTES = 60_000_000
RESULTS = Path(__file__).parent / "results" / "scaling_rates.json"
TOKENIZER = Path(__file__).resolve().parents[2] / "pipelines" / "jobs" / "quickstart" / "tokenizer.json"
SPEC = """
job: rates
inputs: {{text: {{files: [text.jsonl], gates: [quality, repetition]}}}}
gates: {{quality: {{preset: gopher_quality}}, repetition: {{preset: gopher_repetition}}}}
shards: {{tokenizer: {tokenizer}, sequence_length: 2048}}
"""


def main() -> None:
    """Measures, and writes the result."""
    with tempfile.TemporaryDirectory() as folder:
        lines = [json.dumps({"text": text}) for text in real_text.texts(TEXT_BYTES)]
        Path(folder, "text.jsonl").write_text("\n".join(lines) + "\n", encoding="utf-8")
        Path(folder, "rates.yaml").write_text(SPEC.format(tokenizer=TOKENIZER), encoding="utf-8")
        program = "import sys; from pipelines.command.main import main; sys.exit(main())"
        call = [sys.executable, "-c", program, "plan", f"{folder}/rates.yaml", "--sample", "1000", "--json"]
        found = json.loads(subprocess.run(call, capture_output=True, check=True, text=True).stdout)
    kept = ("documents", "text_bytes", "shingles_per_document", "tokens", "disk_bytes", "cpu_seconds")
    result = {"date": datetime.datetime.now(tz=datetime.UTC).date().isoformat(), **{name: found[name] for name in kept}}
    RESULTS.write_text(json.dumps(result, indent=1, sort_keys=True) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
