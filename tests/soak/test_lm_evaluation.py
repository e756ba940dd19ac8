"""lm-evaluation-harness measures a trained model on local tasks, with nothing from a hub, as we do by hand."""

import json
import math
import os
import subprocess
from pathlib import Path

import numpy as np
import pytest

pytest.importorskip("torch", reason="the extra `trainer` is not installed: bash infra/setup.sh trainer")

from infra.benchmarks.peers import REPOSITORY, python_of
from pipelines.shards import export_shards
from tests.token_runs import documents, texts, tokenizer, write_run
from trainer.evaluate import load_model
from trainer.presets import Choices, preset_config
from trainer.scoring import continuations, score
from trainer.shards import open_shards
from trainer.train import train

pytestmark = [pytest.mark.soak, pytest.mark.peer]

QUESTIONS = [
    {
        "question": text,
        "choices": [" river stone", " carbon window", " seven"],
        "label": number % 3,
        "text": f"{text} {text}",
    }
    for number, text in enumerate(texts(12, seed=4, most_words=8))
]
PROGRAM = """
import json, sys
import lm_eval
from lm_eval.api.task import ConfigurableTask
from trainer.lm_evaluation import TrainedModel
local = {"dataset_path": "json", "dataset_kwargs": {"data_files": {"test": "questions.jsonl"}}, "test_split": "test", "num_fewshot": 0}
tasks = [ConfigurableTask(config={**local, **more}) for more in (
    {"task": "choice", "output_type": "multiple_choice", "doc_to_text": "question", "doc_to_choice": "choices",
     "doc_to_target": "label", "target_delimiter": "", "metric_list": [{"metric": "acc"}]},
    {"task": "bits", "output_type": "loglikelihood_rolling", "doc_to_text": "", "doc_to_target": "text",
     "metric_list": [{"metric": "bits_per_byte"}]},
    {"task": "open", "output_type": "generate_until", "doc_to_text": "question", "doc_to_target": "question",
     "generation_kwargs": {"until": ["zzz"], "max_gen_toks": 5, "do_sample": False}, "metric_list": [{"metric": "bypass"}]},
)]
found = lm_eval.simple_evaluate(model=TrainedModel("trained", "run/exports/latest"), tasks=tasks, bootstrap_iters=0)
generated = [sample["resps"][0][0] for sample in found["samples"]["open"]]
print(json.dumps([found["results"]["choice"]["acc,none"], found["results"]["bits"]["bits_per_byte,none"], generated]))
"""


def test_the_harness_finds_what_scoring_by_hand_finds(tmp_path: Path):
    root = tmp_path / "run"
    shards = open_shards(root / export_shards(write_run(root, [documents(texts(40))])).folder)
    train(shards, preset_config("tiny", shards.manifest, Choices()), tmp_path / "trained", tell=lambda _text: None)
    (tmp_path / "questions.jsonl").write_text("".join(json.dumps(row) + "\n" for row in QUESTIONS))
    environment = {**os.environ, "PYTHONPATH": str(REPOSITORY), "HF_HUB_OFFLINE": "1", "HF_HOME": str(tmp_path / "hf")}
    command = [python_of("lm-eval", sees_ours=True), "-W", "ignore", "-c", PROGRAM]
    done = subprocess.run(
        command, check=False, cwd=tmp_path, env=environment, capture_output=True, text=True, timeout=600
    )
    assert done.returncode == 0, done.stderr[-3000:]
    accuracy, bits, generated = json.loads(done.stdout.splitlines()[-1])

    model, _ = load_model(tmp_path / "trained")
    length = shards.manifest.sequence_length

    def nats(text: str, given: str = "") -> float:
        ids, skipped = tokenizer().encode([given + text])[0], len(tokenizer().encode([given])[0])
        return float(
            score(model, [ids.astype(np.int64)[-length - 1 :] if given else ids], length=length)[0]
            .loss_N[-(len(ids) - skipped) :]
            .sum()
        )

    right = [
        row["label"] == int(np.argmin([nats(choice, str(row["question"])) for choice in row["choices"]]))
        for row in QUESTIONS
    ]
    assert accuracy == pytest.approx(sum(right) / len(right))
    size = sum(len(str(row["text"]).encode()) for row in QUESTIONS)
    assert bits == pytest.approx(sum(nats(str(row["text"])) for row in QUESTIONS) / math.log(2) / size, rel=1e-4)
    for row, text in zip(QUESTIONS, generated, strict=True):
        ids = tokenizer().encode([str(row["question"])])[0].astype(np.int64)[-length:]
        goes_on = continuations(model, ids[None], 5)[0]
        whole = goes_on[: list(goes_on).index(shards.manifest.eos_id)] if shards.manifest.eos_id in goes_on else goes_on
        assert text == tokenizer().decode(whole)
